"""A second opinion on words no rule knows: linear classifiers over n-grams.

There is one about danger to a life and one about the body. What each is about and its weights stand
in a file (``data/risk/<locale>/opinion*.json``, written by ``make opinion``;
docs/clinical/model-card.md). Runs of one to three words and four letters inside a word are hashed
into a table, so no word of the training data is kept. It reads the whole message and each passage
of it: a long entry is as grave as its gravest clause. It may only raise, and only to ``watch``: the
companion then asks, and nobody is paged on its word alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.contract import RISK_CATEGORIES
from bot.risk.normalise import PUNCTUATION, Text

#: What its evidence is called begins so, where a rule has its id.
IDS = "opinion."


def guessed(rule: str) -> bool:
    """Whether what an assessment rests on is a second opinion's guess and no rule's finding."""
    return rule.startswith(IDS)


#: An infusion is near for so many hours: the window of domain.md 1.6.
NEAR_HOURS = 72.0
#: Fewer words than this tell it nothing ("I'm done", "goodbye").
FEWEST = 4
#: A passage is a sentence of so many words, or several together, and never more than ``_MOST``.
_ENOUGH = 8
_MOST = 45
_SHARE = 0.7
_LONGEST_RUN = 3
_LETTERS = 4


@dataclass(frozen=True)
class Said:
    """What the classifier makes of one message, and the words (from, to) it rests on."""

    probability: float
    first: int
    last: int


@dataclass(frozen=True)
class Opinion:
    """One classifier of one language."""

    #: What its evidence is called, the kind of risk it guesses at, and what a clinician reads.
    id: str
    category: str
    reason: str
    version: int
    #: One weight a place of the table; a power of two of them.
    weights: Sequence[float]
    bias: float
    #: Turn the raw score of a message into a probability (Platt scaling).
    slope: float
    offset: float
    #: From this probability the companion asks.
    threshold: float
    #: Whether it is silent where a rule of its category knew a phrase and judged it harmless.
    heeds_rules: bool = field(default=False, kw_only=True)
    #: The threshold after an infusion, where what it guesses at is likelier then.
    near: float | None = field(default=None, kw_only=True)

    def asks_from(self, hours: float | None) -> float:
        """The threshold, so many hours after an infusion; None: there was none, or it is not
        known."""
        is_near = hours is not None and 0 <= hours <= NEAR_HOURS
        return self.near if self.near is not None and is_near else self.threshold

    def __call__(self, text: Text) -> Said:
        """How likely the writer is in danger, were risk as common as in the training data."""
        parts = passages(text)
        score, first, last = max((self._score(text.words[a:b]), a, b) for a, b in parts)
        probability = _logistic(self.slope * (score - handicap(len(parts))) + self.offset)
        return Said(probability, first, last)

    def _score(self, words: Sequence[str]) -> float:
        places = grams(words, len(self.weights))
        total = sum(self.weights[place] for place in places)
        return self.bias + total / math.sqrt(len(places) or 1)


def passages(text: Text) -> list[tuple[int, int]]:
    """The whole text first, then each passage of it, as ranges of words."""
    result = [(0, len(text.words))]
    begin = 0
    for index in range(1, len(text.words) + 1):
        size = index - begin
        ends = index == len(text.words) or text.sentence[index] != text.sentence[index - 1]
        if size >= _MOST or (ends and size >= _ENOUGH) or index == len(text.words):
            result.append((begin, index))
            begin = index
    return result if len(result) > 2 else result[:1]


def handicap(parts: int) -> float:
    """How much graver one of so many passages must be: each is one more chance of a false alarm.

    A logarithm would make up for it if passages were independent; those of one message are not.
    """
    return _SHARE * math.log(parts)


def grams(words: Sequence[str], size: int) -> set[int]:
    """Places in a table of ``size`` (a power of two) of everything that is looked at."""
    return {zlib.crc32(gram.encode()) & (size - 1) for gram in (*_runs(words), *_letters(words))}


def _runs(words: Sequence[str]) -> Iterator[str]:
    plain = [word for word in words if word not in PUNCTUATION]
    for size in range(1, _LONGEST_RUN + 1):
        for at in range(len(plain) - size + 1):
            yield " ".join(plain[at : at + size])


def _letters(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        padded = f"_{word}_"
        for at in range(len(padded) - _LETTERS + 1):
            yield "~" + padded[at : at + _LETTERS]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, x))))


def dump(opinion: Opinion, card: dict[str, Any]) -> str:
    """The file ``load`` reads. ``card``: what it learned from, for people."""
    raw = struct.pack(f"<{len(opinion.weights)}e", *opinion.weights)
    document = {
        **{key: getattr(opinion, key) for key in (*_ABOUT, "version", "heeds_rules")},
        **card,
        **{key: round(getattr(opinion, key), 6) for key in _NUMBERS},
        "near": opinion.near and round(opinion.near, 6),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "weights": base64.b64encode(zlib.compress(raw, 9)).decode("ascii"),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


#: What it is about.
_ABOUT = ("id", "category", "reason")
_NUMBERS = ("bias", "slope", "offset", "threshold")


def load(raw: bytes) -> Opinion:
    """Read and check the weights. Raises ValueError, saying what is wrong."""
    try:
        given = json.loads(raw)
        packed = zlib.decompress(base64.b64decode(given["weights"], validate=True))
        numbers = {key: float(given[key]) for key in _NUMBERS}
        texts = {key: str(given[key]) for key in _ABOUT}
        version, sha256 = int(given["version"]), given["sha256"]
        heeds_rules = bool(given["heeds_rules"])
        near = None if given.get("near") is None else float(given["near"])
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise ValueError(f"not the weights of a second opinion ({error!r})") from None
    if hashlib.sha256(packed).hexdigest() != sha256:
        raise ValueError("the weights are not those the checksum was made of")
    size = len(packed) // 2
    weights = array("d", struct.unpack(f"<{size}e", packed[: 2 * size]))
    if size < 2 or size & (size - 1) or len(packed) % 2:
        raise ValueError("the number of weights is not a power of two")
    if not all(map(math.isfinite, (*weights, *numbers.values()))):
        raise ValueError("a weight is not a number")
    lowest = numbers["threshold"] if near is None else near
    if not 0 < lowest <= numbers["threshold"] < 1 or numbers["slope"] <= 0:
        raise ValueError("a threshold is not between 0 and 1, or the slope is not positive")
    if texts["category"] not in RISK_CATEGORIES or not texts["id"].startswith(IDS):
        raise ValueError(f"the category is not a kind of risk, or the id does not begin {IDS}")
    about = (texts["id"], texts["category"], texts["reason"], version)
    told = (numbers[key] for key in _NUMBERS)
    return Opinion(*about, weights, *told, heeds_rules=heeds_rules, near=near)
