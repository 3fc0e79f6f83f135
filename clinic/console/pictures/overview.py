"""The clinic in figures: what became of touches, how soon alerts were acknowledged, alerts for the
infusions given, and how patients found the infusion room.

Sums over the whole clinic and a stretch of days: nobody is named, and fewer than ``FEWEST`` answers
are not shown, so that no rating can be told to be one person's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.variables import TRACKED
from clinic.records.models import Audit, Escalation, Infusion, Record, Touch
from clinic.system import System
from clinic.touches import schedule

FEWEST = 5
#: What patients say of the room (data/variables.yml, V06), from best to worst.
ROOM = ("support", "light", "sound", "privacy")
RATINGS = ("good", "mixed", "poor")


@dataclass(frozen=True)
class Touched:
    """What became of the times the companion was to come by."""

    kind: str
    answered: int
    missed: int
    open: int
    cancelled: int

    @property
    def share(self) -> float | None:
        """Answered, of those that came and are over."""
        over = self.answered + self.missed
        return self.answered / over if over else None


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
class Rated:
    """How often each rating was given; None: too few to show."""

    label: str
    n: int
    counts: dict[str, int] | None


@dataclass(frozen=True)
class Figures:
    days: int
    touches: list[Touched]
    acknowledged: list[Acknowledged]
    infusions: int
    alerts: int
    room: list[Rated]

    @property
    def per_hundred(self) -> float | None:
        """Alerts for every hundred infusions given in the same days."""
        return 100 * self.alerts / self.infusions if self.infusions else None


def figures(system: System, session: Session, days: int) -> Figures:
    """Of the last so many days."""
    now = system.clock.now()
    since = now - timedelta(days=days)
    alerts = session.scalars(select(Escalation).where(Escalation.opened_at >= since)).all()
    given = session.scalar(
        select(func.count())
        .select_from(Infusion)
        .where(
            Infusion.cancelled.is_(False), Infusion.started_at >= since, Infusion.ended_at <= now
        )
    )
    return Figures(
        days=days,
        touches=_touches(session, since, now),
        acknowledged=[_acknowledged(session, level, alerts) for level in ("emergency", "urgent")],
        infusions=given or 0,
        alerts=len(alerts),
        room=_room(system, session, since),
    )


def _touches(session: Session, since: datetime, now: datetime) -> list[Touched]:
    rows = session.execute(
        select(Touch.kind, Touch.state, func.count(), func.min(Touch.due_at))
        .where(Touch.due_at >= since, Touch.due_at <= now)
        .group_by(Touch.kind, Touch.state)
    ).all()
    counts: dict[str, Counter[str]] = {}
    for kind, state, count, _ in rows:
        counts.setdefault(kind, Counter())[state] += count
    order = {kind: n for n, kind in enumerate(k.id for k in schedule.load().kinds)}
    return [
        Touched(kind, c["answered"], c["missed"], c["open"] + c["pending"], c["cancelled"])
        for kind, c in sorted(counts.items(), key=lambda one: order.get(one[0], len(order)))
    ]


def _acknowledged(session: Session, level: str, alerts: Sequence[Escalation]) -> Acknowledged:
    held = [alert for alert in alerts if alert.level == level]
    # The first one: an alert that opened again keeps only its last on its own row.
    rows = session.execute(
        select(Audit.subject, func.min(Audit.at))
        .where(
            Audit.subject.in_([f"escalation:{alert.id}" for alert in held]),
            Audit.action == "escalation.acknowledge",
        )
        .group_by(Audit.subject)
    )
    first = {subject: at for subject, at in rows}  # noqa: C416 - rows are not pairs to mypy
    minutes = [
        (first[subject] - alert.opened_at).total_seconds() / 60
        for alert in held
        if (subject := f"escalation:{alert.id}") in first
    ]
    return Acknowledged(
        level=level,
        alerts=len(held),
        acknowledged=len(minutes),
        median=median(minutes) if minutes else None,
        slow=quantiles(minutes, n=10)[-1] if len(minutes) >= 10 else None,
    )


def _room(system: System, session: Session, since: datetime) -> list[Rated]:
    rows = session.scalars(
        select(Record).where(Record.kind == "check_in", Record.created_at >= since)
    )
    counts: dict[str, Counter[str]] = {name: Counter() for name in ROOM}
    for _, data in system.vault(session).documents(rows):
        for name in ROOM:
            if name in data:
                counts[name][data[name]] += 1
    return [
        Rated(
            TRACKED[name].label,
            c.total(),
            {rating: c[rating] for rating in RATINGS} if c.total() >= FEWEST else None,
        )
        for name, c in counts.items()
    ]
