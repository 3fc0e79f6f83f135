"""Who a step of the policy reaches: people with a verified way to reach them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from clinic.records.models import CareRelation, OnCallShift, Staff, StaffContact

CLINICAL_ROLES = ("therapist", "on_call", "supervisor")


def on_call(session: Session, now: datetime) -> list[Staff]:
    """Active staff whose shift covers ``now``."""
    shift = select(OnCallShift.staff_id).where(
        OnCallShift.starts_at <= now,
        or_(OnCallShift.ends_at.is_(None), OnCallShift.ends_at > now),
    )
    return list(session.scalars(select(Staff).where(Staff.active, Staff.id.in_(shift))))


def targets(session: Session, to: str, patient_id: str, now: datetime) -> list[Staff]:
    """People a policy step names. ``team`` is on call and the patient's own clinicians."""
    people = {person.id: person for person in on_call(session, now)}
    if to in ("team", "everyone"):
        own = select(CareRelation.staff_id).where(CareRelation.patient_id == patient_id)
        people |= {p.id: p for p in _active(session) if p.id in set(session.scalars(own))}
    if to == "everyone":
        people |= {p.id: p for p in _active(session) if set(p.roles) & set(CLINICAL_ROLES)}
    return list(people.values())


def contacts(session: Session, staff_id: str) -> list[StaffContact]:
    """Verified ways to reach a person; an address nobody confirmed does not count."""
    return list(
        session.scalars(
            select(StaffContact)
            .where(StaffContact.staff_id == staff_id, StaffContact.verified_at.is_not(None))
            .order_by(StaffContact.id)
        )
    )


def _active(session: Session) -> list[Staff]:
    return list(session.scalars(select(Staff).where(Staff.active)))
