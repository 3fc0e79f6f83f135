"""Where a patient is: a pure function from infusions, program, clinic settings and now to a stage.

Boundaries are hours since the end of the last infusion (design 4, research stage model S0-S13).
The table of the days is the same everywhere; what a clinic sets besides is in ``Settings``. Elapsed
time is real time, so a night when the clocks change has its real length. Only what people do by the
calendar (driving "the next day") belongs to the wall clock, in the zone the patient is in now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any

#: Upper bound in hours of each stage after an infusion, in order.
AFTER: tuple[tuple[str, float], ...] = (
    ("recovery", 2),
    ("evening", 18),
    ("day_1", 36),
    ("day_2", 60),
    ("day_3", 84),
    ("day_4_5", 132),
)
#: Nobody decides about consent, sharing or plans in these (domain.md R09, Q2).
IMPAIRED = ("infusion", "recovery", "evening")
#: Taps and at most this many words in these (domain.md Q13).
QUIET = ("infusion", "recovery")
QUIET_WORDS = 12
WORDS = 60
#: A clinic may take less for ordinary than domain.md 1.9 does, never more.
AFTER_EFFECTS_MOST = 4
#: Hours that the risk rules and the questions on the body read too (bot/risk/rules.py).
LIMITS = ("after_effects_hours", "driving_hours")
PROGRAMS = ("induction", "maintenance", "ended")


@dataclass(frozen=True)
class Infusion:
    """One infusion of a patient. ``end`` is None while planned or running. Times are aware."""

    number: int
    start: datetime
    end: datetime | None = None
    cancelled: bool = False
    booster: bool = False


@dataclass(frozen=True)
class Settings:
    """What a clinic sets about the clock, in hours; ``planned`` is the series' length.

    ``after`` is not a clinic's to set: what is said on a day is written for that day.
    """

    after: tuple[tuple[str, float], ...] = AFTER
    day_of_hours: float = 12
    pre_next_hours: float = 48
    #: Infusions may be two or three days apart: this close, the next one comes before looking back.
    next_first_hours: float = 24
    planned: int = 6
    #: An infusion whose end nobody recorded ran this long, and is taken for over after ``longest``.
    usual_minutes: float = 60
    longest_hours: float = 4
    #: No driving for this long, and not before the morning after (domain.md 1.9: the stricter).
    driving_hours: float = 24
    #: Fog, dizziness and nausea beyond this are for the clinic the same day (domain.md 1.9, 4.2).
    after_effects_hours: float = AFTER_EFFECTS_MOST
    morning: int = 6

    @property
    def limits(self) -> dict[str, float]:
        """The clinic's hours of LIMITS, by the setting's name."""
        return {name: getattr(self, name) for name in LIMITS}

    @classmethod
    def of(cls, chosen: Mapping[str, Any]) -> Settings:
        """From a clinic's own settings; what it has not set keeps its default.

        Raises ValueError naming the setting that is no number, or not above zero.
        """
        found: dict[str, Any] = {}
        for name in {f.name for f in fields(cls)} & set(chosen) - {"after"}:
            try:
                number = float(chosen[name])
            except (TypeError, ValueError):
                raise ValueError(f"the clinic setting {name} is no number") from None
            if not number > 0:
                raise ValueError(f"the clinic setting {name} must be above zero")
            found[name] = int(number) if name in ("planned", "morning") else number
            if name == "after_effects_hours":
                found[name] = min(number, AFTER_EFFECTS_MOST)
        return cls(**found)


@dataclass(frozen=True)
class Place:
    """Where the patient is now. ``hours_since`` counts from the end of the last infusion."""

    stage: str
    hours_since: float | None
    number: int | None
    #: Until the start of the next planned infusion.
    hours_until: float | None = None
    #: The last infusion's end was never recorded and is assumed.
    presumed: bool = False

    @property
    def impaired(self) -> bool:
        return self.stage in IMPAIRED

    @property
    def words(self) -> int:
        """The longest thing to say now, in words."""
        return QUIET_WORDS if self.stage in QUIET else WORDS


def place(
    now: datetime,
    infusions: Sequence[Infusion],
    settings: Settings = Settings(),
    program: str = "induction",
) -> Place:
    """The stage at ``now``; ``program`` is what staff have set (domain.md M02).

    >>> from datetime import timezone
    >>> end = datetime(2026, 11, 19, 18, tzinfo=timezone.utc)
    >>> place(end + timedelta(hours=20), [Infusion(1, end - timedelta(hours=1), end)]).stage
    'day_1'
    """
    held = sorted((i for i in infusions if not i.cancelled), key=lambda i: i.start)
    running = next((i for i in held if i.start <= now < _until(i, settings)), None)
    done = [i for i in held if _end(i, settings) <= now and i is not running]
    coming = next((i for i in held if i.start > now), None)
    last = max(done, key=lambda i: _end(i, settings), default=None)
    hours = _hours(now, _end(last, settings)) if last else None
    wait = _hours(coming.start, now) if coming else None
    number = running.number if running else last.number if last else None
    stage = "infusion" if running else _stage(hours, wait, last, settings, program)
    return Place(stage, hours, number, wait, last is not None and last.end is None)


def driving_locked(
    now: datetime, infusions: Sequence[Infusion], settings: Settings, zone: tzinfo
) -> bool:
    """Whether driving is out of the question: until the clinic's hours are over, and never before
    the morning after, where the patient is. False is no permission; only the clinic gives that."""
    held = [i for i in infusions if not i.cancelled and i.start <= now]
    if not held:
        return False
    # In UTC: adding hours to a local time would count the clock's hours, not real ones.
    end = min(max(_end(i, settings) for i in held), now).astimezone(timezone.utc)
    day = end.astimezone(zone).date() + timedelta(days=1)
    morning = datetime.combine(day, time(settings.morning), zone)
    return now.astimezone(timezone.utc) < max(
        end + timedelta(hours=settings.driving_hours), morning.astimezone(timezone.utc)
    )


def _stage(
    hours: float | None,
    wait: float | None,
    last: Infusion | None,
    settings: Settings,
    program: str,
) -> str:
    now = next((name for name, limit in settings.after if hours is not None and hours < limit), "")
    if now in IMPAIRED:
        # Before anything else: the next one may be close, the last one still works.
        return now
    if wait is not None and wait <= settings.day_of_hours:
        return "day_of"
    if hours is None or last is None:
        return _before(wait, program)
    if now:
        soon = wait is not None and wait <= settings.next_first_hours
        return "pre_next" if soon and now != "day_1" else now
    if wait is not None and wait <= settings.pre_next_hours:
        return "pre_next"
    if program != "induction":
        return program
    if last.booster:
        return "maintenance"
    return "between" if last.number < settings.planned else "end_of_induction"


def _before(wait: float | None, program: str) -> str:
    if program != "induction":
        return program
    return "onboarding" if wait is None else "preparation"


def _end(infusion: Infusion, settings: Settings) -> datetime:
    return infusion.end or infusion.start + timedelta(minutes=settings.usual_minutes)


def _until(infusion: Infusion, settings: Settings) -> datetime:
    return infusion.end or infusion.start + timedelta(hours=settings.longest_hours)


def _hours(later: datetime, earlier: datetime) -> float:
    # Two times of one zone are subtracted by the clock on the wall, unless both are in UTC.
    return (later.astimezone(timezone.utc) - earlier.astimezone(timezone.utc)) / timedelta(hours=1)
