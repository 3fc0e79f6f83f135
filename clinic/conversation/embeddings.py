"""Sentence embeddings of what patients write, begun while the message is still being stored.

The assistant computes its own when none comes with a turn, so a failure here costs only time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from bot import contract

log = logging.getLogger("afterglow.embeddings")

#: Texts begun and not asked for (a clinician holds the chat, a message was refused) are forgotten.
_MOST = 64
_WEIGHTS_AFTER = 2.0
#: Seconds. A page of text takes a third of one; a turn waits no longer for a stuck computation.
_LONGEST = 3.0


class Embeddings:
    """``begin(text)`` when it arrives, ``await of(text)`` when its turn is asked."""

    def __init__(self, longest: float = _LONGEST) -> None:
        """``longest``: seconds a turn waits for a computation that does not end."""
        self._longest = longest
        self._begun: OrderedDict[str, Future[str | None]] = OrderedDict()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="embedding")

    def begin(self, text: str) -> None:
        """Start computing. Returns at once; may be called from any thread."""
        text = text[: contract.MAX_TEXT]
        if not text or text in self._begun:
            return
        self._begun[text] = self._threads.submit(_encoded, text)
        if len(self._begun) > _MOST:
            self._begun.popitem(last=False)

    async def of(self, text: str) -> str | None:
        """The embedding as the contract carries it; None for no text, when it failed or stuck."""
        if not text:
            return None
        begun = self._begun.pop(text[: contract.MAX_TEXT], None)
        computing = asyncio.wrap_future(begun or self._threads.submit(_encoded, text))
        try:
            return await asyncio.wait_for(computing, self._longest)
        except TimeoutError:
            log.error("an embedding is stuck")
            return None


async def prepare() -> None:
    """Read the weights when the page is up and nobody waits for them."""
    await asyncio.sleep(_WEIGHTS_AFTER)
    await asyncio.to_thread(_encoded, "hello")


def _encoded(text: str) -> str | None:
    try:
        # Only here: weights and NumPy are not needed to be up and taking messages.
        from bot import embedding

        return embedding.encode(embedding.embed(text))
    except Exception as error:
        log.warning("no embedding: %s", type(error).__name__)
        return None
