"""A wake-up as a row of the outbox: asked for when a touch has come, checked again before it goes.

It says that something waits and how to be left alone; nothing of what waits. None goes out in quiet
hours, after its touch was answered or is over, while a human or an alert has the conversation, or
once the patient wants none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.escalation import machine
from clinic.notify import Outgoing
from clinic.records.models import (
    Conversation,
    Message,
    Outbox,
    Patient,
    PatientContact,
    Touch,
)
from clinic.system import System
from clinic.touches import schedule
from clinic.wake import contacts

WAKE = "patient.wake"
STOP_PATH = "/stop/"
#: The assistant's words come first. When it could not answer, the touch has not come after all.
_WAIT = timedelta(seconds=20)
#: Twilio's word for: this number has sent STOP.
_STOPPED = "twilio 21610"


def ask(system: System, session: Session, touch: Touch, message: Message, now: datetime) -> None:
    """The touch has come: wake its patient, who has chosen how or is not woken."""
    contact = contacts.counting(session, touch.patient_id)
    if contact is None:
        return
    session.add(
        Outbox(
            key=f"wake/{touch.id}/{message.id}/{contact.id}",
            channel=contact.channel,
            patient_contact_id=contact.id,
            template=WAKE,
            params={"touch": touch.id, "message": message.id},
            priority=contacts.PRIORITY,
            due_at=now + _WAIT,
            created_at=now,
        )
    )


def outgoing(system: System, session: Session, row: Outbox) -> Outgoing | None:
    """What is to be sent, with the address; None when it is not wanted any more."""
    contact = session.get_one(PatientContact, row.patient_contact_id)
    if not wanted(system, session, row):
        return None
    link = f"{system.settings.public_url}{STOP_PATH}{contacts.token(system, contact)}"
    values = {"link": f"{system.settings.public_url}/chat", "stop": link}
    if row.template == contacts.CODE:
        code = contacts.code_for(system, session, str(row.params["code_of"]))
        if code is None:
            return None
        values["code"] = code
    kind = row.template.removeprefix("patient.")
    words = {
        "subject": _say(system, f"wake.{kind}_subject", values),
        "text": _say(system, f"wake.{kind}_{contact.channel}", values),
    }
    return Outgoing(
        row.key,
        contacts.address(system, session, contact),
        row.template,
        words,
        row.id,
        row.attempt,
        contact.id,
        unsubscribe=link,
    )


def still_wanted(system: System, row_id: int) -> bool:
    """Asked right before it goes: what changed after the claim counts too."""
    with system.database.read() as session:
        row = session.get(Outbox, row_id)
        return row is not None and wanted(system, session, row)


def wanted(system: System, session: Session, row: Outbox) -> bool:
    contact = session.get_one(PatientContact, row.patient_contact_id)
    if contact.removed_at or contacts.stopped(session, contact.channel, contact.address_hash):
        return False
    patient = session.get_one(Patient, contact.patient_id)
    if not patient.active:
        return False
    if row.template == contacts.CODE:
        return True
    now = system.clock.now()
    touch = session.get(Touch, str(row.params["touch"]))
    return (
        contact.verified_at is not None
        and patient.touches_wanted
        and patient.program != "ended"
        and touch is not None
        and touch.state == "open"
        and touch.message_id == row.params["message"]
        and now < touch.until
        and not schedule.load().quiet.holds(now.astimezone(ZoneInfo(patient.timezone)).time())
        and _calm(session, patient.id, str(touch.message_id))
    )


def sent(session: Session, row: Outbox) -> None:
    """The provider has it."""
    contact = session.get_one(PatientContact, row.patient_contact_id)
    contact.failing_since = contact.failing = None


def failed(system: System, session: Session, row: Outbox, now: datetime, gone: bool) -> None:
    """It will not arrive. The patient sees it on their page; nobody is called for it."""
    contact = session.get_one(PatientContact, row.patient_contact_id)
    contact.failing_since, contact.failing = contact.failing_since or now, row.last_error
    session.flush()
    if row.last_error == _STOPPED:
        contacts.stop(system, session, contact.channel, contact.address_hash, "system")
    elif gone:
        contact.verified_at, contact.removed_at = None, now
    system.audit.add(
        session,
        now,
        "system",
        "wake.failed",
        f"patient-contact:{contact.id}",
        contact.patient_id,
        channel=row.channel,
        error=row.last_error,
    )


def _calm(session: Session, patient_id: str, message_id: str) -> bool:
    """Nobody has written since, no human has the conversation, and nothing worries."""
    conversation = session.scalars(
        select(Conversation).where(Conversation.patient_id == patient_id)
    ).one()
    came = session.get_one(Message, message_id)
    wrote = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.author == "patient",
        Message.seq > came.seq,
    )
    return (
        conversation.mode == "bot"
        and conversation.risk_level == "none"
        and came.turn != "unanswered"
        and machine.running_for(session, patient_id) is None
        and session.scalars(wrote.limit(1)).first() is None
    )


def _say(system: System, item: str, values: dict[str, str]) -> str:
    """From the registry, with as many of the values as its words have room for."""
    named = {name: values[name] for name in system.words.item(item).values}
    said: str = system.words.render(item, 0, named)
    return said
