"""What is heard by its words alone, wherever it is said and whatever the classifier made of it.

Questions that no program may answer: about a medicine, a dose, how it will go, what somebody has,
and whether a memory is true. And what the clinic has to know at some stages, also when nobody has
asked: a meal, a drink, no ride home. A guess that fails must not let one of them pass, so these go
by the names of medicines (``data/policy/medicines.yml``) and by a few shapes of a sentence
(``data/policy/heard.yml``). Being wrong here costs the clinic one line on its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent / "data" / "policy"

MEDICATION, DOSE, DIAGNOSIS, MEMORY = "ask_medication", "ask_dose", "ask_diagnosis", "ask_memory"
#: A sentence longer than this tells a story.
WORDS = 25
_SENTENCES = re.compile(r"(?<=[.!?;\n])\s+|\n+")
#: Between two questions: after a question mark, or where "and" goes on with a word that asks.
_JOINTS = re.compile(
    r"(?<=\?)\s+|\s*[,;]?\s+(?:and|also|plus|but)\s+(?=(?:also )?(?:who|what|when|where|why|how|is"
    r"|are|am|can|could|do|does|will|would|should|may|must)\b)",
    re.IGNORECASE,
)
_GROUPS = ("generic", "brands", "everyday")


@dataclass(frozen=True)
class Shapes:
    """The patterns of ``heard.yml`` and the names of ``medicines.yml``, each as one."""

    asking: re.Pattern[str]
    dose: re.Pattern[str]
    amount: re.Pattern[str]
    diagnosis: re.Pattern[str]
    prognosis: re.Pattern[str]
    memory: re.Pattern[str]
    elsewhere: re.Pattern[str]
    medicine: re.Pattern[str]


@dataclass(frozen=True)
class Told:
    """Something said in passing that is the clinic's, at these stages and no others."""

    intent: str
    stages: frozenset[str]
    shapes: re.Pattern[str]
    never: re.Pattern[str]

    def fits(self, sentence: str, stage: str) -> bool:
        """Whether this sentence tells it. A dream, or what somebody else did, tells nothing."""
        return (
            stage in self.stages
            and bool(self.shapes.search(sentence))
            and not self.never.search(sentence)
        )


def wish(text: str, stage: str = "") -> str | None:
    """The intent these words certainly have; None when they leave it to the classifier."""
    asked = next((asked for one in _sentences(text) if (asked := _of(one))), None)
    return asked or next((_told(one, stage) for one in _sentences(text) if _told(one, stage)), None)


def _told(sentence: str, stage: str) -> str | None:
    return next((told.intent for told in tellings() if told.fits(sentence, stage)), None)


def elsewhere(text: str) -> bool:
    """Whether another place or another time is named: without one, no journey is meant."""
    return bool(_shapes().elsewhere.search(text.replace("\u2019", "'")))


def parts(text: str) -> list[str]:
    """The questions of a message that asks several, one after the other; else the whole."""
    found = (part.strip() for part in _JOINTS.split(text))
    return [part for part in found if part]


def _sentences(text: str) -> list[str]:
    parts = (part.strip() for part in _SENTENCES.split(text.replace("\u2019", "'")))
    return [part for part in parts if 0 < len(part.split()) <= WORDS]


def _of(sentence: str) -> str | None:
    shapes = _shapes()
    asks = shapes.asking.search(sentence)
    if asks and shapes.medicine.search(sentence):
        return MEDICATION
    if shapes.amount.search(sentence) or (asks and shapes.dose.search(sentence)):
        return DOSE
    if shapes.memory.search(sentence):
        return MEMORY
    if shapes.prognosis.search(sentence) or shapes.diagnosis.search(sentence):
        return DIAGNOSIS
    return None


@lru_cache(maxsize=1)
def tellings() -> tuple[Told, ...]:
    """What may be told in passing, as ``heard.yml`` has it; the first that fits counts."""
    listed = _read("heard")["told"]
    never = _any(listed["never"])
    return tuple(
        Told(intent, frozenset(one["stages"]), _any(one["shapes"]), never)
        for intent, one in listed["intents"].items()
    )


@lru_cache(maxsize=1)
def _shapes() -> Shapes:
    shapes = _read("heard")
    found = {
        name: _any(pattern.replace("CONDITION", shapes["conditions"]) for pattern in patterns)
        for name, patterns in shapes.items()
        if isinstance(patterns, list)
    }
    listed = _read("medicines")
    names = sorted((n for group in _GROUPS for line in listed[group] for n in line), key=len)
    words = "|".join(re.escape(name) for name in reversed(names))
    return Shapes(medicine=_any([rf"\b(?:{words})\b"]), **found)


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / f"{name}.yml").read_text(encoding="utf-8"))
    return document


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
