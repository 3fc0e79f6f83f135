"""The clinic in figures: what became of touches, how soon alerts were acknowledged, and alerts for
the infusions given; over a stretch of days and week by week, or month by month. How patients found
the infusion room is in room.py.

Sums over the whole clinic: nobody is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median, quantiles

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.console.wording import When
from clinic.records.models import Audit, Escalation, Infusion, Touch
from clinic.system import System
from clinic.touches import schedule

#: How far back, by the day or the next whole week or month before it.
STRETCHES = {30: "30 days", 90: "90 days", 365: "A year"}
LEVELS = ("emergency", "urgent")


@dataclass(frozen=True)
class Part:
    """A week or a month of the stretch. The last one is going on: ``so_far``."""

    begin: datetime
    end: datetime
    label: str
    words: str
    so_far: bool

    def holds(self, at: datetime) -> bool:
        return self.begin <= at < self.end


@dataclass(frozen=True)
class Touched:
    """What became of the times the companion was to come by."""

    kind: str
    answered: int
    missed: int
    open: int
    cancelled: int

    @property
    def over(self) -> int:
        """Those that came and are over."""
        return self.answered + self.missed

    @property
    def share(self) -> float | None:
        return self.answered / self.over if self.over else None


@dataclass(frozen=True)
class Acknowledged:
    """Minutes from an alert's opening to its first acknowledgement."""

    level: str
    alerts: int
    acknowledged: int
    median: float | None
    #: Nine of ten were sooner; None below ten.
    slow: float | None


@dataclass(frozen=True)
class Rate:
    """Alerts that opened and infusions that were given in the same days."""

    alerts: int
    infusions: int

    @property
    def per_hundred(self) -> float | None:
        return 100 * self.alerts / self.infusions if self.infusions else None


@dataclass(frozen=True)
class Figures:
    """``touches`` by kind; the rest for the whole stretch, and in lists for each of its parts."""

    days: int
    parts: list[Part]
    touches: list[Touched]
    touched: list[Touched]
    acknowledged: list[Acknowledged]
    soon: dict[str, list[Acknowledged]]
    rate: Rate
    rates: list[Rate]


def figures(system: System, session: Session, days: int, when: When) -> Figures:
    """Of the last so many days, from the beginning of their first week or month on."""
    now = when.now
    split = parts(days, when)
    since = split[0].begin
    alerts = session.scalars(select(Escalation).where(Escalation.opened_at >= since)).all()
    given = session.scalars(
        select(Infusion.started_at).where(
            Infusion.cancelled.is_(False), Infusion.started_at >= since, Infusion.ended_at <= now
        )
    ).all()
    touches = session.execute(
        select(Touch.kind, Touch.state, Touch.due_at).where(
            Touch.due_at >= since, Touch.due_at <= now
        )
    ).all()
    first = _first(session, alerts)

    def among(level: str, part: Part | None = None) -> Acknowledged:
        held = [one for one in alerts if one.level == level]
        here = [one for one in held if part is None or part.holds(one.opened_at)]
        return _acknowledged(level, here, first)

    return Figures(
        days=days,
        parts=split,
        touches=_by_kind([(kind, state) for kind, state, _ in touches]),
        touched=[
            _touched("", [state for _, state, due in touches if part.holds(due)]) for part in split
        ],
        acknowledged=[among(level) for level in LEVELS],
        soon={level: [among(level, part) for part in split] for level in LEVELS},
        rate=Rate(len(alerts), len(given)),
        rates=[
            Rate(
                sum(part.holds(one.opened_at) for one in alerts),
                sum(part.holds(at) for at in given),
            )
            for part in split
        ],
    )


def parts(days: int, when: When) -> list[Part]:
    """Whole weeks from a Monday, in a year whole months, by the clinic's clock."""
    by_month = days > 92
    day = when.day(when.now - timedelta(days=days))
    day = day.replace(day=1) if by_month else day - timedelta(days=day.weekday())
    following = next_month if by_month else _next_week
    found = []
    while day <= when.day(when.now):
        begin, end = when.begin(day), when.begin(following(day))
        so_far = end > when.now
        words = f"{day:%B} {day.year}" if by_month else f"Week of {day:%b} {day.day}"
        label = f"{day:%b}" if by_month else f"{day:%b} {day.day}"
        found.append(Part(begin, end, label, words + (", so far" if so_far else ""), so_far))
        day = following(day)
    return found


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _next_week(day: date) -> date:
    return day + timedelta(days=7)


def _by_kind(touches: Sequence[tuple[str, str]]) -> list[Touched]:
    order = {kind: n for n, kind in enumerate(k.id for k in schedule.load().kinds)}
    kinds = sorted({kind for kind, _ in touches}, key=lambda one: order.get(one, len(order)))
    return [_touched(kind, [state for one, state in touches if one == kind]) for kind in kinds]


def _touched(kind: str, states: Sequence[str]) -> Touched:
    c = Counter(states)
    return Touched(kind, c["answered"], c["missed"], c["open"] + c["pending"], c["cancelled"])


def _first(
    session: Session, alerts: Sequence[Escalation]
) -> Callable[[Escalation], datetime | None]:
    """When each was first acknowledged: one that opened again keeps only its last on its row."""
    rows = session.execute(
        select(Audit.subject, func.min(Audit.at))
        .where(
            Audit.subject.in_([f"escalation:{alert.id}" for alert in alerts]),
            Audit.action == "escalation.acknowledge",
        )
        .group_by(Audit.subject)
    )
    found = {subject: at for subject, at in rows}  # noqa: C416 - rows are not pairs to mypy
    return lambda alert: found.get(f"escalation:{alert.id}")


def _acknowledged(
    level: str,
    alerts: Sequence[Escalation],
    first: Callable[[Escalation], datetime | None],
) -> Acknowledged:
    minutes = [
        (at - alert.opened_at).total_seconds() / 60 for alert in alerts if (at := first(alert))
    ]
    return Acknowledged(
        level=level,
        alerts=len(alerts),
        acknowledged=len(minutes),
        median=median(minutes) if minutes else None,
        slow=quantiles(minutes, n=10)[-1] if len(minutes) >= 10 else None,
    )
