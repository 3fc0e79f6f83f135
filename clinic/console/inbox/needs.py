"""What a patient needs of a clinician, in words and in order: facts in, reasons out (pure).

The order and the times are policy (data/policy/caseload.yml). Nothing here is hidden in a number:
who stands higher has the stronger reason, and every reason is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bot.risk.levels import Level
from clinic.console.wording import When
from clinic.settings import ROOT

PATH = ROOT / "data" / "policy" / "caseload.yml"
#: From so many unread messages on nobody asks for the number, and a long list need not count them.
MANY = 100
_NUMBERS = (
    *("score_days", "best_days", "mood_days", "mood_answers", "mood_sd"),
    *("missed", "coming_hours", "silent_days"),
)


class CaseloadError(ValueError):
    """The policy cannot be used; the text names the place."""


class Alert(NamedTuple):
    id: str
    number: int
    level: str
    categories: tuple[str, ...]
    opened_at: datetime
    #: The name of whoever acknowledged it; empty: nobody.
    holder: str


class Change(NamedTuple):
    """The newest two finished scores of a measure; ``said``: up, down or same (bot/measures.py).

    ``best`` and ``first`` (the last before the first infusion) only where the newest is worse by
    enough to mean something."""

    measure: str
    before: float
    after: float
    said: str
    at: datetime
    best: float | None = None
    first: float | None = None

    @property
    def worse(self) -> str:
        """In words; empty when it is not. A slow rise is one too, though no step of it is."""
        if self.said == "up":
            said = f"rose from {self.before:g} to {self.after:g}"
        elif self.best is not None:
            said = f"is {self.after:g}, up from a best of {self.best:g}"
        else:
            return ""
        above = "" if self.first is None else f", above the {self.first:g} before any infusion"
        return f"{self.measure} {said}{above},"


class Mood(NamedTuple):
    """The newest answer about mood, and those before it that are the patient's own usual."""

    value: float
    at: datetime
    earlier: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        return sum(self.earlier) / len(self.earlier)

    def low(self, rules: Mapping[str, Any]) -> bool:
        """Whether it is below the patient's own mean by more than their answers usually are."""
        if len(self.earlier) < rules["mood_answers"]:
            return False
        # Not the module for statistics: it is exact, and takes a tenth of the page for it.
        mean = self.mean
        spread = sqrt(sum([(one - mean) ** 2 for one in self.earlier]) / len(self.earlier))
        return bool(mean - self.value > rules["mood_sd"] * spread)


class Facts(NamedTuple):
    """What the record says of one patient, as one clinician finds it now."""

    #: The risk the conversation carries.
    risk: str = "none"
    alert: Alert | None = None
    requests: int = 0
    #: What a colleague wrote who gave them this patient, until they have read the record.
    handed: str = ""
    #: What this clinician has to follow up by today, in words.
    follow_up: str = ""
    changes: tuple[Change, ...] = ()
    mood: Mood | None = None
    #: Messages, and journal entries shared, that this clinician has not opened.
    unread: int = 0
    entries: int = 0
    #: Visits of the companion unanswered since the patient last wrote.
    missed: int = 0
    #: (number, start) of the next infusion.
    coming: tuple[int, datetime] | None = None
    last_at: datetime | None = None
    #: When they were added: who never wrote has been silent since.
    known_since: datetime | None = None
    ended: bool = False


class Need(NamedTuple):
    """One reason. ``level`` names a shape and colour beside the words, or nothing."""

    kind: str
    words: str
    level: str = ""
    #: A moment the words speak of, shown beside them.
    at: datetime | None = None


@lru_cache(maxsize=2)
def policy(path: Path = PATH) -> dict[str, Any]:
    """The checked policy document."""
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if sorted(read["needs"]) != sorted(_MAKE):
        raise CaseloadError(f"needs: must hold each of {', '.join(sorted(_MAKE))} once")
    for name in _NUMBERS:
        if not read.get(name, 0) > 0:
            raise CaseloadError(f"{name} must be more than 0")
    return read


def score_news(now: datetime) -> datetime:
    """Since when a score counts as news."""
    return now - timedelta(days=policy()["score_days"])


def needs(facts: Facts, when: When) -> list[Need]:
    """Every reason there is, the strongest first."""
    rules = policy()
    return [need for kind in rules["needs"] for need in _MAKE[kind](facts, when, rules)]


def order(found: list[Need], facts: Facts) -> tuple[object, ...]:
    """A sort key: by the strongest reason, then the next; graver alerts and longer waits first."""
    kinds = {need.kind for need in found}
    alert = facts.alert
    return (
        *(kind not in kinds for kind in policy()["needs"]),
        bool(alert and alert.holder),
        -Level.of(alert.level) if alert else 0,
        alert.opened_at.timestamp() if alert else 0.0,
        -facts.unread - facts.entries,
    )


def _alert(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    if facts.alert is None:
        return []
    one = facts.alert
    held = f"{one.holder} has it" if one.holder else "nobody has it yet"
    return [Need("alert", f"Alert {one.number}, {held}, opened", one.level, one.opened_at)]


def _watch(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    if facts.alert is not None or facts.risk == "none":
        return []
    if facts.risk == "watch":
        return [Need("watch", "Asked directly, no answer yet", "watch")]
    return [Need("watch", "No alert runs any more, and the level still stands", facts.risk)]


def _request(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    if not facts.requests:
        return []
    return [Need("request", f"{_count(facts.requests, 'request')} for the team")]


def _handed(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    return [Need("handed", f"Given to you: {facts.handed}")] if facts.handed else []


def _follow_up(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    return [Need("follow_up", f"Follow up: {facts.follow_up}")] if facts.follow_up else []


def _worse(facts: Facts, when: When, _rules: dict[str, Any]) -> list[Need]:
    if not facts.changes:
        return []
    since = score_news(when.now)
    said = [(one.worse, one.at) for one in facts.changes if one.at > since]
    return [Need("worse", words, at=at) for words, at in said if words]


def _unread(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    parts = [
        f"{MANY} or more messages" if facts.unread >= MANY else "",
        _count(facts.unread, "message") if 0 < facts.unread < MANY else "",
        _count(facts.entries, "shared page", "shared pages") if facts.entries else "",
    ]
    said = " and ".join(part for part in parts if part)
    return [Need("unread", f"{said} you have not read")] if said else []


def _mood(facts: Facts, when: When, rules: dict[str, Any]) -> list[Need]:
    one = facts.mood
    if one is None or one.at <= when.now - timedelta(days=rules["mood_days"]):
        return []
    if not one.low(rules):
        return []
    usual = f"below their own mean of {one.mean:.1f} in {len(one.earlier)} answers"
    return [Need("mood", f"Mood {one.value:g}, {usual},", at=one.at)]


def _missed(facts: Facts, _when: When, rules: dict[str, Any]) -> list[Need]:
    if facts.ended or facts.missed < rules["missed"]:
        return []
    return [Need("missed", f"{facts.missed} visits of the companion unanswered")]


def _coming(facts: Facts, when: When, rules: dict[str, Any]) -> list[Need]:
    if facts.coming is None:
        return []
    number, start = facts.coming
    if start > when.now + timedelta(hours=rules["coming_hours"]):
        return []
    return [Need("coming", f"Infusion {number} {when.soon(start)}")]


def _silent(facts: Facts, when: When, rules: dict[str, Any]) -> list[Need]:
    since = facts.last_at or facts.known_since
    if facts.ended or since is None:
        return []
    days = (when.now - since) // timedelta(days=1)
    if days < rules["silent_days"]:
        return []
    if facts.last_at is None:
        return [Need("silent", f"Has not written yet, {days} days after being added")]
    return [Need("silent", f"Has not written for {days} days")]


_MAKE = {
    "alert": _alert,
    "watch": _watch,
    "request": _request,
    "handed": _handed,
    "follow_up": _follow_up,
    "worse": _worse,
    "unread": _unread,
    "mood": _mood,
    "missed": _missed,
    "coming": _coming,
    "silent": _silent,
}


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
