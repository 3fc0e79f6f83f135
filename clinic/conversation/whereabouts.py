"""Where a patient is now, and the clinic's settings as the words need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import stages
from clinic import crisis
from clinic.escalation import hours
from clinic.records.models import Clinic, Infusion, Patient
from clinic.system import System

#: What settings are until the clinic sets them (clinic/clinic_settings.py). The numbers to call
#: are those of the country (data/crisis), unless the clinic sets its own.
DEFAULTS = {
    "phone": "",
    "hours": "Weekdays 9 to 5",
    "country": crisis.DEFAULT,
    "reads_within": "2 working days",
    # Empty: the clinic has not said, so nothing is claimed (domain.md 1.9).
    "fasting": "",
    "music": "",
    "session_length": "",
    "integration": "",
    "schedule": "",
}

#: Settings in the clinic's own words, shown to patients as they stand.
OWN_WORDS = ("fasting", "music", "session_length", "integration", "schedule")

#: Hours of its own a sentence may name; empty, and not named, until the clinic has set them.
OWN_HOURS = ("driving_hours", "after_effects_hours", "window_hours")

#: What can be said when the clinic's own settings cannot be read.
WITHOUT_DATABASE = {
    "clinic_name": "",
    "clinic_phone": "",
    "clinic_hours": "",
    **crisis.numbers(crisis.DEFAULT),
}


def place(session: Session, patient_id: str, now: datetime) -> stages.Place:
    """The patient's stage at ``now``."""
    clinic, patient = session.get_one(Clinic, 1), session.get_one(Patient, patient_id)
    return at(clinic, patient, infusions_of(session, patient_id), now)


def at(
    clinic: Clinic, patient: Patient, infusions: Iterable[Infusion], now: datetime
) -> stages.Place:
    """The same, from rows that are at hand."""
    return stages.place(now, as_stages(infusions), clock(clinic), patient.program)


def driving_locked(
    clinic: Clinic, patient: Patient, infusions: Iterable[Infusion], now: datetime
) -> bool:
    """Whether driving is out of the question now (never a permission)."""
    zone = ZoneInfo(patient.timezone)
    return stages.driving_locked(now, as_stages(infusions), clock(clinic), zone)


def effects_over(clinic: Clinic, where: stages.Place) -> bool:
    """Whether fog or nausea should be over by now, by the clinic's own limit."""
    return where.hours_since is not None and where.hours_since > clock(clinic).after_effects_hours


def clock(clinic: Clinic) -> stages.Settings:
    """What the clinic has set about stages. A setting that cannot be read counts as not set: the
    patient's message must come through, and `afterglow doctor` names it."""
    try:
        return stages.Settings.of(clinic.settings)
    except ValueError:
        return stages.Settings()


def infusions_of(session: Session, patient_id: str) -> list[Infusion]:
    """Every infusion of a patient, the cancelled ones too, by their start."""
    rows = select(Infusion).where(Infusion.patient_id == patient_id).order_by(Infusion.started_at)
    return list(session.scalars(rows))


def as_stages(rows: Iterable[Infusion]) -> list[stages.Infusion]:
    """The rows as bot/stages.py takes them."""
    return [
        stages.Infusion(i.number, i.started_at, i.ended_at, i.cancelled, i.booster) for i in rows
    ]


def settings(clinic: Clinic, patient: Patient | None = None) -> dict[str, str]:
    """The clinic's settings with defaults, under the names the content registry uses; the numbers
    are those that work where the patient is."""
    chosen = DEFAULTS | clinic.settings
    return {
        "clinic_name": clinic.name,
        "clinic_phone": chosen["phone"],
        "clinic_hours": chosen["hours"],
        **_numbers(chosen, patient),
        "reads_within": chosen["reads_within"],
        **{name: chosen[name] for name in OWN_WORDS},
        **{name: _as_hours(chosen.get(name)) for name in OWN_HOURS},
        "after_effects": in_words(clock(clinic).after_effects_hours),
    }


def _as_hours(number: object) -> str:
    """A length of time: "1 hour", "2.5 hours"; nothing where it is not set or no number."""
    try:
        hours = float(str(number))
    except ValueError:
        return ""
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def known(system: System, clinic: Clinic, patient: Patient) -> dict[str, str]:
    """What a sentence may name about the clinic, at this moment, to this patient."""
    return settings(clinic, patient) | {"clinic_open": _open(system, clinic, patient)}


def _open(system: System, clinic: Clinic, patient: Patient) -> str:
    """Whether the clinic is open, as the end of a sentence about it; from its own hours."""
    now, opening = system.clock.now(), hours.of(clinic)
    if opening.are_open(now):
        return system.words.render("clinic.open")
    opens = opening.next_opening(now)
    if opens is None:
        return system.words.render("clinic.closed")
    return system.words.render("clinic.opens", 0, {"time": _day_and_time(opens, patient, now)})


def in_words(hours: float) -> str:
    """A clinic's hours as a sentence names them."""
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def _day_and_time(moment: datetime, patient: Patient, now: datetime) -> str:
    """A moment ahead: "today at 9:00 am", "Monday at 9:00 am", "Monday, Jan 4 at 9:00 am"."""
    zone = ZoneInfo(patient.timezone)
    local = moment.astimezone(zone)
    ahead = (local.date() - now.astimezone(zone).date()).days
    day = f"{local:%A}" if ahead < 7 else f"{local:%A}, {local:%b} {local.day}"
    day = {0: "today", 1: "tomorrow"}.get(ahead, day)
    return f"{day} at {clock_time(moment, patient, moment)}"


def _numbers(chosen: Mapping[str, str], patient: Patient | None) -> dict[str, str]:
    abroad = patient.country if patient else None
    known = crisis.numbers(abroad or chosen["country"])
    if abroad and abroad != chosen["country"]:
        return known
    if "emergency_number" in chosen:
        known["emergency_number"] = chosen["emergency_number"]
    if chosen.get("crisis_line", known["crisis_line"]) != known["crisis_line"]:
        # A line of the clinic's own: whether it takes texts is theirs to say.
        known |= {"crisis_line": chosen["crisis_line"], "crisis_how": "call"}
        known["crisis_text"] = chosen.get("crisis_text", "")
    return known


def hour(local: datetime) -> str:
    """The hour as people say it: "9:04 pm"."""
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def clock_time(moment: datetime, patient: Patient, now: datetime) -> str:
    """A time as people say it, in the patient's own zone: "9:04 pm", "9:04 pm on Nov 19"."""
    zone = ZoneInfo(patient.timezone)
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    said = hour(local)
    return said if local.date() == today else f"{said} on {local:%b} {local.day}"
