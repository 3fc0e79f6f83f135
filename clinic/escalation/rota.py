"""Writing the rota: shifts, rotations, overrides, the fallback list. Reading it is on_call's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.escalation import on_call
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, OnCallShift, Rotation, Staff
from clinic.system import System


def add_shift(
    system: System,
    session: Session,
    staff: Staff,
    starts_at: datetime,
    ends_at: datetime | None,
    *,
    instead_of: Staff | None = None,
    actor: str = "system",
) -> OnCallShift:
    """Somebody is on call from then until then (None: until further notice), perhaps instead of a
    colleague, who is off for as long."""
    if ends_at is not None and ends_at <= starts_at:
        raise NotPossibleError("A shift ends after it starts.")
    if instead_of is not None and ends_at is None:
        raise NotPossibleError("Standing in for somebody needs an end.")
    if instead_of is not None and instead_of.id == staff.id:
        raise NotPossibleError("Nobody stands in for themselves.")
    _check(staff)
    shift = OnCallShift(
        staff_id=staff.id,
        starts_at=starts_at,
        ends_at=ends_at,
        replaces_id=instead_of.id if instead_of else None,
    )
    session.add(shift)
    session.flush()
    _audit(system, session, actor, "on_call.shift", f"shift:{shift.id}")
    return shift


def end_shifts(
    system: System, session: Session, staff: Staff, at: datetime, actor: str = "system"
) -> int:
    """End every shift of somebody that runs at ``at``; later ones go. Returns how many changed."""
    changed = 0
    for shift in session.scalars(select(OnCallShift).where(OnCallShift.staff_id == staff.id)):
        if shift.ends_at is not None and shift.ends_at <= at:
            continue
        changed += 1
        if shift.starts_at >= at:
            session.delete(shift)
        else:
            shift.ends_at = at
    _audit(system, session, actor, "on_call.end", f"staff:{staff.id}")
    return changed


def set_rotation(
    system: System,
    session: Session,
    name: str,
    members: Sequence[Staff],
    starts_on: date,
    hand_over: time,
    days: int = 7,
    actor: str = "system",
) -> Rotation:
    """A rotation of this name from ``starts_on``; an earlier one of the name ends there."""
    if not members:
        raise NotPossibleError("A rotation needs somebody in it.")
    if days < 1:
        raise NotPossibleError("A turn lasts a day or more.")
    for person in members:
        _check(person)
    earlier = session.scalars(select(Rotation).where(Rotation.name == name)).first()
    if earlier is not None:
        if starts_on <= earlier.starts_on:
            session.delete(earlier)
        else:
            earlier.name, earlier.ends_on = f"{name} until {starts_on}", starts_on
        session.flush()
    rotation = Rotation(
        name=name,
        members=[person.id for person in members],
        starts_on=starts_on,
        hand_over=hand_over,
        days=days,
    )
    session.add(rotation)
    session.flush()
    _audit(system, session, actor, "on_call.rotation", f"rotation:{rotation.id}")
    return rotation


def end_rotation(
    system: System, session: Session, name: str, ends_on: date, actor: str = "system"
) -> None:
    """No more turns from that day on."""
    rotation = session.scalars(select(Rotation).where(Rotation.name == name)).first()
    if rotation is None:
        raise NotPossibleError(f"There is no rotation {name!r}.")
    rotation.ends_on = ends_on
    _audit(system, session, actor, "on_call.rotation", f"rotation:{rotation.id}")


def set_fallback(
    system: System, session: Session, people: Sequence[Staff], actor: str = "system"
) -> None:
    """Whom an alert calls too once a whole round went by without an answer."""
    clinic = session.get_one(Clinic, 1)
    clinic.settings = clinic.settings | {"fallback": [person.id for person in people]}
    _audit(system, session, actor, "on_call.fallback", "clinic:1")


def _check(staff: Staff) -> None:
    if not staff.active:
        raise NotPossibleError(f"{staff.name} does not work here any more.")
    # On call is a reason to read patients (console/relations.py).
    if not set(staff.roles) & set(on_call.CLINICAL_ROLES):
        raise NotPossibleError(f"{staff.name} is no clinician: give them a clinician's role first.")


def _audit(system: System, session: Session, actor: str, action: str, subject: str) -> None:
    system.audit.add(session, system.clock.now(), actor, action, subject)
