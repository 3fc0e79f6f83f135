"""Security keys: a second factor that signs for the clinic's own address and for no other, so that
a page that only looks like ours gets nothing from it.

A key signs a challenge. It lies on the session it was made for, goes with the first answer to it,
right or wrong, and ends by itself. Every key has to know its owner (PIN, finger, face): one left in
a computer opens nothing.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.records.models import SecurityKey, Staff, StaffSession, new_id
from clinic.settings import Settings
from clinic.system import System

log = logging.getLogger("afterglow.console")

#: Time to find the key and touch it.
LIFE = timedelta(minutes=5)
MOST_NAME = 40
#: WebAuthn 3, 4: longer ones are not taken.
_MOST_ID = 1023
_VERIFIED = UserVerificationRequirement.REQUIRED


class NotTakenError(Exception):
    """What came back is not a key's answer to what it was asked."""


def possible(settings: Settings) -> bool:
    """Whether browsers let a key sign for the public address: a name over https, or localhost."""
    parts = urlsplit(settings.public_url)
    named = any(letter.isalpha() for letter in (parts.hostname or "").rpartition(".")[2])
    return named and (parts.scheme == "https" or parts.hostname == "localhost")


def of(session: Session, staff_id: str) -> Sequence[SecurityKey]:
    """A person's keys, the oldest first."""
    return session.scalars(
        select(SecurityKey)
        .where(SecurityKey.staff_id == staff_id)
        .order_by(SecurityKey.created_at, SecurityKey.id)
    ).all()


def has(system: System, staff: Staff) -> bool:
    """Whether they could sign with a key here."""
    with system.database.read() as session:
        return possible(system.settings) and bool(of(session, staff.id))


def ask_new(system: System, held: StaffSession, staff: Staff) -> dict[str, Any]:
    """What a browser needs to make another key, as JSON."""
    with system.database.write() as session:
        challenge = _ask(system, session, held)
        known = [_credential(key) for key in of(session, staff.id)]
    options, _ = _server(system.settings).register_begin(
        PublicKeyCredentialUserEntity(
            id=staff.id.encode(), name=staff.email, display_name=staff.name
        ),
        known,
        # The clinic knows who signs in: a key need not keep a list of its own.
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=_VERIFIED,
        challenge=challenge,
    )
    return dict(dict(options)["publicKey"])


def ask(system: System, held: StaffSession) -> dict[str, Any] | None:
    """What a browser needs to let one of the person's keys sign, as JSON; None: they have none."""
    with system.database.write() as session:
        known = [_credential(key) for key in of(session, held.staff_id)]
        if not known:
            return None
        challenge = _ask(system, session, held)
    options, _ = _server(system.settings).authenticate_begin(known, _VERIFIED, challenge)
    return dict(dict(options)["publicKey"])


def keep(system: System, session: Session, held: StaffSession, name: str, made: str) -> SecurityKey:
    """The key that a browser made, from now on one of theirs. Raises NotTakenError."""
    state = _answered(system, session, held)
    data = _made(system.settings, state, made)
    credential = data.credential_data
    if credential is None or not 0 < len(credential.credential_id) <= _MOST_ID:
        raise NotTakenError
    if credential.public_key.ALGORITHM not in CoseKey.supported_algorithms():
        raise NotTakenError
    taken = SecurityKey.credential_id == credential.credential_id
    if session.scalars(select(SecurityKey).where(taken)).first() is not None:
        raise NotTakenError
    key = SecurityKey(
        id=new_id(),
        staff_id=held.staff_id,
        name=" ".join(name.split())[:MOST_NAME] or "Security key",
        credential_id=credential.credential_id,
        credential=bytes(credential),
        signed=data.counter,
        created_at=system.clock.now(),
    )
    session.add(key)
    session.flush()
    return key


def check(system: System, session: Session, held: StaffSession, signed: str) -> bool:
    """Whether one of the person's keys signed what this session asked for."""
    try:
        state = _answered(system, session, held)
        given, credential = _signed(
            system.settings, state, [_credential(key) for key in of(session, held.staff_id)], signed
        )
    except NotTakenError:
        return False
    key = session.scalars(
        select(SecurityKey).where(SecurityKey.credential_id == credential.credential_id)
    ).one()
    count = given.response.authenticator_data.counter
    if (count or key.signed) and count <= key.signed:
        # Two keys count as one: it was copied, and nobody can say which of them this is.
        log.warning("security key %s counts backwards", key.id)
        return False
    key.signed, key.used_at = count, system.clock.now()
    return True


def forget(session: Session, staff_id: str, key_id: str | None = None) -> bool:
    """Take one key away, or all. Whether there was one."""
    gone = [key for key in of(session, staff_id) if key_id in (None, key.id)]
    for key in gone:
        session.delete(key)
    session.flush()
    return bool(gone)


def _ask(system: System, session: Session, held: StaffSession) -> bytes:
    row = session.get_one(StaffSession, held.token_hash)
    row.challenge = secrets.token_bytes(32)
    row.challenge_until = system.clock.now() + LIFE
    return row.challenge


def _answered(system: System, session: Session, held: StaffSession) -> dict[str, Any]:
    """What was asked, which from now on is asked no longer."""
    row = session.get_one(StaffSession, held.token_hash, with_for_update=True)
    challenge, until = row.challenge, row.challenge_until
    row.challenge = row.challenge_until = None
    session.flush()
    if challenge is None or until is None or until <= system.clock.now():
        raise NotTakenError
    return {"challenge": websafe_encode(challenge), "user_verification": _VERIFIED}


def _made(settings: Settings, state: dict[str, Any], made: str) -> AuthenticatorData:
    # What a stranger can send goes through three parsers (JSON, CBOR, COSE) that fail in as many
    # ways; whichever it is, it is not a key.
    try:
        given = RegistrationResponse.from_dict(json.loads(made))
        return _server(settings).register_complete(state, given)
    except Exception as error:
        raise NotTakenError from error


def _signed(
    settings: Settings, state: dict[str, Any], known: list[AttestedCredentialData], signed: str
) -> tuple[AuthenticationResponse, AttestedCredentialData]:
    try:
        given = AuthenticationResponse.from_dict(json.loads(signed))
        return given, _server(settings).authenticate_complete(state, known, given)
    except Exception as error:
        raise NotTakenError from error


def _credential(key: SecurityKey) -> AttestedCredentialData:
    return AttestedCredentialData(key.credential)


def _server(settings: Settings) -> Fido2Server:
    parts = urlsplit(settings.public_url)
    place = PublicKeyCredentialRpEntity(id=parts.hostname or "", name="Afterglow")
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return Fido2Server(place, verify_origin=lambda said: said == origin)
