"""Rotate the clinic's key: a new key wraps every data key, then the old one is forgotten."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta

from sqlalchemy import select

from clinic.files import replace_file
from clinic.records.crypto import Keyring
from clinic.records.models import Heartbeat, Patient, Staff
from clinic.system import System


class RotationError(Exception):
    """Rotation did not start; nothing was changed. The text says what to do."""


def rotate(system: System) -> int:
    """Re-wrap everything with a fresh key. Returns how many data keys were re-wrapped.

    The key file is written with both keys before the database changes and with the new one only
    afterwards, so a crash in between leaves a key ring that opens everything.
    """
    path = system.settings.home / "secrets.json"
    kept = json.loads(path.read_text(encoding="ascii")) if path.exists() else {}
    old = ",".join(base64.b64encode(key).decode() for key in system.settings.secrets.data_keys)
    if kept.get("data_keys") != old:
        raise RotationError(
            "The keys come from the environment: put a new key first in AFTERGLOW_DATA_KEYS there."
        )
    fresh = secrets.token_bytes(32)
    ring = Keyring([fresh, *system.settings.secrets.data_keys])
    encoded = base64.b64encode(fresh).decode()
    with system.database.write() as session:
        beat = session.get(Heartbeat, "engine")
        if beat is not None and system.clock.now() - beat.at < timedelta(seconds=30):
            raise RotationError("The system is running. Stop it, wait half a minute, try again.")
        replace_file(path, json.dumps(kept | {"data_keys": f"{encoded},{old}"}))
        # An erased patient has no key any more.
        patients = [one for one in session.scalars(select(Patient)) if one.data_key]
        for patient in patients:
            key = system.keyring.unwrap(patient.id, patient.data_key)
            patient.data_key = ring.wrap(patient.id, key)
        for person in session.scalars(select(Staff).where(Staff.totp_sealed.is_not(None))):
            # A phone that was about to be set up starts over.
            person.totp_next_sealed = None
            place = f"staff:{person.id}"
            if person.totp_sealed is not None:
                secret = system.keyring.unwrap(place, person.totp_sealed)
                person.totp_sealed = ring.wrap(place, secret)
    replace_file(path, json.dumps(kept | {"data_keys": encoded}))
    return len(patients)
