"""What a patient needs of a clinician, in words and in order: facts in, reasons out (pure).

The order and the times are policy (data/policy/caseload.yml). Nothing here is hidden in a number:
who stands higher has the stronger reason, and every reason is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.risk.levels import Level
from clinic.console.wording import When
from clinic.settings import ROOT

PATH = ROOT / "data" / "policy" / "caseload.yml"
KINDS = {
    *("alert", "watch", "request", "follow_up", "worse"),
    *("unread", "missed", "coming", "silent"),
}


class CaseloadError(ValueError):
    """The policy cannot be used; the text names the place."""


@dataclass(frozen=True)
class Alert:
    id: str
    number: int
    level: str
    categories: tuple[str, ...]
    opened_at: datetime
    #: The name of whoever acknowledged it; empty: nobody.
    holder: str


@dataclass(frozen=True)
class Change:
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


@dataclass(frozen=True)
class Facts:
    """What the record says of one patient, as one clinician finds it now."""

    #: The risk the conversation carries.
    risk: str = "none"
    alert: Alert | None = None
    requests: int = 0
    #: What this clinician has to follow up by today, in words.
    follow_up: str = ""
    changes: tuple[Change, ...] = ()
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


@dataclass(frozen=True)
class Need:
    """One reason. ``level`` names a shape and colour beside the words, or nothing."""

    kind: str
    words: str
    level: str = ""
    #: A moment the words speak of, shown beside them.
    at: datetime | None = field(default=None)


@lru_cache(maxsize=2)
def policy(path: Path = PATH) -> dict[str, Any]:
    """The checked policy document."""
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if set(read["needs"]) != KINDS or len(read["needs"]) != len(KINDS):
        raise CaseloadError(f"needs: must hold each of {', '.join(sorted(KINDS))} once")
    for name in ("score_days", "best_days", "missed", "coming_hours", "silent_days"):
        if not read.get(name, 0) > 0:
            raise CaseloadError(f"{name} must be more than 0")
    return read


def score_news(now: datetime) -> datetime:
    """Since when a score counts as news."""
    return now - timedelta(days=policy()["score_days"])


def best_since(now: datetime) -> datetime:
    """Since when the best score is looked for."""
    return now - timedelta(days=policy()["best_days"])


def needs(facts: Facts, when: When) -> list[Need]:
    """Every reason there is, the strongest first."""
    rules = policy()
    found = [need for make in _MAKE for need in make(facts, when, rules)]
    return sorted(found, key=lambda need: rules["needs"].index(need.kind))


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


def _follow_up(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    return [Need("follow_up", f"Follow up: {facts.follow_up}")] if facts.follow_up else []


def _worse(facts: Facts, when: When, _rules: dict[str, Any]) -> list[Need]:
    since = score_news(when.now)
    return [
        Need("worse", one.worse, at=one.at) for one in facts.changes if one.worse and one.at > since
    ]


def _unread(facts: Facts, _when: When, _rules: dict[str, Any]) -> list[Need]:
    parts = [
        _count(facts.unread, "message") if facts.unread else "",
        _count(facts.entries, "shared page", "shared pages") if facts.entries else "",
    ]
    said = " and ".join(part for part in parts if part)
    return [Need("unread", f"{said} you have not read")] if said else []


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


_MAKE = (_alert, _watch, _request, _follow_up, _worse, _unread, _missed, _coming, _silent)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
