"""A person's ways to be reached: added, proved with a code, removed.

A contact counts once a code that was sent to it, through that very channel, came back. The code is
worked out from a nonce and a key whenever it is needed, so the database never holds it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.notify import CODE, AddressError, Channels
from clinic.people import NotPossibleError
from clinic.records.models import ContactCode, Outbox, Staff, StaffContact
from clinic.system import System

LIFE = timedelta(minutes=10)
#: Wrong entries a code survives.
TRIES = 5
#: Codes a person may have sent in an hour, over all their contacts: each costs money, and a
#: stranger at the other end would be pestered.
SENDS = 5
_HOUR = timedelta(hours=1)
#: After every alert, whatever its level.
_PRIORITY = 100


def add(
    system: System,
    session: Session,
    channels: Channels,
    staff: Staff,
    channel: str,
    typed: str,
    actor: str,
) -> StaffContact:
    """A way that does not count yet, with a code on its way to it. Raises NotPossibleError."""
    if channel not in channels.configured():
        raise NotPossibleError(f"This clinic has not set up {channel}.")
    try:
        address = channels.get(channel).address(typed)
    except AddressError as error:
        raise NotPossibleError(str(error)) from None
    contact = _known(session, staff.id, channel, address)
    if contact is None:
        contact = StaffContact(staff_id=staff.id, channel=channel, address=address)
        session.add(contact)
    elif contact.removed_at is None and contact.verified_at is not None:
        raise NotPossibleError("This is confirmed already.")
    contact.removed_at = contact.failing_since = contact.failing = None
    session.flush()
    _audit(system, session, actor, "contact.add", contact)
    send_code(system, session, contact, actor)
    return contact


def send_code(system: System, session: Session, contact: StaffContact, actor: str) -> Outbox:
    """A fresh code; earlier ones stop working. Raises NotPossibleError after too many."""
    now = system.clock.now()
    # The person's row is the turnstile: two windows at once must not pass the limit together.
    session.get_one(Staff, contact.staff_id, with_for_update=True)
    sent = session.scalar(
        select(func.count())
        .select_from(ContactCode)
        .join(StaffContact, StaffContact.id == ContactCode.contact_id)
        .where(StaffContact.staff_id == contact.staff_id, ContactCode.created_at > now - _HOUR)
    )
    if (sent or 0) >= SENDS:
        raise NotPossibleError("Too many codes were sent. Wait an hour.")
    for earlier in _open_codes(session, [contact], now):
        earlier.expires_at = now
    code = ContactCode(
        contact_id=contact.id,
        nonce=secrets.token_urlsafe(16),
        created_at=now,
        expires_at=now + LIFE,
    )
    session.add(code)
    session.flush()
    row = Outbox(
        key=f"code/{code.id}",
        channel=contact.channel,
        contact_id=contact.id,
        template=CODE,
        params={"code_of": code.id, "minutes": int(LIFE.total_seconds() // 60)},
        priority=_PRIORITY,
        due_at=now,
        created_at=now,
    )
    session.add(row)
    session.flush()
    _audit(system, session, actor, "contact.code", contact)
    return row


def confirm(
    system: System, session: Session, contacts: Sequence[StaffContact], typed: str, actor: str
) -> StaffContact | None:
    """The contact whose code this is: from now on it counts. None: refused, and counted as a try.

    A refusal must be committed too, so it is an answer and not an exception.
    """
    now = system.clock.now()
    given = "".join(typed.split()).encode()
    by_id = {contact.id: contact for contact in contacts}
    codes = _open_codes(session, contacts, now)
    for code in codes:
        if hmac.compare_digest(digits(system, code.id, code.nonce).encode(), given):
            contact = by_id[code.contact_id]
            code.used_at = contact.verified_at = now
            _audit(system, session, actor, "contact.verified", contact)
            return contact
    for code in codes:
        code.tries += 1
    for contact in contacts:
        _audit(system, session, actor, "contact.refused", contact)
    return None


def remove(system: System, session: Session, contact: StaffContact, actor: str) -> None:
    """It no longer counts, also for alerts under way: the queue looks again before it sends."""
    if contact.removed_at is not None:
        return
    now = system.clock.now()
    contact.removed_at, contact.verified_at = now, None
    for code in _open_codes(session, [contact], now):
        code.expires_at = now
    _audit(system, session, actor, "contact.remove", contact)


def of(session: Session, staff_id: str) -> list[StaffContact]:
    """What a person has now, confirmed or not, in the order it was added."""
    return list(
        session.scalars(
            select(StaffContact)
            .where(StaffContact.staff_id == staff_id, StaffContact.removed_at.is_(None))
            .order_by(StaffContact.channel, StaffContact.address)
        )
    )


def waiting(session: Session, staff_id: str) -> list[StaffContact]:
    """What a person has added but not confirmed."""
    return [contact for contact in of(session, staff_id) if contact.verified_at is None]


def code_for(system: System, session: Session, code_id: str) -> str | None:
    """The code's digits for the message that carries it; None once it is over."""
    code = session.get(ContactCode, code_id)
    if code is None or code.used_at or code.expires_at <= system.clock.now():
        return None
    return digits(system, code.id, code.nonce)


def digits(system: System, code_id: str, nonce: str) -> str:
    """The six digits of a code."""
    key = system.settings.secrets.lookup_key
    signed = f"contact code {code_id} {nonce}".encode()
    number = int.from_bytes(hmac.new(key, signed, hashlib.sha256).digest()[:8], "big")
    return f"{number % 1_000_000:06d}"


def _open_codes(
    session: Session, contacts: Sequence[StaffContact], now: datetime
) -> list[ContactCode]:
    return list(
        session.scalars(
            select(ContactCode)
            .where(
                ContactCode.contact_id.in_([contact.id for contact in contacts]),
                ContactCode.expires_at > now,
                ContactCode.used_at.is_(None),
                ContactCode.tries < TRIES,
            )
            .with_for_update()
        )
    )


def _known(session: Session, staff_id: str, channel: str, address: str) -> StaffContact | None:
    return session.scalars(
        select(StaffContact).where(
            StaffContact.staff_id == staff_id,
            StaffContact.channel == channel,
            StaffContact.address == address,
        )
    ).first()


def _audit(
    system: System, session: Session, actor: str, action: str, contact: StaffContact
) -> None:
    """The contact's id and channel; never its address."""
    # The contact's row is written before the log is locked: outbox/outcome.py has the same order.
    session.flush()
    system.audit.add(
        session,
        system.clock.now(),
        actor,
        action,
        f"contact:{contact.id}",
        staff=contact.staff_id,
        channel=contact.channel,
    )
