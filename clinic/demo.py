"""The demo clinic: a therapist, an on-call clinician, a patient whose infusion was yesterday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import infusions, people
from clinic.console.sign_in import setting_up
from clinic.patient import access as patient_access
from clinic.records.models import Clinic, Patient, Staff
from clinic.system import System

ZONE = "America/New_York"
TEAM = (
    ("Dr. Robin Ames", "Therapist", "robin@harbor.invalid", ["therapist"]),
    ("Noor Haddad", "On-call nurse", "noor@harbor.invalid", ["on_call"]),
)


@dataclass(frozen=True)
class Welcome:
    """What the terminal shows: where to go, and how to get in."""

    patient_url: str
    console_url: str
    #: (name, e-mail, one-time password or None when they have signed in before)
    staff: list[tuple[str, str, str | None]]


def ensure(system: System) -> bool:
    """Create the demo clinic if the database is empty. Returns whether this is a demo clinic."""
    with system.database.write() as session:
        clinic = session.get(Clinic, 1)
        if clinic is None:
            _create(system, session)
            return True
        return bool(clinic.settings.get("demo"))


def welcome(system: System) -> Welcome:
    """Fresh ways in: a new invitation, and new passwords for staff who never signed in."""
    with system.database.write() as session:
        patient = session.scalars(select(Patient).order_by(Patient.created_at)).first()
        if patient is None:
            raise people.NotPossibleError("The demo clinic has no patient.")
        token = patient_access.invite(system, session, patient.id)
        staff = []
        for person in session.scalars(select(Staff).order_by(Staff.created_at)):
            fresh = person.totp_step is None
            password = setting_up.reset_sign_in(system, session, person.email) if fresh else None
            staff.append((f"{person.name}, {person.title.lower()}", person.email, password))
        return Welcome(
            patient_access.invitation_url(system, token),
            f"{system.settings.public_url}/console",
            staff,
        )


def _create(system: System, session: Session) -> None:
    people.found_clinic(
        session, "Harbor Clinic (demo)", ZONE, {"demo": True, "phone": "+1 555 0100"}
    )
    patient = people.add_patient(system, session, "Sam Rivera", ZONE, "+1 555 0142")
    for name, title, email, roles in TEAM:
        setting_up.create_staff(system, session, name, title, email, roles)
        person = people.by_email(session, email)
        people.add_contact(system, session, person, "email", email)
        if "therapist" in roles:
            people.relate(system, session, patient, person, "therapist")
        else:
            people.put_on_call(system, session, person)
    ended = system.clock.now() - timedelta(hours=25)
    for weeks in (2, 1, 0):
        end = ended - timedelta(weeks=weeks)
        infusions.record(system, session, patient, end - timedelta(minutes=50), end)
