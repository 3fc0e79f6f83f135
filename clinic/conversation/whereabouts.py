"""Where a patient is now, and the clinic's settings as the words need them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import stages
from clinic.records.models import Clinic, Infusion, Patient

#: Settings a clinic may change, and what they are until it does. Numbers are for the US
#: (domain.md 4.4: other countries from the clinic's settings, never guessed).
DEFAULTS = {
    "phone": "",
    "hours": "Weekdays 9 to 5",
    "emergency_number": "911",
    "crisis_line": "988",
    "reads_within": "2 working days",
}

#: What can be said when the clinic's own settings cannot be read.
WITHOUT_DATABASE = {
    "clinic_name": "",
    "clinic_phone": "",
    "clinic_hours": "",
    "emergency_number": DEFAULTS["emergency_number"],
    "crisis_line": DEFAULTS["crisis_line"],
}


def place(session: Session, patient_id: str, now: datetime) -> stages.Place:
    """The patient's stage at ``now``."""
    infusions = session.scalars(select(Infusion).where(Infusion.patient_id == patient_id))
    return stages.place(
        now, [stages.Infusion(i.number, i.started_at, i.ended_at, i.cancelled) for i in infusions]
    )


def settings(clinic: Clinic) -> dict[str, str]:
    """The clinic's settings with defaults, under the names the content registry uses."""
    chosen = DEFAULTS | clinic.settings
    return {
        "clinic_name": clinic.name,
        "clinic_phone": chosen["phone"],
        "clinic_hours": chosen["hours"],
        "emergency_number": chosen["emergency_number"],
        "crisis_line": chosen["crisis_line"],
        "reads_within": chosen["reads_within"],
    }


def clock_time(moment: datetime, patient: Patient, now: datetime) -> str:
    """A time as people say it, in the patient's own zone: "9:04 pm", "9:04 pm on Nov 19"."""
    zone = ZoneInfo(patient.timezone)
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    said = f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"
    return said if local.date() == today else f"{said} on {local:%b} {local.day}"
