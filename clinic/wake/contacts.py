"""A patient's way to be woken: chosen, proved with a code, taken away, or stopped for good.

At most one counts; confirming another takes its place. An address where somebody said stop is never
written to again, by whichever patient it is given.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.notify import AddressError, Channels
from clinic.notify import contacts as staff
from clinic.records.models import Outbox, Patient, PatientCode, PatientContact, new_id
from clinic.system import System

#: What a patient may choose from, as far as the clinic has set it up.
CHANNELS = ("email", "sms", "push")
CODE = "patient.code"
_HOUR = timedelta(hours=1)
#: After every alert and every code of staff.
PRIORITY = 200


class NotKeptError(Exception):
    """Nothing was changed; ``code`` says why: address, confirmed, stopped, channel, or too_many."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def offered(channels: Channels) -> list[str]:
    """The ways a patient can choose here."""
    return [name for name in channels.configured() if name in CHANNELS]


def counting(session: Session, patient_id: str) -> PatientContact | None:
    """The way that counts."""
    return session.scalars(
        select(PatientContact).where(
            PatientContact.patient_id == patient_id, PatientContact.verified_at.is_not(None)
        )
    ).first()


def waiting(session: Session, patient_id: str) -> list[PatientContact]:
    """Ways that wait for their code."""
    return list(
        session.scalars(
            select(PatientContact).where(
                PatientContact.patient_id == patient_id,
                PatientContact.verified_at.is_(None),
                PatientContact.removed_at.is_(None),
                PatientContact.stopped_at.is_(None),
            )
        )
    )


def address(system: System, session: Session, contact: PatientContact) -> str:
    cipher = system.vault(session).cipher(contact.patient_id)
    return cipher.open("patient_contact", "address", contact.id, contact.address_sealed)


def add(
    system: System,
    session: Session,
    channels: Channels,
    patient: Patient,
    channel: str,
    typed: str,
) -> PatientContact:
    """A way that does not count yet, with a code on its way to it. Raises NotKeptError."""
    if channel not in offered(channels):
        raise NotKeptError("channel")
    try:
        given = channels.get(channel).address(typed)
    except AddressError:
        raise NotKeptError("address") from None
    key = hashed(system, channel, given)
    if stopped(session, channel, key):
        raise NotKeptError("stopped")
    contact = session.scalars(
        select(PatientContact).where(
            PatientContact.patient_id == patient.id,
            PatientContact.channel == channel,
            PatientContact.address_hash == key,
        )
    ).first()
    if contact is None:
        contact = PatientContact(
            id=new_id(), patient_id=patient.id, channel=channel, address_hash=key
        )
        contact.address_sealed = system.vault(session).seal(
            patient.id, "patient_contact", "address", contact.id, given
        )
        session.add(contact)
    elif contact.verified_at is not None:
        raise NotKeptError("confirmed")
    for other in waiting(session, patient.id):
        if other is not contact:
            other.removed_at = system.clock.now()
    contact.removed_at = contact.failing_since = contact.failing = None
    session.flush()
    _audit(system, session, "wake.add", contact)
    _send_code(system, session, patient, contact)
    return contact


def confirm(system: System, session: Session, patient: Patient, typed: str) -> bool:
    """Whether a code that waits is this one: from now on its way is the one that counts.

    A refusal must be committed too, so it is an answer and not an exception.
    """
    now, given = system.clock.now(), "".join(typed.split()).encode()
    ways = {contact.id: contact for contact in waiting(session, patient.id)}
    codes = _open_codes(session, list(ways), now)
    for code in codes:
        if hmac.compare_digest(staff.digits(system, code.id, code.nonce).encode(), given):
            before = counting(session, patient.id)
            if before is not None:
                _end(system, session, before)
            code.used_at = ways[code.contact_id].verified_at = now
            _audit(system, session, "wake.on", ways[code.contact_id])
            return True
    for code in codes:
        code.tries += 1
    return False


def remove(system: System, session: Session, patient: Patient) -> None:
    """The patient wants to be woken no more, or no code any more."""
    ways = [*waiting(session, patient.id), counting(session, patient.id)]
    for contact in ways:
        if contact is not None:
            _end(system, session, contact)
            _audit(system, session, "wake.off", contact)


def stop(system: System, session: Session, channel: str, key: str, actor: str) -> bool:
    """Somebody at that address wants no more of it: never again. Whether anybody had it."""
    found = session.scalars(
        select(PatientContact).where(
            PatientContact.channel == channel, PatientContact.address_hash == key
        )
    ).all()
    for contact in found:
        if contact.stopped_at is None:
            _end(system, session, contact)
            contact.stopped_at = system.clock.now()
            _audit(system, session, "wake.stopped", contact, actor)
    return bool(found)


def stopped(session: Session, channel: str, key: str) -> bool:
    """Whether somebody at that address has said stop."""
    said = select(PatientContact.id).where(
        PatientContact.channel == channel,
        PatientContact.address_hash == key,
        PatientContact.stopped_at.is_not(None),
    )
    return session.scalars(said.limit(1)).first() is not None


def hashed(system: System, channel: str, given: str) -> str:
    return system.hash(f"patient contact {channel} {given}")


def code_for(system: System, session: Session, code_id: str) -> str | None:
    """The code's digits for the message that carries it; None once it is over."""
    code = session.get(PatientCode, code_id)
    if code is None or code.used_at or code.expires_at <= system.clock.now():
        return None
    return staff.digits(system, code.id, code.nonce)


def token(system: System, contact: PatientContact) -> str:
    """What a link in a mail carries: it can stop this way, and nothing else."""
    return f"{contact.id}.{_mark(system, contact.id)}"


def named(system: System, session: Session, given: str) -> PatientContact | None:
    """The contact a link names; None when the link is not ours."""
    contact_id, _, mark = given.partition(".")
    if not hmac.compare_digest(_mark(system, contact_id).encode(), mark.encode()):
        return None
    return session.get(PatientContact, contact_id)


def _mark(system: System, contact_id: str) -> str:
    key = system.settings.secrets.lookup_key
    return hmac.new(key, f"stop waking {contact_id}".encode(), hashlib.sha256).hexdigest()[:32]


def _send_code(system: System, session: Session, patient: Patient, contact: PatientContact) -> None:
    now = system.clock.now()
    # The patient's row is the turnstile: two windows at once must not pass the limit together.
    session.get_one(Patient, patient.id, with_for_update=True)
    sent = session.scalar(
        select(func.count())
        .select_from(PatientCode)
        .join(PatientContact, PatientContact.id == PatientCode.contact_id)
        .where(PatientContact.patient_id == patient.id, PatientCode.created_at > now - _HOUR)
    )
    if (sent or 0) >= staff.SENDS:
        raise NotKeptError("too_many")
    for earlier in _open_codes(session, [contact.id], now):
        earlier.expires_at = now
    code = PatientCode(
        contact_id=contact.id,
        nonce=secrets.token_urlsafe(16),
        created_at=now,
        expires_at=now + staff.LIFE,
    )
    session.add(code)
    session.flush()
    session.add(
        Outbox(
            key=f"patient-code/{code.id}",
            channel=contact.channel,
            patient_contact_id=contact.id,
            template=CODE,
            params={"code_of": code.id},
            priority=PRIORITY,
            due_at=now,
            created_at=now,
        )
    )
    session.flush()


def _end(system: System, session: Session, contact: PatientContact) -> None:
    now = system.clock.now()
    contact.verified_at, contact.removed_at = None, now
    for code in _open_codes(session, [contact.id], now):
        code.expires_at = now
    session.flush()


def _open_codes(session: Session, contact_ids: Sequence[str], now: datetime) -> list[PatientCode]:
    return list(
        session.scalars(
            select(PatientCode)
            .where(
                PatientCode.contact_id.in_(contact_ids),
                PatientCode.expires_at > now,
                PatientCode.used_at.is_(None),
                PatientCode.tries < staff.TRIES,
            )
            .with_for_update()
        )
    )


def _audit(
    system: System, session: Session, action: str, contact: PatientContact, actor: str = ""
) -> None:
    """The contact's id and channel; never its address."""
    session.flush()
    system.audit.add(
        session,
        system.clock.now(),
        actor or f"patient:{contact.patient_id}",
        action,
        f"patient-contact:{contact.id}",
        contact.patient_id,
        channel=contact.channel,
    )
