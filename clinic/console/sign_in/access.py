"""Staff sign-in: password, then a code or a security key, then a session that ends by itself.

Every refusal looks the same and costs the same, whether the address is unknown, the password is
wrong, the person is inactive or locked: the outside learns nothing. The audit row has the reason.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import invitations
from clinic.console.sign_in import keys, proofs, recovery, tries
from clinic.records.models import Staff, StaffSession
from clinic.system import System

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
#: How long the second step may take after the password.
HALF = timedelta(minutes=10)

NOT_PROVED = "That is not right, or was used before."

#: Noting every request would make each page view a write; idle time needs no finer grain.
_TOUCH = timedelta(seconds=30)


class EnrolError(Exception):
    """Enrolment was not finished. ``problems`` is field -> what to do."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Who:
    """A signed-in person (or, while ``half``, one who still owes the code) and their session."""

    staff: Staff
    session: StaffSession

    @property
    def enrolled(self) -> bool:
        return self.staff.totp_step is not None


# Signing in.


def begin(system: System, email: str, password: str, address: str = "") -> str | None:
    """First step. The token of a half session, or None: refused. ``address``: of the network, where
    it is known.

    Somebody not enrolled yet gets a fresh code generator each time, until a code confirms it.
    """
    with system.database.read() as session:
        found = session.scalars(select(Staff).where(Staff.email == plain(email))).first()
    place = Place(plain(email), address)
    # Outside the write lock, and done for nobody too: it takes long on purpose.
    right = proofs.matches(found.password_hash if found else None, password)
    with system.database.write() as session:
        person = session.get(Staff, found.id, with_for_update=True) if found else None
        reason = _refusal(person, right, _waits(system, session, place))
        if reason or person is None:
            _fail(system, session, place, person, reason or "unknown")
            return None
        if person.totp_step is None:
            person.totp_sealed = proofs.fresh_secret(system, person.id)
        return start(system, session, person.id, half=True)


def finish(
    system: System, token: str, code: str, address: str = "", signed: str = ""
) -> str | None:
    """Second step, with the phone's code or what a security key signed. The token of the whole
    session, or None: refused."""
    with system.database.write() as session:
        who = _current(system, session, token, half=True, lock=True)
        if who is None or not who.enrolled:
            return None
        place = Place(who.staff.email, address)
        if not _proves(system, session, who, place, code, signed):
            return None
        return _complete(
            system, session, who, place, "sign_in.by_key" if signed else "sign_in.done"
        )


def recover(system: System, token: str, code: str, address: str = "") -> str | None:
    """Second step without the phone: a code from paper, which is used up. None: refused."""
    with system.database.write() as session:
        who = _current(system, session, token, half=True, lock=True)
        if who is None or not who.enrolled:
            return None
        place = Place(who.staff.email, address)
        if _waits(system, session, place) or not recovery.use(system, session, who.staff, code):
            _fail(system, session, place, who.staff, "recovery")
            return None
        return _complete(system, session, who, place, "sign_in.recovered")


def enrol(system: System, token: str, code: str, password: str, address: str = "") -> str:
    """First sign-in: confirm the code generator and choose a password.

    Raises EnrolError; a code that is wrong here counts as a failed try like any other.
    """
    with system.database.read() as session:
        known = _current(system, session, token, half=True)
    if known is None or known.enrolled:
        raise EnrolError({"code": "This sign-in has ended. Start again."})
    problems = {}
    if len(password) < proofs.MIN_PASSWORD:
        problems["password"] = f"Choose a password of {proofs.MIN_PASSWORD} characters or more."
    elif proofs.matches(known.staff.password_hash, password):
        problems["password"] = "Choose another password than the first one."  # noqa: S105
    fresh = proofs.hasher().hash(password)
    with system.database.write() as session:
        now = system.clock.now()
        who = _current(system, session, token, half=True, lock=True)
        step, place = None, Place(known.staff.email, address)
        if who is not None and not who.enrolled and not _waits(system, session, place):
            step = proofs.code_step(system, who.staff, code, now)
            if step is None:
                _fail(system, session, place, who.staff, "code")
        if step is None:
            problems["code"] = "That code does not match. Wait for the next one and type it."
        elif not problems and who is not None:
            who.staff.password_hash, who.staff.totp_step = fresh, step
            return _complete(system, session, who, place, "sign_in.enrolled")
    raise EnrolError(problems)


def welcome(system: System, link: str) -> Staff | None:
    """Whose invitation this link is, with a phone's secret to show; None: it opens nothing."""
    with system.database.write() as session:
        found = invitations.find(system, session, link, lock=True)
        if found is None:
            return None
        _, person = found
        if person.totp_sealed is None:
            person.totp_sealed = proofs.fresh_secret(system, person.id)
        return person


def join(system: System, link: str, code: str, password: str, address: str = "") -> str | None:
    """Use up an invitation: password and phone are set, and they are signed in. Returns the token
    of the session; None: the link opens nothing. Raises EnrolError."""
    problems = {}
    if len(password) < proofs.MIN_PASSWORD:
        problems["password"] = f"Choose a password of {proofs.MIN_PASSWORD} characters or more."
    fresh = proofs.hasher().hash(password)
    with system.database.write() as session:
        now = system.clock.now()
        found = invitations.find(system, session, link, lock=True)
        if found is None:
            return None
        row, person = found
        step, place = None, Place(person.email, address)
        if person.totp_sealed is not None and not _waits(system, session, place):
            step = proofs.code_step(system, person, code, now)
            if step is None:
                _fail(system, session, place, person, "code")
        if step is None:
            problems["code"] = "That code does not match. Wait for the next one and type it."
        elif not problems:
            person.password_hash, person.totp_step = fresh, step
            tries.cleared(system, session, place.email, place.address)
            invitations.accepted(system, session, row, person)
            return start(system, session, person.id)
    raise EnrolError(problems)


def again(system: System, who: Who, code: str, signed: str = "") -> bool:
    """Whoever is signed in proves it once more, with a code not used before or with a security key.
    What is wrong counts as a failed try."""
    with system.database.write() as session:
        person = session.get_one(Staff, who.staff.id, with_for_update=True)
        place = Place(person.email)
        if not _proves(system, session, Who(person, who.session), place, code, signed):
            return False
        tries.cleared(system, session, person.email, "")
        return True


def _proves(
    system: System, session: Session, who: Who, place: Place, code: str, signed: str
) -> bool:
    """Whether a code or a key's answer is theirs, which is then used up; or a failed try."""
    staff, right = who.staff, False
    if _waits(system, session, place):
        pass
    elif signed:
        right = keys.check(system, session, who.session, signed)
    elif staff.totp_sealed is not None:
        step = proofs.code_step(system, staff, code, system.clock.now())
        if right := step is not None:
            staff.totp_step = step
    if not right:
        _fail(system, session, place, staff, "key" if signed else "code")
    return right


def add_key(system: System, who: Who, name: str, made: str) -> bool:
    """Another security key of theirs. False: it is none, or is known already."""
    with system.database.write() as session:
        try:
            key = keys.keep(system, session, who.session, name, made)
        except keys.NotTakenError:
            return False
        staff_id = who.staff.id
        note(system, session, f"staff:{staff_id}", "sign_in.new_key", staff_id, key=key.id)
        return True


def remove_key(system: System, who: Who, key_id: str) -> bool:
    """From now on it opens nothing. False: it is none of theirs."""
    with system.database.write() as session:
        gone, staff_id = keys.forget(session, who.staff.id, key_id), who.staff.id
        if gone:
            note(system, session, f"staff:{staff_id}", "sign_in.key_gone", staff_id, key=key_id)
        return gone


def same_person(system: System, who: Who, password: str) -> bool:
    """Whoever is signed in proves it once more with the password, as somebody without their phone
    must be able to. A wrong one counts as a failed try."""
    right = proofs.matches(who.staff.password_hash, password)
    with system.database.write() as session:
        place = Place(who.staff.email)
        if right and not _waits(system, session, place):
            return True
        _fail(system, session, place, who.staff, "password")
        return False


def offer_phone(system: System, who: Who) -> None:
    """A fresh secret for a new phone. The old one works until ``change_phone``."""
    with system.database.write() as session:
        person = session.get_one(Staff, who.staff.id, with_for_update=True)
        person.totp_next_sealed = proofs.fresh_secret(system, person.id)
        who.staff.totp_next_sealed = person.totp_next_sealed


def change_phone(system: System, who: Who, code: str) -> bool:
    """From this code on the new phone counts and the old one does not; every other session ends.
    False: the code is not the new phone's, and counts as a failed try."""
    with system.database.write() as session:
        now = system.clock.now()
        person = session.get_one(Staff, who.staff.id, with_for_update=True)
        place, sealed = Place(person.email), person.totp_next_sealed
        able = sealed is not None and not _waits(system, session, place)
        step = (
            proofs.matching_step(proofs.opened(system, person.id, sealed), code, now)
            if able
            else None
        )
        if step is None:
            _fail(system, session, place, person, "code")
            return False
        person.totp_sealed, person.totp_next_sealed, person.totp_step = sealed, None, step
        _end_all(session, person.id, now, but=who.session.token_hash)
        note(system, session, f"staff:{person.id}", "sign_in.new_phone", person.id)
        return True


# Sessions.


def start(system: System, session: Session, staff_id: str, *, half: bool = False) -> str:
    """A new session; returns its token, of which only the keyed hash is stored."""
    token, now = secrets.token_urlsafe(32), system.clock.now()
    session.add(
        StaffSession(
            token_hash=system.hash(token),
            staff_id=staff_id,
            half=half,
            csrf=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
            expires_at=now + (HALF if half else ABSOLUTE),
        )
    )
    session.flush()
    return token


def find(system: System, token: str, *, half: bool = False, by_hand: bool = True) -> Who | None:
    """Whose session this token is, if it lives. ``by_hand``: a person did something just now."""
    if not token:
        return None
    now = system.clock.now()
    with system.database.read() as session:
        who = _current(system, session, token, half=half)
    if who is not None and by_hand and now - who.session.seen_at >= _TOUCH:
        touch(system, who)
    return who


def touch(system: System, who: Who) -> None:
    """Not idle: count the idle time from now."""
    with system.database.write() as session:
        row = session.get_one(StaffSession, who.session.token_hash)
        row.seen_at = system.clock.now()


def end(system: System, token: str) -> None:
    """Sign out: the row is dead, whatever the browser keeps."""
    with system.database.write() as session:
        row = session.get(StaffSession, system.hash(token))
        if row is not None and row.ended_at is None:
            row.ended_at = system.clock.now()
            if not row.half:
                note(system, session, f"staff:{row.staff_id}", "sign_out", row.staff_id)


def same_csrf(who: Who, given: str) -> bool:
    return hmac.compare_digest(who.session.csrf.encode(), given.encode())


def _current(
    system: System, session: Session, token: str, *, half: bool, lock: bool = False
) -> Who | None:
    now = system.clock.now()
    row = session.get(StaffSession, system.hash(token), with_for_update=lock)
    if row is None or row.half != half or row.ended_at is not None or now >= row.expires_at:
        return None
    if now - row.seen_at >= IDLE:
        return None
    staff = session.get_one(Staff, row.staff_id, with_for_update=lock)
    return Who(staff, row) if staff.active else None


def _complete(system: System, session: Session, who: Who, place: Place, act: str) -> str:
    staff, now = who.staff, system.clock.now()
    tries.cleared(system, session, place.email, place.address)
    # A new token at each step up: one that was planted before is worth nothing.
    who.session.ended_at = now
    note(system, session, f"staff:{staff.id}", act, staff.id)
    return start(system, session, staff.id)


def end_sessions(
    system: System, session: Session, staff_id: str, names: Sequence[str] | None = None
) -> None:
    """End a person's sessions; with ``names``, those whose keyed hash begins so."""
    now = system.clock.now()
    if names is None:
        _end_all(session, staff_id, now)
        return
    for row in session.scalars(select(StaffSession).where(StaffSession.staff_id == staff_id)):
        if row.ended_at is None and any(row.token_hash.startswith(name) for name in names):
            row.ended_at = now
            note(system, session, f"staff:{staff_id}", "sign_out", staff_id)


def _end_all(session: Session, staff_id: str, now: datetime, but: str = "") -> None:
    for row in session.scalars(
        select(StaffSession).where(
            StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)
        )
    ):
        if row.token_hash != but:
            row.ended_at = now


# Refusals.


@dataclass(frozen=True)
class Place:
    """What tries are counted by: the e-mail address given, and the network's."""

    email: str
    address: str = ""


def _waits(system: System, session: Session, place: Place) -> bool:
    return tries.waiting(system, session, place.email, place.address)


def _refusal(person: Staff | None, right: bool, waits: bool) -> str | None:
    if waits:
        return "waits"
    if person is None:
        return "unknown"
    if not person.active:
        return "inactive"
    return None if right else "password"


def _fail(
    system: System, session: Session, place: Place, person: Staff | None, reason: str
) -> None:
    wait = tries.failed(system, session, place.email, place.address)
    detail: dict[str, Any] = {"reason": reason}
    if wait is not None:
        detail["wait"] = int(wait.total_seconds())
        if person is not None:
            _end_halves(session, person.id, system.clock.now())
    subject = person.id if person else "unknown"
    note(system, session, "anonymous", "sign_in.failed", subject, **detail)


def _end_halves(session: Session, staff_id: str, now: datetime) -> None:
    for row in session.scalars(
        select(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.half)
    ):
        row.ended_at = row.ended_at or now


def note(
    system: System, session: Session, actor: str, act: str, staff_id: str, **detail: Any
) -> None:
    system.audit.add(session, system.clock.now(), actor, act, f"staff:{staff_id}", **detail)


def plain(email: str) -> str:
    return email.strip().lower()
