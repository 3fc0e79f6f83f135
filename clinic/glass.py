"""Breaking the glass: a clinician without a reason to read a patient opens them in an emergency.

It takes a reason in words, lasts the clinic's ``break_glass_hours``, tells the people who look at
such openings, and stands as what it was in the log, on their page and on the patient's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.escalation import on_call
from clinic.records.models import Audit, BrokenGlass, Clinic, Outbox, Patient, Staff, new_id
from clinic.records.vault import Vault
from clinic.system import System

#: Why, by code; console/wording.py has the words.
REASONS = ("danger", "cover", "asked", "other")
#: A sentence, not a word: "in practice always the same word" is what such forms fall to.
SHORTEST = 15
LONGEST = 500
SETTING = "break_glass_hours"
HOURS = 4.0
#: Names tried within an hour that nobody has: more than a slip of the pen, and it stops.
MISSES = 5
TOLD = "access.glass"
#: Behind every alert, before what only informs.
_PRIORITY = 50


class GlassError(Exception):
    """It was not done; the text says why and what would do."""


def hours(settings: Mapping[str, object]) -> float:
    """How long an opening lasts. Raises ValueError for what is no such length."""
    length = float(str(settings.get(SETTING) or HOURS))
    if not 1 <= length <= 72:
        raise ValueError(f"the clinic setting {SETTING} must be from 1 to 72 hours")
    return length


def may_break(staff: Staff) -> bool:
    """Clinicians may; being an administrator is no reason (docs/adr/0007)."""
    return staff.active and bool(set(staff.roles) & set(on_call.CLINICAL_ROLES))


def reviews(staff: Staff) -> bool:
    """Whether this person looks at openings afterwards."""
    return staff.active and bool({"supervisor", "admin"} & set(staff.roles))


def find(system: System, session: Session, staff: Staff, who: str) -> Patient:
    """The patient of this full name or phone number. A try that finds nobody is on record, and
    after a few of them nothing is found any more for an hour: the form is no list to search.

    Raises GlassError with what to do. The caller commits the row of the miss.
    """
    now = system.clock.now()
    if _misses(session, staff, now) >= MISSES:
        raise GlassError("Too many names that nobody has. Try again in an hour, or call.")
    vault = system.vault(session)
    patients = session.scalars(select(Patient).where(Patient.active)).all()
    found = [one for one in patients if _is(vault, one, who)]
    if len(found) > 1:
        raise GlassError("More than one patient has this name. Give the phone number instead.")
    if not found:
        _note(system, session, staff, "glass.missed", "patient:unknown")
        raise GlassError("No patient has this full name or number. Check how it is written.")
    return found[0]


def open_for(
    system: System, session: Session, staff: Staff, patient: Patient, reason: str, why: str
) -> BrokenGlass:
    """Let this clinician read this patient for the clinic's hours, and tell who looks at it."""
    now, glass_id = system.clock.now(), new_id()
    settings = session.get_one(Clinic, 1).settings
    row = BrokenGlass(
        id=glass_id,
        patient_id=patient.id,
        staff_id=staff.id,
        reason=reason,
        why_sealed=system.vault(session).seal(
            patient.id, "broken_glass", "why", glass_id, why.strip()
        ),
        opened_at=now,
        until=now + timedelta(hours=hours_set(settings)),
    )
    session.add(row)
    session.flush()
    _note(system, session, staff, "glass.open", f"glass:{row.id}", patient.id, code=reason)
    _tell(session, row, now)
    feed.publish(system, session, feed.STAFF, "glass", row.id)
    return row


def close(system: System, session: Session, staff: Staff, row: BrokenGlass) -> None:
    """Needed no longer: nothing can be read from here on."""
    row.until = min(row.until, system.clock.now())
    _note(system, session, staff, "glass.close", f"glass:{row.id}", row.patient_id)


def see(system: System, session: Session, staff: Staff, row: BrokenGlass) -> None:
    """Somebody else has looked at it. The first look counts; nobody looks at their own."""
    if row.staff_id == staff.id:
        raise GlassError("Somebody else looks at what you opened yourself.")
    if row.seen_by is None:
        row.seen_by, row.seen_at = staff.id, system.clock.now()
        _note(system, session, staff, "glass.seen", f"glass:{row.id}", row.patient_id)


def running(session: Session, staff_id: str, now: datetime) -> dict[str, BrokenGlass]:
    """What this person has open now, by patient; of two the one that lasts longer."""
    rows = session.scalars(
        select(BrokenGlass)
        .where(BrokenGlass.staff_id == staff_id, BrokenGlass.until > now)
        .order_by(BrokenGlass.until)
    )
    return {row.patient_id: row for row in rows}


def unseen(session: Session, staff: Staff) -> int:
    """How many openings by others nobody has looked at; 0 for whoever does not look at them."""
    if not reviews(staff):
        return 0
    waiting = select(func.count()).where(
        BrokenGlass.seen_at.is_(None), BrokenGlass.staff_id != staff.id
    )
    return session.scalar(waiting) or 0


def hours_set(settings: Mapping[str, object]) -> float:
    """What the clinic has set. What cannot be read must not keep a clinician out at night."""
    try:
        return hours(settings)
    except ValueError:
        return HOURS


def _is(vault: Vault, patient: Patient, who: str) -> bool:
    typed = _digits(who)
    if len(typed) >= 7:
        return _digits(vault.shown_phone(patient)).endswith(typed)
    return _words(vault.shown_name(patient)) == _words(who)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def _words(text: str) -> list[str]:
    return text.casefold().split()


def _misses(session: Session, staff: Staff, now: datetime) -> int:
    tried = select(func.count()).where(
        Audit.actor == f"staff:{staff.id}",
        Audit.action == "glass.missed",
        Audit.at > now - timedelta(hours=1),
    )
    return session.scalar(tried) or 0


def _tell(session: Session, row: BrokenGlass, now: datetime) -> None:
    """By e-mail only: it need not wake anybody."""
    people = [p for p in session.scalars(select(Staff)) if reviews(p) and p.id != row.staff_id]
    for contact in (way for p in people for way in on_call.contacts(session, p.id)):
        if contact.channel == "email":
            session.add(
                Outbox(
                    key=f"glass/{row.id}/{contact.id}",
                    channel=contact.channel,
                    contact_id=contact.id,
                    template=TOLD,
                    params={},
                    priority=_PRIORITY,
                    due_at=now,
                    created_at=now,
                )
            )


def _note(
    system: System,
    session: Session,
    staff: Staff,
    action: str,
    subject: str,
    patient_id: str | None = None,
    **detail: str,
) -> None:
    actor = f"staff:{staff.id}"
    system.audit.add(session, system.clock.now(), actor, action, subject, patient_id, **detail)
