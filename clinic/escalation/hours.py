"""When the clinic is open, from one line of its settings: "mon-fri 09:00-17:00, sat 10:00-13:00".

Routine waits for the doors to open; who is told of an urgent alert first depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.records.models import Clinic

#: What a clinic that set nothing is taken to mean by "Weekdays 9 to 5" (whereabouts.DEFAULTS).
DEFAULT = "mon-fri 09:00-17:00"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)")
#: How far ahead an opening is looked for; a clinic that opens later has closed for good.
_REACH = 60


class HoursError(ValueError):
    """The line cannot be read; the text shows one that can."""


@dataclass(frozen=True)
class Hours:
    """Opening times by weekday (0 is Monday), in the clinic's zone, and days it stays closed."""

    zone: ZoneInfo
    week: dict[int, tuple[tuple[time, time], ...]]
    closed_on: frozenset[date] = frozenset()

    def are_open(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        return any(first <= local.time() < last for first, last in self._on(local.date()))

    def next_opening(self, now: datetime) -> datetime | None:
        """The next moment the doors open, in UTC; None when none is in sight."""
        local = now.astimezone(self.zone)
        for ahead in range(_REACH):
            day = local.date() + timedelta(days=ahead)
            for first, _ in self._on(day):
                # Through UTC and back: an hour that the clocks skip moves to one that exists.
                opens = datetime.combine(day, first, self.zone).astimezone(now.tzinfo)
                if opens > now:
                    return opens
        return None

    def _on(self, day: date) -> tuple[tuple[time, time], ...]:
        return () if day in self.closed_on else self.week.get(day.weekday(), ())


def of(clinic: Clinic) -> Hours:
    """The clinic's hours. Settings that cannot be read count as not set: a risk message must come
    through, and `afterglow doctor` names them."""
    try:
        return check(clinic.timezone, clinic.settings)
    except HoursError:
        return check(clinic.timezone, {})


def check(timezone: str, settings: Mapping[str, object]) -> Hours:
    """Hours from the settings ``opening`` (a line) and ``closed_on`` (ISO dates with spaces
    between). Raises HoursError naming what cannot be read."""
    days = str(settings.get("closed_on") or "").split()
    try:
        closed_on = frozenset(date.fromisoformat(day) for day in days)
    except ValueError:
        raise HoursError(f"closed_on: {' '.join(days)!r} is not like '2026-12-25'") from None
    week = _read(str(settings.get("opening") or DEFAULT))
    return Hours(ZoneInfo(timezone), week, closed_on)


def _read(line: str) -> dict[int, tuple[tuple[time, time], ...]]:
    week: dict[int, tuple[tuple[time, time], ...]] = {}
    for part in filter(None, (part.strip().lower() for part in line.split(","))):
        found = _PART.fullmatch(part)
        try:
            if found is None:
                raise ValueError(part)
            first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
            times = time.fromisoformat(found[3]), time.fromisoformat(found[4])
        except ValueError:
            raise HoursError(f"opening: {part!r} is not like {DEFAULT!r}") from None
        if first > last or times[0] >= times[1]:
            raise HoursError(f"opening: {part!r} ends before it begins")
        for day in range(first, last + 1):
            week[day] = tuple(sorted((*week.get(day, ()), times)))
    return week
