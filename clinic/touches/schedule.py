"""When each touch around an infusion is due: a pure function of its time, the zone and the policy.

Elapsed touches count real hours. Wall-clock touches go by the patient's own clock, where an hour
may be missing or come twice: a missing one becomes the first minute after the gap, of a doubled one
the first is meant (research/escalation.md 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from clinic.settings import ROOT

PATH = ROOT / "data" / "policy" / "touches.yml"


class TouchesError(ValueError):
    """The policy of touches cannot be used; start-up refuses it. Names the place."""


@dataclass(frozen=True)
class Quiet:
    """Hours of the patient's day in which nothing comes; they may span midnight."""

    begins: time
    ends: time

    def holds(self, local: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= local < self.ends
        return local >= self.begins or local < self.ends

    def over(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """``moment``, or the end of the quiet hours it falls into. UTC."""
        local = moment.astimezone(zone)
        if not self.holds(local.time()):
            return moment.astimezone(UTC)
        ends = on_the_wall(local.date(), self.ends, zone)
        return ends if ends > moment else on_the_wall(local.date() + _DAY, self.ends, zone)


@dataclass(frozen=True)
class Kind:
    """One line of the policy. ``day`` None: by real hours; else by the patient's clock. Hours and
    days count from an infusion's end, or back from its start (``before``)."""

    id: str
    content: str
    after_hours: float
    lasts_hours: float | None = None
    day: int | None = None
    at: time | None = None
    until: time | None = None
    #: The kind of record it asks about; empty: it goes with an infusion.
    about: str = ""
    before: bool = False
    #: The clinic's setting that may hold another hour for ``at``.
    set_by: str = ""

    @property
    def by_wall(self) -> bool:
        return self.day is not None

    def as_set(self, settings: Mapping[str, Any]) -> Kind:
        hour = settings.get(self.set_by)
        return self if hour is None else replace(self, at=time(int(hour)))


@dataclass(frozen=True)
class Policy:
    """``data/policy/touches.yml``, checked."""

    version: int
    quiet: Quiet
    #: Those that follow an infusion, those that come before a planned one, and those that follow a
    #: record of the patient's own.
    kinds: tuple[Kind, ...]
    before: tuple[Kind, ...]
    follow_ups: tuple[Kind, ...]

    def kind(self, kind_id: str) -> Kind | None:
        every = (*self.kinds, *self.before, *self.follow_ups)
        return next((kind for kind in every if kind.id == kind_id), None)

    def as_set(self, settings: Mapping[str, Any]) -> Policy:
        """With the hours of the day that the clinic has set."""
        after, before, about = (
            tuple(kind.as_set(settings) for kind in kinds)
            for kinds in (self.kinds, self.before, self.follow_ups)
        )
        return replace(self, kinds=after, before=before, follow_ups=about)


@dataclass(frozen=True)
class Slot:
    """When a touch is due, and until when it may still come. UTC."""

    due: datetime
    until: datetime


_DAY = timedelta(days=1)


def slot(kind: Kind, moment: datetime, zone: ZoneInfo, quiet: Quiet) -> Slot | None:
    """The slot of a touch after an infusion that ended then or a step that was set then, or before
    an infusion that starts then; None when its time leaves no room outside the quiet hours."""
    earliest = moment.astimezone(UTC) + timedelta(hours=kind.after_hours)
    if kind.day is None or kind.at is None or kind.until is None:
        due = earliest
        until = earliest + timedelta(hours=kind.lasts_hours or 0)
    else:
        day = moment.astimezone(zone).date() + timedelta(days=kind.day)
        due = max(on_the_wall(day, kind.at, zone), earliest)
        until = on_the_wall(day, kind.until, zone)
    due = quiet.over(due, zone)
    return Slot(due, until) if due < until else None


def on_the_wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    """That time of that day by the clocks of ``zone``, in UTC."""
    naive = datetime.combine(day, at)
    for minute in range(2 * 24 * 60):
        shown = naive + timedelta(minutes=minute)
        moment = shown.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == shown:
            return moment
    raise ValueError(f"{zone} has no such day as {day}")


@lru_cache(maxsize=4)
def load(path: Path = PATH) -> Policy:
    """The checked policy. Raises TouchesError."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        quiet = Quiet(_time(document["quiet"]["from"]), _time(document["quiet"]["until"]))
        kinds = tuple(_kind(entry) for entry in document["touches"])
        if len({kind.id for kind in kinds}) != len(kinds):
            raise TouchesError("touches: two have the same id")
        after = tuple(kind for kind in kinds if not kind.about and not kind.before)
        before = tuple(kind for kind in kinds if kind.before)
        about = tuple(kind for kind in kinds if kind.about)
        return Policy(int(document["version"]), quiet, after, before, about)
    except (KeyError, TypeError) as error:
        raise TouchesError(f"touches: {type(error).__name__}: {error}") from None


def _kind(entry: Mapping[str, Any]) -> Kind:
    name = f"touch {entry['id']}"
    by_wall = [field in entry for field in ("day", "at", "until")]
    if any(by_wall) != all(by_wall) or all(by_wall) == ("lasts_hours" in entry):
        raise TouchesError(f"{name}: needs either lasts_hours, or day, at and until")
    times = {field: _time(entry[field]) for field in ("at", "until") if field in entry}
    if times and not times["at"] < times["until"]:
        raise TouchesError(f"{name}: until must come after at")
    ahead = entry["after_hours"] < 0 and entry.get("day", 0) < 0
    behind = entry["after_hours"] >= 0 and entry.get("day", 0) >= 0
    if entry.get("lasts_hours", 1) <= 0 or not (ahead if entry.get("before") else behind):
        raise TouchesError(f"{name}: a time lies beyond the infusion, or has no length")
    return Kind(**(dict(entry) | times))


def _time(text: Any) -> time:
    try:
        return time.fromisoformat(str(text))
    except ValueError:
        raise TouchesError(f"{text!r} is no time of day such as 09:00") from None
