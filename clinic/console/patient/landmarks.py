"""What stands between the messages on the time line: infusions, stages, check-ins, measures,
visits of the companion, alerts, silences and days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import stages
from clinic.console import wording
from clinic.console.patient import person, safety, visits
from clinic.console.wording import When
from clinic.conversation import whereabouts
from clinic.escalation import policy
from clinic.records.models import Clinic, Escalation, Infusion, Record, Staff
from clinic.system import System

#: So long without a word of anybody is said as a silence.
SILENCE = timedelta(days=2)


@dataclass(frozen=True)
class Landmark:
    """One of them. ``kind`` is a day, an infusion, a stage, a check-in, a measure, a visit, an
    alert or a silence."""

    key: str
    kind: str
    words: str
    at: datetime


class Placed(Protocol):
    """Anything on the time line."""

    @property
    def at(self) -> datetime: ...


T = TypeVar("T", bound=Placed)


@dataclass(frozen=True)
class Stretch:
    """From ``begin`` on, before ``end``; None: without a bound there."""

    begin: datetime | None
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        return (self.begin is None or moment >= self.begin) and (
            self.end is None or moment < self.end
        )


def within(
    system: System, session: Session, patient_id: str, when: When, stretch: Stretch
) -> list[Landmark]:
    """What was recorded of the patient in a stretch of time, in no order."""
    found = [
        *_infusions(session, patient_id, when),
        *_check_ins(system, session, patient_id, stretch),
        *_measures(system, session, patient_id),
        *_visits(system, session, patient_id, stretch),
        *_alerts(session, patient_id),
    ]
    return [mark for mark in found if stretch.holds(mark.at) and mark.at <= when.now]


def between(
    session: Session, patient_id: str, entries: Sequence[T], when: When, spoken: Callable[[T], bool]
) -> Iterator[T | Landmark]:
    """The entries with silences, days and stages before them where one begins. Stages and silences
    are told by what was ``spoken``, so that none stands where nobody said a word."""
    held = whereabouts.as_stages(whereabouts.infusions_of(session, patient_id))
    clock = whereabouts.clock(session.get_one(Clinic, 1))
    day, stage, last = None, None, None
    for entry in entries:
        if last is not None and entry.at - last >= SILENCE:
            yield Landmark(
                f"silence-{last.isoformat()}", "silence", _silence(entry.at - last), last
            )
        last = entry.at
        if when.day(entry.at) != day:
            day = when.day(entry.at)
            yield Landmark(f"day-{day.isoformat()}", "day", when.heading(entry.at), entry.at)
        if not spoken(entry):
            yield entry
            continue
        # What program staff had set then is not kept: of the past, the clock's stages are known.
        here = stages.place(entry.at, held, clock)
        if (here.stage, here.number) != stage:
            stage = here.stage, here.number
            words = wording.PLACES[here.stage].format(number=here.number)
            key = f"stage-{here.stage}-{here.number}-{entry.at.isoformat()}"
            yield Landmark(key, "stage", words, entry.at)
        yield entry


def _silence(gap: timedelta) -> str:
    return f"Nothing for {gap.days} days"


def _infusions(session: Session, patient_id: str, when: When) -> Iterable[Landmark]:
    rows = session.scalars(
        select(Infusion).where(Infusion.patient_id == patient_id, Infusion.cancelled.is_(False))
    )
    for row in rows:
        span = f"from {when.clock(row.started_at)}"
        if row.ended_at is not None and row.ended_at <= when.now:
            span = f"{when.clock(row.started_at)} to {when.clock(row.ended_at)}"
        words = f"Infusion {row.number}, {span}"
        yield Landmark(f"infusion-{row.number}", "infusion", words, row.started_at)


def _check_ins(
    system: System, session: Session, patient_id: str, stretch: Stretch
) -> Iterable[Landmark]:
    """Only those of the stretch are opened: of months there are hundreds."""
    query = select(Record).where(Record.patient_id == patient_id, Record.kind == "check_in")
    if stretch.begin is not None:
        query = query.where(Record.updated_at >= stretch.begin)
    if stretch.end is not None:
        query = query.where(Record.updated_at < stretch.end)
    rows = session.scalars(query)
    for row, data in system.vault(session).documents(rows):
        said = "; ".join(person.check_in_words(data)) or "nothing answered"
        yield Landmark(f"check-in-{row.id}", "check-in", f"Check-in: {said}", row.updated_at)


def _measures(system: System, session: Session, patient_id: str) -> Iterable[Landmark]:
    for number, screen in enumerate(safety.all_screens(system, session, patient_id)):
        change = f", {screen.change}" if screen.change else ""
        words = f"{screen.name}: {screen.result}{change}"
        yield Landmark(f"measure-{screen.at.isoformat()}-{number}", "measure", words, screen.at)


def _visits(
    system: System, session: Session, patient_id: str, stretch: Stretch
) -> Iterable[Landmark]:
    held = visits.been(system, session, patient_id, stretch.begin, stretch.end)
    for touch, words, at in held:
        yield Landmark(f"visit-{touch.id}", "visit", f"The companion: {words}", at)


def _alerts(session: Session, patient_id: str) -> Iterable[Landmark]:
    outcomes = policy.load()["dispositions"]
    for row in session.scalars(select(Escalation).where(Escalation.patient_id == patient_id)):
        name = f"Alert {row.number}"
        level = wording.LEVELS[row.level]
        yield Landmark(f"alert-{row.number}", "alert", f"{name} opened: {level}", row.opened_at)
        if row.acked_at is not None:
            holder = session.get(Staff, row.acked_by or "")
            by = f" by {holder.name}" if holder else ""
            words = f"{name} acknowledged{by}"
            yield Landmark(f"alert-{row.number}-acked", "alert", words, row.acked_at)
        if row.resolved_at is not None:
            outcome = outcomes.get(row.disposition, row.disposition or "")
            words = f"{name} resolved: {outcome}"
            yield Landmark(f"alert-{row.number}-resolved", "alert", words, row.resolved_at)
