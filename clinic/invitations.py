"""Inviting somebody to work here: a link by mail that opens once and ends by itself.

The person's row is made with the invitation and is not active: nobody can read, sign in or be
called as them until the link was opened, a password chosen and a phone set up. A colleague whose
sign-in was reset gets such a link too; they stay who they are, and are called as before.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from clinic.notify import INVITED, RENEWED
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Outbox, Staff, StaffContact, StaffInvitation, new_id
from clinic.system import System

LIFE = timedelta(days=7)
ROLES = ("therapist", "on_call", "supervisor", "admin")
#: After every alert, whatever its level.
_PRIORITY = 100


def invite(
    system: System,
    session: Session,
    by: Staff,
    name: str,
    title: str,
    address: str,
    roles: Sequence[str],
) -> StaffInvitation:
    """A link on its way to ``address``, which is as the mail channel stores it. An earlier one of
    the same person stops working. Raises NotPossibleError."""
    person = session.scalars(select(Staff).where(Staff.email == address)).first()
    if person is not None and person.id not in waiting(session):
        raise NotPossibleError(
            "They work here already." if person.active else "They worked here. Let them return."
        )
    if person is None:
        person = Staff(
            id=new_id(), email=address, active=False, created_at=system.clock.now(), roles=[]
        )
        session.add(person)
    person.name, person.title, person.roles = name, title, sorted(roles)
    # Nothing of an earlier, unused invitation opens anything.
    person.totp_sealed = None
    session.flush()
    return again(system, session, by, person)


def again(system: System, session: Session, by: Staff, person: Staff) -> StaffInvitation:
    """A fresh link for somebody who was invited; the earlier one stops working."""
    contact = _contact(session, person)
    contact.removed_at = None
    row = _send(system, session, by, person, contact, INVITED)
    _note(system, session, by, "staff.invite", person)
    return row


def renew(system: System, session: Session, by: Staff, person: Staff) -> StaffInvitation:
    """A link for a colleague to set up their sign-in anew; an earlier one stops working."""
    return _send(system, session, by, person, _contact(session, person), RENEWED)


def _send(
    system: System,
    session: Session,
    by: Staff,
    person: Staff,
    contact: StaffContact,
    template: str,
) -> StaffInvitation:
    now = system.clock.now()
    stop(system, session, person)
    row = StaffInvitation(
        staff_id=person.id,
        nonce=secrets.token_urlsafe(16),
        created_by=by.id,
        created_at=now,
        expires_at=now + LIFE,
        renews=template == RENEWED,
    )
    session.add(row)
    session.flush()
    session.add(
        Outbox(
            key=f"invited/{row.id}",
            channel="email",
            contact_id=contact.id,
            template=template,
            params={"link_of": row.id},
            priority=_PRIORITY,
            due_at=now,
            created_at=now,
        )
    )
    session.flush()
    return row


def stop(system: System, session: Session, person: Staff) -> None:
    """A link that is open opens nothing any more."""
    earlier = of(session, person.id)
    if earlier is not None:
        earlier.withdrawn_at = system.clock.now()
        session.flush()


def withdraw(system: System, session: Session, by: Staff, row: StaffInvitation) -> None:
    """The link opens nothing any more, also when its mail is still on the way."""
    row.withdrawn_at = system.clock.now()
    person = session.get_one(Staff, row.staff_id)
    _contact(session, person).removed_at = row.withdrawn_at
    session.flush()
    _note(system, session, by, "staff.uninvite", person)


def of(session: Session, staff_id: str) -> StaffInvitation | None:
    """A person's invitation that was neither used nor withdrawn; it may be over."""
    return session.scalars(_open().where(StaffInvitation.staff_id == staff_id)).first()


def all_open(session: Session) -> list[StaffInvitation]:
    """Of people who are to come: neither used nor withdrawn, the newest first; some may be over."""
    newest = StaffInvitation.created_at.desc()
    return list(session.scalars(_open().where(~StaffInvitation.renews).order_by(newest)))


def waiting(session: Session) -> set[str]:
    """Everybody who was invited and has not come, by id: they do not work here, and never did."""
    came = select(StaffInvitation.staff_id).where(StaffInvitation.used_at.is_not(None))
    return set(
        session.scalars(
            select(StaffInvitation.staff_id).where(
                ~StaffInvitation.renews, StaffInvitation.staff_id.not_in(came)
            )
        )
    )


def find(
    system: System, session: Session, typed: str, *, lock: bool = False
) -> tuple[StaffInvitation, Staff] | None:
    """The invitation of this link and its person; None for every link that opens nothing."""
    invitation_id, _, _ = typed.partition(".")
    row = session.get(StaffInvitation, invitation_id, with_for_update=lock)
    if row is None or not hmac.compare_digest(link(system, row).encode(), typed.encode()):
        return None
    if row.used_at or row.withdrawn_at or row.expires_at <= system.clock.now():
        return None
    person = session.get_one(Staff, row.staff_id, with_for_update=lock)
    # Whoever left in between does not come back by it.
    return None if row.renews and not person.active else (row, person)


def params(system: System, session: Session, invitation_id: str) -> dict[str, object] | None:
    """What its mail says; None once it opens nothing."""
    row = session.get_one(StaffInvitation, invitation_id)
    clinic, opens = session.get_one(Clinic, 1), link(system, row)
    if find(system, session, opens) is None:
        return None
    return {"link": opens, "clinic": clinic.name, "days": LIFE.days}


def accepted(system: System, session: Session, row: StaffInvitation, person: Staff) -> None:
    """They have come: the link is used up, and the address that it reached is proved."""
    row.used_at = system.clock.now()
    if row.renews:
        session.flush()
        _note(system, session, person, "staff.renewed", person)
        return
    person.active = True
    contact = _contact(session, person)
    contact.removed_at = None
    contact.verified_at = row.used_at
    session.flush()
    _note(system, session, person, "staff.join", person)


def _open() -> Select[StaffInvitation]:
    return select(StaffInvitation).where(
        StaffInvitation.used_at.is_(None), StaffInvitation.withdrawn_at.is_(None)
    )


def _contact(session: Session, person: Staff) -> StaffContact:
    found = session.scalars(
        select(StaffContact).where(
            StaffContact.staff_id == person.id,
            StaffContact.channel == "email",
            StaffContact.address == person.email,
        )
    ).first()
    if found is None:
        found = StaffContact(staff_id=person.id, channel="email", address=person.email)
        session.add(found)
    session.flush()
    return found


def link(system: System, row: StaffInvitation) -> str:
    """The last part of its address."""
    return f"{row.id}.{system.hash(f'staff invitation {row.id} {row.nonce}')}"


def _note(system: System, session: Session, by: Staff, action: str, person: Staff) -> None:
    now, subject = system.clock.now(), f"staff:{person.id}"
    roles = " ".join(person.roles)
    system.audit.add(session, now, f"staff:{by.id}", action, subject, roles=roles)
