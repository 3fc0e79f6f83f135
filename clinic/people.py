"""Adding people and infusions: what the command line and, later, the staff pages call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.records.models import (
    CareRelation,
    Clinic,
    Infusion,
    OnCallShift,
    Patient,
    Staff,
    StaffContact,
    new_id,
)
from clinic.system import System


class NotPossibleError(Exception):
    """What was asked cannot be recorded; the text says why and what would do."""


def found_clinic(
    session: Session, name: str, timezone: str, settings: Mapping[str, object]
) -> Clinic:
    clinic = Clinic(id=1, name=name, timezone=_zone(timezone), settings=dict(settings))
    session.add(clinic)
    session.flush()
    return clinic


def add_patient(
    system: System, session: Session, name: str, timezone: str, phone: str | None = None
) -> Patient:
    """A new patient with a data key of their own."""
    patient_id = new_id()
    patient = Patient(
        id=patient_id,
        data_key=system.keyring.new_data_key(patient_id),
        name_sealed=b"",
        timezone=_zone(timezone),
        created_at=system.clock.now(),
    )
    cipher = system.vault(session).admit(patient)
    patient.name_sealed = cipher.seal("patient", "name", patient_id, name)
    if phone:
        patient.phone_sealed = cipher.seal("patient", "phone", patient_id, phone)
    session.add(patient)
    session.flush()
    system.audit.add(
        session, system.clock.now(), "system", "patient.add", f"patient:{patient_id}", patient_id
    )
    return patient


def relate(system: System, session: Session, patient: Patient, staff: Staff, kind: str) -> None:
    """Give a member of staff a reason to read this patient (invariant I10)."""
    now = system.clock.now()
    session.add(CareRelation(patient_id=patient.id, staff_id=staff.id, kind=kind, since=now))
    session.flush()
    system.audit.add(
        session,
        now,
        "system",
        "relation.add",
        f"staff:{staff.id}",
        patient.id,
        kind=kind,
    )


def by_email(session: Session, email: str) -> Staff:
    """The member of staff who signs in with this address."""
    found = session.scalars(select(Staff).where(Staff.email == email.strip().lower())).first()
    if found is None:
        raise NotPossibleError(f"Nobody signs in with {email}.")
    return found


def add_contact(system: System, session: Session, staff: Staff, channel: str, address: str) -> None:
    """A verified way to reach somebody (the installer vouches for it)."""
    session.add(
        StaffContact(
            staff_id=staff.id, channel=channel, address=address, verified_at=system.clock.now()
        )
    )


def put_on_call(system: System, session: Session, staff: Staff) -> None:
    """On call from now until further notice."""
    session.add(OnCallShift(staff_id=staff.id, starts_at=system.clock.now(), ends_at=None))


def record_infusion(
    system: System, session: Session, patient: Patient, started: datetime, ended: datetime
) -> Infusion:
    """An infusion that has ended; numbered after the patient's last one."""
    now = system.clock.now()
    if ended <= started:
        raise NotPossibleError("The infusion ends before it starts.")
    if ended > now + timedelta(minutes=5):
        raise NotPossibleError("The infusion's end lies in the future.")
    last = session.scalar(
        select(func.max(Infusion.number)).where(Infusion.patient_id == patient.id)
    )
    infusion = Infusion(
        patient_id=patient.id, number=(last or 0) + 1, started_at=started, ended_at=ended
    )
    session.add(infusion)
    session.flush()
    system.audit.add(
        session,
        now,
        "system",
        "infusion.record",
        f"infusion:{infusion.id}",
        patient.id,
        number=infusion.number,
    )
    return infusion


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise NotPossibleError(
            f"There is no time zone {name!r}. Use a name such as America/New_York."
        ) from None
    return name
