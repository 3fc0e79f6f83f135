"""Sentence embeddings begun before their turn comes.

The edge says the words while it stores them; by the time the turn is composed the numbers are here.
Words that no turn ever brings (a clinician holds the chat, storing failed) are forgotten.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from bot import embedding
from bot.embedding import Vector

logger = logging.getLogger("afterglow.expected")

_MOST = 64
#: Seconds. A page of text takes a third of one; a turn waits no longer for a stuck computation.
_LONGEST = 3.0

_begun: OrderedDict[str, Future[Vector]] = OrderedDict()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="embedding")


def begin(text: str) -> None:
    """Start computing. Returns at once."""
    if text in _begun:
        return
    _begun[text] = _threads.submit(embedding.embed, text)
    if len(_begun) > _MOST:
        _begun.popitem(last=False)


def vector(text: str) -> Vector:
    """The embedding that was begun, or a fresh one. Raises EmbeddingError without a model."""
    begun = _begun.pop(text, None)
    if begun is not None:
        try:
            return begun.result(timeout=_LONGEST)
        except Exception as error:
            logger.error("An embedding that was begun failed: %s", type(error).__name__)
    return embedding.embed(text)
