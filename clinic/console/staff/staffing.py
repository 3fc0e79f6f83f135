"""What an administrator changes about a colleague. Each change cuts at once: rights are asked anew
at every page, and what somebody may hold no longer goes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed, glass, people
from clinic.console.sign_in import access
from clinic.conversation import handoff
from clinic.escalation import machine, on_call
from clinic.people import NotPossibleError
from clinic.records.models import CareRelation, Conversation, Escalation, Patient, Staff
from clinic.system import System

_NOBODY_NOW = "Nobody who can be reached would be on call now."
_GAPS = "In the next seven days there would be more time with nobody on call who can be reached."


class UnsureError(Exception):
    """It has consequences that somebody must want. ``warnings``: each a sentence."""

    def __init__(self, warnings: Sequence[str]) -> None:
        super().__init__(" ".join(warnings))
        self.warnings = list(warnings)


def set_roles(
    system: System, session: Session, person: Staff, roles: set[str], actor: str, sure: bool
) -> None:
    """With a role go the relations of its name; with the last clinician's role every alert,
    conversation and emergency opening, and being on call. Raises NotPossibleError, UnsureError."""
    # Two administrators must not take away each other's role at once.
    system.database.serialise(session)
    lost, gained = set(person.roles) - roles, roles - set(person.roles)
    if not lost and not gained:
        return
    if not roles:
        raise NotPossibleError("Choose a role. Whoever works here no longer leaves, below.")
    if "admin" in lost and not _other_admins(session, person):
        raise NotPossibleError(
            "They are the last administrator. Make somebody else one first, or nobody can."
        )
    with _unless_sure(system, session, sure) as warnings:
        person.roles = sorted(roles)
        session.flush()
        for kind in sorted(lost & {"therapist", "supervisor"}):
            warnings += _end_relations(system, session, person, kind, actor)
        if not roles & set(on_call.CLINICAL_ROLES):
            _release(system, session, person)
    system.audit.add(
        session,
        system.clock.now(),
        actor,
        "staff.roles",
        f"staff:{person.id}",
        gained=" ".join(sorted(gained)),
        lost=" ".join(sorted(lost)),
    )
    feed.publish(system, session, feed.STAFF, "session", person.id)


def relate(
    system: System, session: Session, person: Staff, patient_id: str, kind: str, actor: str
) -> None:
    """A reason to read this patient. Raises NotPossibleError."""
    patient = session.get(Patient, patient_id.strip())
    if kind not in ("therapist", "supervisor") or kind not in person.roles:
        raise NotPossibleError("They have no such role.")
    if patient is None:
        raise NotPossibleError("There is no patient with this record number.")
    if session.get(CareRelation, (patient.id, person.id, kind)) is not None:
        raise NotPossibleError("They have this relation already.")
    people.relate(system, session, patient, person, kind, actor)


def unrelate(
    system: System,
    session: Session,
    person: Staff,
    patient_id: str,
    kind: str,
    actor: str,
    sure: bool,
) -> None:
    """What they have open of the patient closes. Raises NotPossibleError, UnsureError."""
    with _unless_sure(system, session, sure) as warnings:
        people.unrelate(system, session, patient_id, person.id, kind, actor)
        if kind == "therapist":
            warnings += _without_therapist(session, [patient_id])


def let_go(system: System, session: Session, person: Staff, actor: str, sure: bool = True) -> None:
    """Somebody works here no longer: signed out everywhere, and nothing stays with them. Alerts
    they hold call again, conversations they hold go back to the companion. Raises UnsureError."""
    with _unless_sure(system, session, sure):
        _release(system, session, person)
        person.active = False
        session.flush()
    access.end_sessions(system, session, person.id)
    system.audit.add(session, system.clock.now(), actor, "staff.leave", f"staff:{person.id}")
    feed.publish(system, session, feed.STAFF, "session", person.id)


@contextmanager
def _unless_sure(system: System, session: Session, sure: bool) -> Iterator[list[str]]:
    """Warn of what the change inside leaves worse on call than it was, and of what it adds to the
    list. The transaction is rolled back by the error."""
    now = system.clock.now()
    reached, gaps = bool(on_call.reachable(session, now)), _gap_time(session, system)
    warnings: list[str] = []
    yield warnings
    if reached and not on_call.reachable(session, now):
        warnings.append(_NOBODY_NOW)
    elif _gap_time(session, system) > gaps:
        warnings.append(_GAPS)
    if warnings and not sure:
        raise UnsureError(warnings)


def _gap_time(session: Session, system: System) -> timedelta:
    gaps = on_call.gaps(session, system.clock.now())
    return sum((gap.ends_at - gap.starts_at for gap in gaps), timedelta())


def _release(system: System, session: Session, person: Staff) -> None:
    held = session.scalars(
        select(Escalation.id).where(Escalation.acked_by == person.id, Escalation.state == "acked")
    ).all()
    for alert_id in held:
        machine.release(system, session, alert_id, person)
    talks = session.scalars(select(Conversation.id).where(Conversation.held_by == person.id)).all()
    for conversation_id in talks:
        handoff.give_back(system, session, conversation_id, person)
    for row in glass.running(session, person.id, system.clock.now()).values():
        glass.close(system, session, person, row)


def _end_relations(
    system: System, session: Session, person: Staff, kind: str, actor: str
) -> list[str]:
    of_kind = (CareRelation.staff_id == person.id) & (CareRelation.kind == kind)
    patients = session.scalars(select(CareRelation.patient_id).where(of_kind)).all()
    for patient_id in patients:
        people.unrelate(system, session, patient_id, person.id, kind, actor)
    return _without_therapist(session, patients) if kind == "therapist" else []


def _without_therapist(session: Session, patients: Sequence[str]) -> list[str]:
    cared = set(
        session.scalars(
            select(CareRelation.patient_id)
            .join(Staff, Staff.id == CareRelation.staff_id)
            .where(CareRelation.kind == "therapist", Staff.active)
        )
    )
    alone = len(set(patients) - cared)
    if not alone:
        return []
    who = "One patient" if alone == 1 else f"{alone} patients"
    return [f"{who} would have no therapist. Give them another one first, or do it right after."]


def _other_admins(session: Session, person: Staff) -> bool:
    active = session.scalars(select(Staff).where(Staff.active, Staff.id != person.id))
    return any("admin" in one.roles for one in active)
