"""Where a patient is: a pure function from infusions, settings, zone and now to a stage.

Boundaries are hours since the end of the last infusion (design 4, research stage model S0-S13) and
are clinic-configurable. Wall-clock rules (driving, evening) belong to the patient's own zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Upper bound in hours of each stage after an infusion, in order.
AFTER: tuple[tuple[str, float], ...] = (
    ("recovery", 2),
    ("evening", 18),
    ("day_1", 36),
    ("day_2", 60),
    ("day_3", 84),
    ("day_4_5", 132),
)


@dataclass(frozen=True)
class Infusion:
    """One infusion of a patient. ``end`` is None while planned or running. Times are aware."""

    number: int
    start: datetime
    end: datetime | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Settings:
    """What a clinic sets about the clock. Hours; ``planned`` is the induction series' length."""

    after: tuple[tuple[str, float], ...] = AFTER
    day_of_hours: float = 12
    pre_next_hours: float = 48
    planned: int = 6
    end_of_induction_days: float = 14


@dataclass(frozen=True)
class Place:
    """Where the patient is now. ``hours_since`` counts from the end of the last infusion."""

    stage: str
    hours_since: float | None
    number: int | None


def place(now: datetime, infusions: Sequence[Infusion], settings: Settings = Settings()) -> Place:
    """The stage at ``now``. All times aware; elapsed time is counted in real hours, not wall hours.

    >>> from datetime import timezone
    >>> end = datetime(2026, 11, 19, 18, tzinfo=timezone.utc)
    >>> place(end + timedelta(hours=20), [Infusion(1, end - timedelta(hours=1), end)]).stage
    'day_1'
    """
    held = sorted((i for i in infusions if not i.cancelled), key=lambda i: i.start)
    running = next((i for i in held if i.start <= now and (i.end is None or now < i.end)), None)
    done = [i for i in held if i.end is not None and i.end <= now]
    coming = next((i for i in held if i.start > now), None)
    last = done[-1] if done else None
    hours = _hours(now, last.end) if last and last.end else None
    number = last.number if last else None
    if running is not None:
        return Place("infusion", hours, running.number)
    wait = _hours(coming.start, now) if coming else None
    if wait is not None and wait <= settings.day_of_hours:
        return Place("day_of", hours, number)
    if hours is None:
        return Place("preparation" if coming else "onboarding", None, None)
    for name, limit in settings.after:
        if hours < limit:
            return Place(name, hours, number)
    return Place(_between(hours, wait, number or 0, settings), hours, number)


def _between(hours: float, wait: float | None, number: int, settings: Settings) -> str:
    if wait is not None and wait <= settings.pre_next_hours:
        return "pre_next"
    if number < settings.planned:
        return "between"
    return "end_of_induction" if hours < settings.end_of_induction_days * 24 else "maintenance"


def _hours(later: datetime, earlier: datetime) -> float:
    return (later - earlier) / timedelta(hours=1)
