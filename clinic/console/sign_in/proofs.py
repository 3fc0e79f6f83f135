"""What somebody signs in with: a password, and a phone that makes codes."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from functools import lru_cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from clinic.console.sign_in import recovery
from clinic.records.models import Staff
from clinic.system import System

MIN_PASSWORD = 15
_CODE_SECONDS = 30


class NoPhoneError(Exception):
    """Nothing that makes codes is set up."""


@lru_cache(maxsize=1)
def hasher() -> PasswordHasher:
    """argon2id with the library's current recommendation."""
    return PasswordHasher()


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password; takes as long when there is none."""
    try:
        hasher().verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def one_time_password() -> str:
    groups = ("".join(secrets.choice(recovery.ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def fresh_secret(system: System, staff_id: str) -> bytes:
    """A new phone's secret, sealed."""
    return system.keyring.wrap(_place(staff_id), pyotp.random_base32().encode())


def setup_uri(
    system: System, staff: Staff, issuer: str, *, next_phone: bool = False
) -> tuple[str, str]:
    """The otpauth address for a QR code, and the key for typing; with ``next_phone`` of the one
    that is about to be set up."""
    secret = opened(system, staff.id, staff.totp_next_sealed if next_phone else staff.totp_sealed)
    return pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name=issuer), secret


def current_code(system: System, staff: Staff) -> str | None:
    """The code that is valid now, for the demo and for tests; None before the first sign-in."""
    if staff.totp_sealed is None:
        return None
    return pyotp.TOTP(opened(system, staff.id, staff.totp_sealed)).at(system.clock.now())


def code_step(system: System, staff: Staff, code: str, now: datetime) -> int | None:
    """The time step of a code that is right and not used before."""
    found = matching_step(opened(system, staff.id, staff.totp_sealed), code, now)
    if found is None or (staff.totp_step is not None and found <= staff.totp_step):
        return None
    return found


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step of a code that is right; one step early or late is fine."""
    totp = pyotp.TOTP(secret, interval=_CODE_SECONDS)
    typed = "".join(code.split())
    here = int(now.timestamp()) // _CODE_SECONDS
    found = None
    for step in (here - 1, here, here + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode()):
            found = step
    return found


def opened(system: System, staff_id: str, sealed: bytes | None) -> str:
    """The phone's secret. Raises NoPhoneError."""
    if sealed is None:
        raise NoPhoneError
    return system.keyring.unwrap(_place(staff_id), sealed).decode()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash to check against when there is nobody, so that it takes as long."""
    return hasher().hash(secrets.token_urlsafe(16))


def _place(staff_id: str) -> str:
    # The key ring binds what it wraps to a name. Staff are not patients and have no data key, so
    # their one secret is wrapped directly, under a name no patient id can have.
    return f"staff:{staff_id}"
