"""Infusions as staff plan, hold, move and cancel them. The clock that patients go by starts here.

Numbers follow the order of the starts among those that were not cancelled, so moving or cancelling
one renumbers what comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.cadence import INDICATIONS
from bot.stages import PROGRAMS
from clinic import details as entered
from clinic.conversation import whereabouts
from clinic.people import NotPossibleError, country_named, zone_named
from clinic.records.models import Infusion, Patient
from clinic.system import System
from clinic.touches import plan as touches

#: A recorded infusion this close to an open one is that one, held a little earlier or later.
_SAME = timedelta(hours=12)
_CLOCKS_DIFFER = timedelta(minutes=5)
#: Longer than this is a slip of the hand, such as the wrong day.
_LONGEST = timedelta(hours=12)


def of(session: Session, patient: Patient) -> Sequence[Infusion]:
    """All of a patient's infusions, in order."""
    return whereabouts.infusions_of(session, patient.id)


def plan(
    system: System,
    session: Session,
    patient: Patient,
    start: datetime,
    booster: bool = False,
    actor: str = "system",
) -> Infusion:
    """One to come."""
    if start <= system.clock.now():
        raise NotPossibleError("A planned infusion starts in the future.")
    if patient.program == "ended":
        raise NotPossibleError("This patient's program has ended. Change it first.")
    return _add(system, session, patient, start, None, booster, "plan", actor)


def begin(system: System, session: Session, patient: Patient) -> Infusion:
    """It runs from now on: the planned one of today, or one nobody planned. The companion is
    silent until its end is recorded."""
    now = system.clock.now()
    found = _open_near(session, patient, now)
    if found is None:
        return _add(system, session, patient, now, None, False, "begin", "system")
    if found.started_at > now:
        found.started_at = now
    return _settle(system, session, patient, found, "begin")


def record(
    system: System,
    session: Session,
    patient: Patient,
    started: datetime,
    ended: datetime,
    booster: bool = False,
    details: Mapping[str, Any] | None = None,
    actor: str = "system",
) -> Infusion:
    """One that has ended: the planned or running one of that day, or one nobody planned."""
    _check_held(system, started, ended)
    found = _open_near(session, patient, started)
    if found is None:
        found = _new(session, patient, started, ended, booster)
    found.started_at, found.ended_at = started, ended
    found.booster = found.booster or booster
    session.flush()
    if details:
        entered.seal(system.vault(session), found, details)
    return _settle(system, session, patient, found, "record", actor)


def correct(
    system: System,
    session: Session,
    patient: Patient,
    infusion_id: str,
    started: datetime,
    ended: datetime,
    booster: bool,
    details: Mapping[str, Any],
    actor: str = "system",
) -> Infusion:
    """Other times or details for one that was recorded. What the patient has had of its window
    stays; what is still pending moves."""
    _check_held(system, started, ended)
    found = next((one for one in of(session, patient) if one.id == infusion_id), None)
    if found is None or found.cancelled or found.ended_at is None:
        raise NotPossibleError("There is no such recorded infusion.")
    found.started_at, found.ended_at, found.booster = started, ended, booster
    entered.seal(system.vault(session), found, details)
    return _settle(system, session, patient, found, "correct", actor)


def move(
    system: System,
    session: Session,
    patient: Patient,
    number: int,
    start: datetime,
    actor: str = "system",
) -> Infusion:
    """Give a planned infusion another time."""
    found = _planned(system, session, patient, number)
    if start <= system.clock.now():
        raise NotPossibleError("It can only move to a time that is still to come.")
    found.started_at = start
    return _settle(system, session, patient, found, "move", actor)


def cancel(
    system: System, session: Session, patient: Patient, number: int, actor: str = "system"
) -> Infusion:
    """A planned infusion will not be held; its row stays for the record."""
    found = _planned(system, session, patient, number)
    found.cancelled = True
    return _settle(system, session, patient, found, "cancel", actor)


def travel(
    system: System,
    session: Session,
    patient: Patient,
    timezone: str,
    country: str | None = None,
    actor: str = "system",
) -> None:
    """The patient is in another zone now: wall-clock rules (driving, evenings) follow them, and the
    numbers to call follow ``country`` (None: where the clinic is)."""
    patient.timezone, patient.country = zone_named(timezone), country_named(country)
    _changed(system, session, patient, "patient.travel", actor, timezone=timezone)


def set_program(system: System, session: Session, patient: Patient, program: str) -> None:
    """Staff decide that the series is over, or the whole program; the companion never does."""
    if program not in PROGRAMS:
        raise NotPossibleError(f"A program is one of {', '.join(PROGRAMS)}.")
    patient.program = program
    _changed(system, session, patient, "patient.program", program=program)


def set_indications(
    system: System, session: Session, patient: Patient, indications: Sequence[str]
) -> None:
    """What the treatment is for, as far as it selects measures (bot/cadence.py)."""
    unknown = sorted(set(indications) - set(INDICATIONS))
    if unknown:
        raise NotPossibleError(f"An indication is one of {', '.join(INDICATIONS)}.")
    patient.indications = sorted(set(indications))
    _changed(system, session, patient, "patient.indications")


def _check_held(system: System, started: datetime, ended: datetime) -> None:
    if ended <= started:
        raise NotPossibleError("The infusion ends before it starts.")
    if ended > system.clock.now() + _CLOCKS_DIFFER:
        raise NotPossibleError("The infusion's end lies in the future.")
    if ended - started > _LONGEST:
        raise NotPossibleError("The infusion would last longer than 12 hours. Look at both times.")


def _new(
    session: Session, patient: Patient, started: datetime, ended: datetime | None, booster: bool
) -> Infusion:
    last = session.scalar(
        select(func.max(Infusion.number)).where(Infusion.patient_id == patient.id)
    )
    infusion = Infusion(
        patient_id=patient.id,
        number=(last or 0) + 1,
        started_at=started,
        ended_at=ended,
        booster=booster,
    )
    session.add(infusion)
    return infusion


def _add(
    system: System,
    session: Session,
    patient: Patient,
    started: datetime,
    ended: datetime | None,
    booster: bool,
    action: str,
    actor: str,
) -> Infusion:
    infusion = _new(session, patient, started, ended, booster)
    return _settle(system, session, patient, infusion, action, actor)


def _settle(
    system: System,
    session: Session,
    patient: Patient,
    infusion: Infusion,
    action: str,
    actor: str = "system",
) -> Infusion:
    session.flush()
    _one_a_day(session, patient, infusion)
    _number(session, patient)
    touches.settle(system, session, patient)
    system.audit.add(
        session,
        system.clock.now(),
        actor,
        f"infusion.{action}",
        f"infusion:{infusion.id}",
        patient.id,
        number=infusion.number,
    )
    return infusion


def _one_a_day(session: Session, patient: Patient, infusion: Infusion) -> None:
    """Two on one day, by the patient's clock, are one that was entered twice."""
    zone = ZoneInfo(patient.timezone)
    day = infusion.started_at.astimezone(zone).date()
    for other in of(session, patient):
        same = other.started_at.astimezone(zone).date() == day
        if same and other.id != infusion.id and not (other.cancelled or infusion.cancelled):
            raise NotPossibleError(
                f"Infusion {other.number} is on that day already. Correct or move that one."
            )


def _changed(
    system: System,
    session: Session,
    patient: Patient,
    action: str,
    actor: str = "system",
    **detail: str,
) -> None:
    touches.settle(system, session, patient)
    now, subject = system.clock.now(), f"patient:{patient.id}"
    system.audit.add(session, now, actor, action, subject, patient.id, **detail)


def _number(session: Session, patient: Patient) -> None:
    held = [infusion for infusion in of(session, patient) if not infusion.cancelled]
    if [infusion.number for infusion in held] == list(range(1, len(held) + 1)):
        return
    # Two at a time would share a number for a moment: out of the way first.
    beyond = max(infusion.number for infusion in held)
    for offset in (beyond, 0):
        for number, infusion in enumerate(held, 1):
            infusion.number = offset + number
        session.flush()


def _planned(system: System, session: Session, patient: Patient, number: int) -> Infusion:
    now = system.clock.now()
    for infusion in of(session, patient):
        if infusion.number == number and not infusion.cancelled and infusion.ended_at is None:
            if infusion.started_at > now:
                return infusion
            raise NotPossibleError(f"Infusion {number} has begun. Record its end instead.")
    raise NotPossibleError(f"Infusion {number} is not planned. See: afterglow infusion list")


def _open_near(session: Session, patient: Patient, moment: datetime) -> Infusion | None:
    near = [
        infusion
        for infusion in of(session, patient)
        if infusion.ended_at is None
        and not infusion.cancelled
        and abs(infusion.started_at - moment) <= _SAME
    ]
    return min(near, key=lambda infusion: abs(infusion.started_at - moment), default=None)
