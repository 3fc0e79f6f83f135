"""The words of risk: levels, categories, and what an assessment says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """How much a message worries us. Ordered: a higher level is a stronger duty.

    none: nothing. watch: the companion asks gently, nobody is paged. urgent: a clinician calls back
    the same day. emergency: on-call is paged now (design 4; triage tiers in domain.md 4.2).
    """

    none = 0
    watch = 1
    urgent = 2
    emergency = 3

    @classmethod
    def of(cls, name: str) -> Level:
        return cls[name]


@dataclass(frozen=True)
class Evidence:
    """Why: one rule that matched. ``start``/``end`` are offsets into the original text."""

    start: int
    end: int
    rule: str
    version: int
    category: str
    level: Level
    reason: str


@dataclass(frozen=True)
class Context:
    """What the assessment may know besides the words. Hours since the end of the last infusion."""

    hours_since_infusion: float | None = None
    stage: str | None = None
    #: The clinic's own hours, by the setting's name (bot/stages.py, LIMITS).
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What the conversation carries: risk is sticky and falls only by a screen or a human (I5)."""

    level: Level = Level.none
    categories: tuple[str, ...] = ()
    #: Earlier patient messages, newest last, for patterns over several turns.
    history: tuple[str, ...] = ()
    #: Signs of earlier messages (``Assessment.signs``); without them ``history`` is read again.
    signs: tuple[str, ...] = ()
    #: How many earlier messages were a ``watch``.
    watches: int = 0


@dataclass(frozen=True)
class Assessment:
    """What one message means: ``level`` is its own, ``conversation_level`` includes state."""

    level: Level
    conversation_level: Level
    categories: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    #: The second opinion's probability of current risk, 0 to 1; None when it was not asked.
    score: float | None = None
    #: Identifies the rule files used, e.g. "en-3f2a91c0".
    rules: str = ""
    #: Set when the detector itself failed: counted as urgent, a human looks (I4).
    unscreened: bool = False
    notes: tuple[str, ...] = field(default_factory=tuple)
    #: What the message is a sign of, for weighing with later messages (``State.signs``).
    signs: tuple[str, ...] = ()


#: What a message counts as when it could not be assessed: never silence.
def failed() -> Assessment:
    return Assessment(
        level=Level.urgent, conversation_level=Level.urgent, unscreened=True, notes=("unscreened",)
    )
