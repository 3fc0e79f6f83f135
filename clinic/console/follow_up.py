"""What to follow up about a patient, by whom and on which day; and handing the patient over.

One thing waits at a time: giving it to another, another day or other words changes it. It comes up
on the caseload of whoever has it when the day has come.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed, people
from clinic.console.access import Who
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.people import NotPossibleError
from clinic.records.crypto import CryptoError
from clinic.records.models import CareRelation, FollowUp, Patient, Staff, new_id
from clinic.system import System

Text = Annotated[str, Form()]
LONGEST = 200
_ROLE = "therapist"


@dataclass(frozen=True)
class Waiting:
    what: str
    who: str
    due_on: date


@dataclass(frozen=True)
class Choices:
    """What the patient's page offers: who may have a follow-up, and to whom it can be handed."""

    waiting: Waiting | None
    team: list[Staff]
    #: Therapists outside the team; empty for whoever is not the patient's therapist.
    colleagues: list[Staff]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/patients/{patient_id}/follow-up")
    def keep(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        what: Text = "",
        to: Text = "",
        on: Text = "",
    ) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            try:
                _keep(system, session, patient_id, who, what, to, on)
            except NotPossibleError:
                return _back(patient_id, "follow-up-not")
        return _back(patient_id, "follow-up")

    @router.post("/console/patients/{patient_id}/follow-up/done")
    def done(patient_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            row = _waiting(session, patient_id)
            if row is not None:
                row.done_by, row.done_at = who.staff.id, system.clock.now()
                _note(system, session, who, "follow_up.done", row)
        return _back(patient_id, "followed-up")

    @router.post("/console/patients/{patient_id}/hand-over")
    def hand_over(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        to: Text = "",
        stay: Text = "",
    ) -> Response:
        """Another therapist for this patient, beside this one or in their place."""
        with desk.reading(who, patient_id) as (session, reason):
            other = next((p for p in _others(session, patient_id) if p.id == to), None)
            if reason != _ROLE or other is None:
                raise MissingError
            actor, patient = f"staff:{who.staff.id}", session.get_one(Patient, patient_id)
            people.relate(system, session, patient, other, _ROLE, actor)
            if not stay:
                people.unrelate(system, session, patient_id, who.staff.id, _ROLE, actor)
                waiting = _waiting(session, patient_id)
                if waiting is not None and waiting.assigned_to == who.staff.id:
                    waiting.assigned_to = other.id
        return _back(patient_id, "handed") if stay else back_to(f"{HOME}/patients")


def choices(system: System, session: Session, patient_id: str, staff: Staff) -> Choices:
    """For the patient's page."""
    row = _waiting(session, patient_id)
    team = _team(session, patient_id)
    mine = session.get(CareRelation, (patient_id, staff.id, _ROLE)) is not None
    return Choices(
        waiting=_shown(system, session, row) if row else None,
        team=team if any(one.id == staff.id for one in team) else [*team, staff],
        colleagues=_others(session, patient_id) if mine else [],
    )


def due(
    system: System, session: Session, patient_ids: list[str], staff_id: str, today: date
) -> dict[str, str]:
    """What this person has to follow up by today, in words, by patient."""
    rows = session.scalars(
        select(FollowUp).where(
            FollowUp.patient_id.in_(patient_ids),
            FollowUp.assigned_to == staff_id,
            FollowUp.done_at.is_(None),
            FollowUp.due_on <= today,
        )
    )
    return {row.patient_id: _words(system, session, row) for row in rows}


def _keep(
    system: System, session: Session, patient_id: str, who: Who, what: str, to: str, on: str
) -> None:
    words = " ".join(what.split())[:LONGEST]
    offered = choices(system, session, patient_id, who.staff).team
    if not words or to not in {one.id for one in offered}:
        raise NotPossibleError("Say what, and who does it.")
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise NotPossibleError("Choose a day.") from None
    row = _waiting(session, patient_id)
    if row is None:
        row = FollowUp(
            id=new_id(),
            patient_id=patient_id,
            created_by=who.staff.id,
            created_at=system.clock.now(),
        )
    row.assigned_to, row.due_on = to, day
    vault = system.vault(session)
    row.what_sealed = vault.seal(patient_id, "follow_up", "what", row.id, words)
    # Only whole: opening the vault sends what waits to the database.
    session.add(row)
    session.flush()
    _note(system, session, who, "follow_up.keep", row)


def _note(system: System, session: Session, who: Who, action: str, row: FollowUp) -> None:
    now, actor = system.clock.now(), f"staff:{who.staff.id}"
    system.audit.add(session, now, actor, action, f"follow_up:{row.id}", row.patient_id)
    feed.publish(system, session, feed.STAFF, "follow_up", row.id)


def _waiting(session: Session, patient_id: str) -> FollowUp | None:
    return session.scalars(
        select(FollowUp)
        .where(FollowUp.patient_id == patient_id, FollowUp.done_at.is_(None))
        .with_for_update()
    ).first()


def _shown(system: System, session: Session, row: FollowUp) -> Waiting:
    name = session.get_one(Staff, row.assigned_to).name
    return Waiting(_words(system, session, row), name, row.due_on)


def _words(system: System, session: Session, row: FollowUp) -> str:
    try:
        cipher = system.vault(session).cipher(row.patient_id)
        return cipher.open("follow_up", "what", row.id, row.what_sealed)
    except CryptoError:
        return "words that do not open"


def _team(session: Session, patient_id: str) -> list[Staff]:
    """Whoever has a lasting relation to the patient."""
    return list(
        session.scalars(
            select(Staff)
            .where(
                # Not a join: somebody with two relations would come twice, and PostgreSQL cannot
                # tell rows with JSON apart.
                Staff.id.in_(
                    select(CareRelation.staff_id).where(CareRelation.patient_id == patient_id)
                ),
                Staff.active,
            )
            .order_by(Staff.id)
        )
    )


def _others(session: Session, patient_id: str) -> list[Staff]:
    """Therapists who are not this patient's."""
    theirs = select(CareRelation.staff_id).where(
        CareRelation.patient_id == patient_id, CareRelation.kind == _ROLE
    )
    rows = select(Staff).where(Staff.active, Staff.id.not_in(theirs)).order_by(Staff.name)
    return [one for one in session.scalars(rows) if _ROLE in one.roles]


def _back(patient_id: str, said: str) -> Response:
    return back_to(f"{HOME}/patients/{patient_id}?said={said}")
