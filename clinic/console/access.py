"""Staff sign-in: password, then a one-time code, then a session that ends by itself.

Every refusal looks the same and costs the same, whether the address is unknown, the password is
wrong, the person is inactive or locked: the outside learns nothing. The audit row has the reason.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.records.models import Staff, StaffSession, new_id
from clinic.system import System

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
#: How long the second step may take after the password.
HALF = timedelta(minutes=10)
TRIES = 5
PAUSE = timedelta(minutes=5)
MIN_PASSWORD = 15
ROLES = ("therapist", "on_call", "supervisor", "admin")

#: Noting every request would make each page view a write; idle time needs no finer grain.
_TOUCH = timedelta(seconds=30)
_CODE_SECONDS = 30
#: Letters and digits nobody confuses when typing from a terminal.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class AccessError(Exception):
    """A member of staff cannot be set up like this; the text says why."""


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


# Setting up (the command line calls these inside its own transaction).


def create_staff(
    system: System, session: Session, name: str, title: str, email: str, roles: Sequence[str]
) -> str:
    """Add a person; returns the password for their first sign-in, which enrols them."""
    address = _address(email)
    if "@" not in address or not name.strip():
        raise AccessError("A member of staff needs a name and an e-mail address.")
    if not roles or not set(roles) <= set(ROLES):
        raise AccessError(f"Roles are one or more of: {', '.join(ROLES)}.")
    if session.scalars(select(Staff).where(Staff.email == address)).first():
        raise AccessError("Somebody with this e-mail address is already set up.")
    password = _one_time_password()
    person = Staff(
        id=new_id(),
        name=name.strip(),
        title=title.strip(),
        email=address,
        roles=sorted(set(roles)),
        password_hash=hasher().hash(password),
        created_at=system.clock.now(),
    )
    session.add(person)
    session.flush()
    _note(system, session, "system", "staff.add", person.id)
    return password


def reset_sign_in(system: System, session: Session, email: str) -> str:
    """Forget password and code generator; returns a new first password. Ends all sessions."""
    person = session.scalars(select(Staff).where(Staff.email == _address(email))).first()
    if person is None:
        raise AccessError("Nobody with this e-mail address is set up.")
    password = _one_time_password()
    person.password_hash = hasher().hash(password)
    person.totp_sealed = person.totp_step = person.locked_until = None
    person.failed_sign_ins = 0
    _end_all(session, person.id, system.clock.now())
    _note(system, session, "system", "staff.reset_sign_in", person.id)
    return password


# Signing in.


def begin(system: System, email: str, password: str) -> str | None:
    """First step. The token of a half session, or None: refused.

    Somebody not enrolled yet gets a fresh code generator each time, until a code confirms it.
    """
    with system.database.read() as session:
        found = session.scalars(select(Staff).where(Staff.email == _address(email))).first()
    # Outside the write lock, and done for nobody too: it takes long on purpose.
    right = _matches(found.password_hash if found else None, password)
    with system.database.write() as session:
        now = system.clock.now()
        person = session.get(Staff, found.id, with_for_update=True) if found else None
        reason = _refusal(person, right, now)
        if reason or person is None:
            _fail(system, session, person, reason or "unknown", now)
            return None
        if person.totp_step is None:
            sealed = system.keyring.wrap(_place(person.id), pyotp.random_base32().encode())
            person.totp_sealed = sealed
        return start(system, session, person.id, half=True)


def finish(system: System, token: str, code: str) -> str | None:
    """Second step. The token of the whole session, or None: refused."""
    with system.database.write() as session:
        now = system.clock.now()
        who = _current(system, session, token, half=True, lock=True)
        if who is None or not who.enrolled:
            return None
        step = None if _locked(who.staff, now) else _code_step(system, who.staff, code, now)
        if step is None:
            _fail(system, session, who.staff, "code", now)
            return None
        return _complete(system, session, who, step, "sign_in.done")


def enrol(system: System, token: str, code: str, password: str) -> str:
    """First sign-in: confirm the code generator and choose a password.

    Raises EnrolError; a code that is wrong here counts as a failed try like any other.
    """
    with system.database.read() as session:
        known = _current(system, session, token, half=True)
    if known is None or known.enrolled:
        raise EnrolError({"code": "This sign-in has ended. Start again."})
    problems = {}
    if len(password) < MIN_PASSWORD:
        problems["password"] = f"Choose a password of {MIN_PASSWORD} characters or more."
    elif _matches(known.staff.password_hash, password):
        problems["password"] = "Choose another password than the first one."  # noqa: S105
    fresh = hasher().hash(password)
    with system.database.write() as session:
        now = system.clock.now()
        who = _current(system, session, token, half=True, lock=True)
        step = None
        if who is not None and not who.enrolled and not _locked(who.staff, now):
            step = _code_step(system, who.staff, code, now)
            if step is None:
                _fail(system, session, who.staff, "code", now)
        if step is None:
            problems["code"] = "That code does not match. Wait for the next one and type it."
        elif not problems and who is not None:
            who.staff.password_hash = fresh
            return _complete(system, session, who, step, "sign_in.enrolled")
    raise EnrolError(problems)


def again(system: System, who: Who, code: str) -> bool:
    """Whoever is signed in proves it once more, with a code not used before. A wrong one counts as
    a failed try."""
    with system.database.write() as session:
        now = system.clock.now()
        person = session.get_one(Staff, who.staff.id, with_for_update=True)
        able = person.totp_sealed is not None and not _locked(person, now)
        step = _code_step(system, person, code, now) if able else None
        if step is None:
            _fail(system, session, person, "code", now)
            return False
        person.totp_step, person.failed_sign_ins = step, 0
        return True


def setup_uri(system: System, staff: Staff, issuer: str) -> tuple[str, str]:
    """The otpauth address for a QR code, and the key for typing."""
    secret = _secret(system, staff)
    return pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name=issuer), secret


def current_code(system: System, staff: Staff) -> str | None:
    """The code that is valid now, for the demo and for tests; None before the first sign-in."""
    if staff.totp_sealed is None:
        return None
    return pyotp.TOTP(_secret(system, staff)).at(system.clock.now())


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
                _note(system, session, f"staff:{row.staff_id}", "sign_out", row.staff_id)


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


def _complete(system: System, session: Session, who: Who, step: int, act: str) -> str:
    staff, now = who.staff, system.clock.now()
    staff.totp_step, staff.failed_sign_ins, staff.locked_until = step, 0, None
    # A new token at each step up: one that was planted before is worth nothing.
    who.session.ended_at = now
    _note(system, session, f"staff:{staff.id}", act, staff.id)
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
            _note(system, session, f"staff:{staff_id}", "sign_out", staff_id)


def _end_all(session: Session, staff_id: str, now: datetime) -> None:
    for row in session.scalars(
        select(StaffSession).where(
            StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)
        )
    ):
        row.ended_at = now


# Refusals.


def _refusal(person: Staff | None, right: bool, now: datetime) -> str | None:
    if person is None:
        return "unknown"
    if _locked(person, now):
        return "locked"
    if not person.active:
        return "inactive"
    return None if right else "password"


def _locked(person: Staff, now: datetime) -> bool:
    return person.locked_until is not None and now < person.locked_until


def _fail(
    system: System, session: Session, person: Staff | None, reason: str, now: datetime
) -> None:
    if person is not None and not _locked(person, now):
        person.failed_sign_ins += 1
        if person.failed_sign_ins >= TRIES:
            person.failed_sign_ins, person.locked_until = 0, now + PAUSE
            _end_halves(session, person.id, now)
    subject = person.id if person else "unknown"
    _note(system, session, "anonymous", "sign_in.failed", subject, reason=reason)


def _end_halves(session: Session, staff_id: str, now: datetime) -> None:
    for row in session.scalars(
        select(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.half)
    ):
        row.ended_at = row.ended_at or now


def _note(
    system: System, session: Session, actor: str, act: str, staff_id: str, **detail: str
) -> None:
    system.audit.add(session, system.clock.now(), actor, act, f"staff:{staff_id}", **detail)


# Passwords and codes.


@lru_cache(maxsize=1)
def hasher() -> PasswordHasher:
    """argon2id with the library's current recommendation."""
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash to check against when there is nobody, so that it takes as long."""
    return hasher().hash(secrets.token_urlsafe(16))


def _matches(stored: str | None, password: str) -> bool:
    try:
        hasher().verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _one_time_password() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _address(email: str) -> str:
    return email.strip().lower()


def _place(staff_id: str) -> str:
    # The key ring binds what it wraps to a name. Staff are not patients and have no data key, so
    # their one secret is wrapped directly, under a name no patient id can have.
    return f"staff:{staff_id}"


def _secret(system: System, staff: Staff) -> str:
    if staff.totp_sealed is None:
        raise AccessError("no code generator is set up")
    return system.keyring.unwrap(_place(staff.id), staff.totp_sealed).decode()


def _code_step(system: System, staff: Staff, code: str, now: datetime) -> int | None:
    """The time step of a code that is right and not used before; one step early or late is fine."""
    totp = pyotp.TOTP(_secret(system, staff), interval=_CODE_SECONDS)
    typed = "".join(code.split())
    here = int(now.timestamp()) // _CODE_SECONDS
    found = None
    for step in (here - 1, here, here + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode()):
            found = step
    if found is None or (staff.totp_step is not None and found <= staff.totp_step):
        return None
    return found
