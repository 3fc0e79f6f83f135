"""Giving somebody a first sign-in, and taking one back (each inside its caller's transaction)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed, invitations
from clinic.console.sign_in import access, accounts, keys, proofs, recovery, tries
from clinic.records.models import Staff, new_id
from clinic.system import System


class AccessError(Exception):
    """A member of staff cannot be set up like this; the text says why."""


def create_staff(
    system: System, session: Session, name: str, title: str, email: str, roles: Sequence[str]
) -> str:
    """Add a person; returns the password for their first sign-in, which enrols them."""
    address = access.plain(email)
    if "@" not in address or not name.strip():
        raise AccessError("A member of staff needs a name and an e-mail address.")
    if not roles or not set(roles) <= set(invitations.ROLES):
        raise AccessError(f"Roles are one or more of: {', '.join(invitations.ROLES)}.")
    if session.scalars(select(Staff).where(Staff.email == address)).first():
        raise AccessError("Somebody with this e-mail address is already set up.")
    password = proofs.one_time_password()
    person = Staff(
        id=new_id(),
        name=name.strip(),
        title=title.strip(),
        email=address,
        roles=sorted(set(roles)),
        password_hash=proofs.hasher().hash(password),
        created_at=system.clock.now(),
    )
    session.add(person)
    session.flush()
    access.note(system, session, "system", "staff.add", person.id)
    return password


def reset_sign_in(system: System, session: Session, email: str) -> str:
    """Forget password, code generator and security keys; returns a new first password. Ends all
    sessions."""
    person = session.scalars(select(Staff).where(Staff.email == access.plain(email))).first()
    if person is None:
        raise AccessError("Nobody with this e-mail address is set up.")
    password = proofs.one_time_password()
    _forget(system, session, person)
    person.password_hash = proofs.hasher().hash(password)
    access.note(system, session, "system", "staff.reset_sign_in", person.id)
    return password


def start_anew(system: System, session: Session, person: Staff, by: Staff) -> None:
    """The same for a colleague at an administrator's wish: a mailed link lets them choose anew.
    They stay who they are, and are called about alerts as before."""
    _forget(system, session, person)
    person.password_hash = None
    invitations.renew(system, session, by, person)
    access.note(system, session, f"staff:{by.id}", "staff.reset_sign_in", person.id)
    feed.publish(system, session, feed.STAFF, "session", person.id)


def _forget(system: System, session: Session, person: Staff) -> None:
    """Nothing they signed in with works any more, and no sign-in of theirs goes on."""
    person.totp_sealed = person.totp_step = person.totp_next_sealed = None
    invitations.stop(system, session, person)
    tries.cleared(system, session, person.email, "")
    recovery.forget(session, person.id)
    keys.forget(session, person.id)
    accounts.forget(session, person.id)
    access.end_sessions(system, session, person.id)
