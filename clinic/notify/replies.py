"""What comes back through a channel, after the channel has proved that it is genuine.

An answer counts only from a contact that was confirmed by a code, for an alert that its person may
see: the same rule as in the console. Whatever is refused leaves an audit row with the reason, never
with what was written.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic.console import relations
from clinic.conversation import delivery, whereabouts
from clinic.escalation import machine
from clinic.records.models import (
    Clinic,
    Escalation,
    Heartbeat,
    ProviderEvent,
    Staff,
    StaffContact,
)
from clinic.system import System
from clinic.wake import contacts as waking

log = logging.getLogger("afterglow.callbacks")

_ACK = re.compile(r"\s*ack\s*#?\s*(\d{1,9})\s*[.!]?\s*", re.IGNORECASE)
#: The words Twilio heeds, so that ours and theirs agree.
_STOP = re.compile(
    r"\s*(stop|stopall|unsubscribe|cancel|end|quit|revoke|optout)\s*[.!]?\s*", re.IGNORECASE
)
_HOW = "Afterglow: to take an alert, reply ACK and its number, such as ACK 41."
_NO_ALERT = "Afterglow: there is no such alert for you."
#: Refusals recorded in an hour. Anybody may knock; the audit log must not be filled by it, nor
#: patients' messages kept waiting.
REFUSALS = 100
_HOUR = timedelta(hours=1)
_COUNT = "callbacks.refused"
#: How long an event is remembered. Providers give up sending it again long before.
_REMEMBERED = timedelta(days=30)


def first_time(system: System, session: Session, channel: str, event_id: str) -> bool:
    """Whether this event is new; it is remembered with the caller's transaction."""
    now = system.clock.now()
    if not _remember(session, channel, event_id, now):
        refused(system, session, channel, "replayed")
        return False
    session.execute(delete(ProviderEvent).where(ProviderEvent.at < now - _REMEMBERED))
    return True


def refuse(system: System, channel: str, reason: str) -> None:
    """Record a refusal in a transaction of its own; past the limit without one."""
    now = system.clock.now()
    with system.database.read() as session:
        over = _refusals(session.get(Heartbeat, _COUNT), now) >= REFUSALS
    if not over:
        with system.database.write() as session:
            refused(system, session, channel, reason)


def refused(system: System, session: Session, channel: str, reason: str, **detail: str) -> None:
    now = system.clock.now()
    system.database.serialise(session)
    count = session.get(Heartbeat, _COUNT)
    so_far = _refusals(count, now)
    if so_far >= REFUSALS:
        return
    if count is None or so_far == 0:
        session.merge(Heartbeat(name=_COUNT, at=now, detail={"count": 1}))
    else:
        count.detail = {"count": so_far + 1}
    system.audit.add(
        session, now, "anonymous", "callback.refused", channel, None, reason=reason, **detail
    )
    log.warning("callback refused: %s, %s", channel, reason)


def _refusals(count: Heartbeat | None, now: datetime) -> int:
    """How many were recorded in the hour that is under way."""
    return 0 if count is None or abs(now - count.at) >= _HOUR else int(count.detail["count"])


def text_message(system: System, session: Session, number: str, body: str) -> str:
    """The answer to a text message; empty when there is none."""
    if _STOP.fullmatch(body) and waking.stop(
        system, session, "sms", waking.hashed(system, "sms", number), "anonymous"
    ):
        return system.words.render("wake.sms_stopped")
    people = _people(session, "sms", number)
    if not people:
        return _to_a_stranger(system, session, number)
    asked = _ACK.fullmatch(body)
    if asked is None:
        return _HOW
    if len(people) > 1:
        refused(system, session, "sms", "shared number")
        return "Afterglow: this number is several people's. Take the alert in the console."
    return acknowledge(system, session, "sms", people[0], int(asked[1]))[1]


def acknowledge(
    system: System, session: Session, channel: str, person: Staff, number: int
) -> tuple[bool, str]:
    """Take the alert for this person as the console would. (Whether it was done, what to say.)"""
    now = system.clock.now()
    alert = session.scalars(select(Escalation).where(Escalation.number == number)).first()
    allowed = alert is not None and alert.patient_id in relations.readable(session, person, now)
    if alert is None or not allowed:
        refused(system, session, channel, "no such alert for them", staff=person.id)
        return False, _NO_ALERT
    try:
        machine.acknowledge(system, session, alert.id, person)
    except machine.RefusedError as error:
        refused(system, session, channel, "not possible now", staff=person.id)
        return False, f"Afterglow alert {number}: {error}"
    until = _time(session, alert.ack_until or now)
    says = f"Afterglow: you have alert {number} until {until}. Record the outcome in the console."
    return True, says


def behind(session: Session, channel: str, contact_id: str) -> Staff | None:
    """The person whose confirmed contact this is."""
    contact = session.get(StaffContact, contact_id)
    if contact is None or contact.channel != channel or contact.verified_at is None:
        return None
    person = session.get_one(Staff, contact.staff_id)
    return person if person.active else None


def _people(session: Session, channel: str, address: str) -> list[Staff]:
    """Active people for whom this address was confirmed."""
    return list(
        session.scalars(
            select(Staff)
            .join(StaffContact, StaffContact.staff_id == Staff.id)
            .where(
                Staff.active,
                StaffContact.channel == channel,
                StaffContact.address == address,
                StaffContact.verified_at.is_not(None),
            )
        )
    )


def _to_a_stranger(system: System, session: Session, number: str) -> str:
    """It may be a patient in need: the numbers that help, once a day, and nothing else."""
    now = system.clock.now()
    today = f"{system.hash(number)}/{now:%Y-%m-%d}"
    first = _remember(session, "sms.stranger", today, now)
    refused(system, session, "sms", "unknown number")
    if not first:
        return ""
    clinic = session.get(Clinic, 1)
    known = whereabouts.settings(clinic) if clinic else whereabouts.WITHOUT_DATABASE
    helps = delivery.help_lines(system, known)
    numbers = (f"{line['label']}: {line['href'].partition(':')[2]}" for line in helps["lines"])
    return "\n".join([system.words.render("page.fallback_help_text"), *numbers])


def _remember(session: Session, channel: str, event_id: str, now: datetime) -> bool:
    """Whether it was not there yet. The key decides, also between two requests at once."""
    try:
        with session.begin_nested():
            session.add(ProviderEvent(channel=channel, event_id=event_id, at=now))
    except IntegrityError:
        return False
    return True


def _time(session: Session, moment: datetime) -> str:
    clinic = session.get(Clinic, 1)
    local = moment.astimezone(ZoneInfo(clinic.timezone if clinic else "UTC"))
    return whereabouts.hour(local)
