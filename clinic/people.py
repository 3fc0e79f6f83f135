"""People and the clinic's settings: what the command line and, later, the staff pages call."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import clinic_settings, feed
from clinic.records.models import (
    CareRelation,
    Clinic,
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
    clinic = Clinic(id=1, name=name, timezone=zone_named(timezone), settings=dict(settings))
    session.add(clinic)
    session.flush()
    return clinic


def add_patient(
    system: System,
    session: Session,
    name: str,
    timezone: str,
    phone: str | None = None,
    country: str | None = None,
    actor: str = "system",
    patient_id: str | None = None,
) -> Patient:
    """A new patient with a data key of their own. ``country``: where they are, when that is not
    where the clinic is. ``patient_id``: one that was made for them before (a form sent twice)."""
    patient_id = patient_id or new_id()
    patient = Patient(
        id=patient_id,
        data_key=system.keyring.new_data_key(patient_id),
        name_sealed=b"",
        timezone=zone_named(timezone),
        country=country_named(country),
        created_at=system.clock.now(),
    )
    cipher = system.vault(session).admit(patient)
    patient.name_sealed = cipher.seal("patient", "name", patient_id, name)
    if phone:
        patient.phone_sealed = cipher.seal("patient", "phone", patient_id, phone)
    session.add(patient)
    session.flush()
    system.audit.add(
        session, system.clock.now(), actor, "patient.add", f"patient:{patient_id}", patient_id
    )
    return patient


def relate(
    system: System,
    session: Session,
    patient: Patient,
    staff: Staff,
    kind: str,
    actor: str = "system",
) -> None:
    """Give a member of staff a reason to read this patient (invariant I10)."""
    now = system.clock.now()
    session.add(CareRelation(patient_id=patient.id, staff_id=staff.id, kind=kind, since=now))
    session.flush()
    system.audit.add(
        session,
        now,
        actor,
        "relation.add",
        f"staff:{staff.id}",
        patient.id,
        kind=kind,
    )


def unrelate(
    system: System, session: Session, patient_id: str, staff_id: str, kind: str, actor: str
) -> None:
    """Take a relation away: what this person has open of the patient closes at once."""
    row = session.get(CareRelation, (patient_id, staff_id, kind))
    if row is None:
        raise NotPossibleError("There is no such relation.")
    session.delete(row)
    session.flush()
    subject = f"staff:{staff_id}"
    now = system.clock.now()
    system.audit.add(session, now, actor, "relation.end", subject, patient_id, kind=kind)
    feed.publish(system, session, feed.STAFF, "relation", staff_id)


def by_email(session: Session, email: str) -> Staff:
    """The member of staff who signs in with this address."""
    found = session.scalars(select(Staff).where(Staff.email == email.strip().lower())).first()
    if found is None:
        raise NotPossibleError(f"Nobody signs in with {email}.")
    return found


def add_contact(system: System, session: Session, staff: Staff, channel: str, address: str) -> None:
    """A way that counts without a code. For the demo and for tests only: nobody has proved it.

    Everybody else's are added with ``clinic.notify.contacts``.
    """
    session.add(
        StaffContact(
            staff_id=staff.id, channel=channel, address=address, verified_at=system.clock.now()
        )
    )


def put_on_call(system: System, session: Session, staff: Staff) -> None:
    """On call from now until further notice."""
    session.add(OnCallShift(staff_id=staff.id, starts_at=system.clock.now(), ends_at=None))


def change_setting(system: System, session: Session, name: str, value: str) -> None:
    """Set one of the clinic's settings; empty text takes it back to its default."""
    if session.get(Clinic, 1) is None:
        raise NotPossibleError("There is no clinic yet. See: afterglow clinic found")
    if name not in clinic_settings.FIELDS:
        known = ", ".join(sorted(clinic_settings.FIELDS))
        raise NotPossibleError(f"There is no setting {name!r}. Known: {known}.")
    typed = clinic_settings.current(session).document | {name: value}
    try:
        clinic_settings.save(system, session, typed, None, f"afterglow clinic set {name}")
    except clinic_settings.WrongError as error:
        raise NotPossibleError(f"That cannot be: {error}") from None


def country_named(code: str | None) -> str | None:
    """Two letters in upper case; None: where the clinic is. Raises NotPossibleError."""
    if code is None:
        return None
    if len(code) == 2 and code.isascii() and code.isalpha():
        return code.upper()
    raise NotPossibleError(f"{code!r} is no country code. Use two letters, such as GB.")


def zone_named(name: str) -> str:
    """The name, if there is such a time zone. Raises NotPossibleError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise NotPossibleError(
            f"There is no time zone {name!r}. Use a name such as America/New_York."
        ) from None
    return name
