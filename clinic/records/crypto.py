"""Patient text and names at rest: AES-256-GCM, one data key a patient, wrapped by the clinic's key.

The additional data binds a ciphertext to its table, column, row and patient, so a swapped row does
not decrypt. Destroying a patient's data key makes all their text unreadable, but in backups that
were made before and hold the wrapped key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_NONCE = 12
_KEY_ID = 4


class CryptoError(Exception):
    """A ciphertext does not open: wrong key, wrong place or changed bytes. Names no content."""


class Keyring:
    """The clinic's keys, newest first: the first one wraps, every one may unwrap."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])

    def new_data_key(self, patient_id: str) -> bytes:
        """A fresh data key for a patient, wrapped: what the patient's row stores."""
        return self.wrap(patient_id, AESGCM.generate_key(256))

    def wrap(self, patient_id: str, data_key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        body = self._keys[self._newest].encrypt(nonce, data_key, _wrap_place(patient_id))
        return _FORMAT + self._newest + nonce + body

    def unwrap(self, patient_id: str, wrapped: bytes) -> bytes:
        key_id, nonce = wrapped[1 : 1 + _KEY_ID], wrapped[5 : 5 + _NONCE]
        if key_id not in self._keys:
            raise CryptoError("a data key was wrapped with a key that is not in the key ring")
        try:
            return self._keys[key_id].decrypt(nonce, wrapped[17:], _wrap_place(patient_id))
        except InvalidTag:
            raise CryptoError("a data key does not open") from None

    def is_current(self, wrapped: bytes) -> bool:
        """Whether a data key is wrapped with the newest clinic key (false: re-wrap it)."""
        return wrapped[1 : 1 + _KEY_ID] == self._newest


class PatientCipher:
    """Seals and opens one patient's fields."""

    def __init__(self, patient_id: str, data_key: bytes) -> None:
        self._patient = patient_id
        self._aes = AESGCM(data_key)

    def seal(self, table: str, column: str, row: str, text: str) -> bytes:
        nonce = os.urandom(_NONCE)
        place = self._place(table, column, row)
        return _FORMAT + nonce + self._aes.encrypt(nonce, text.encode(), place)

    def open(self, table: str, column: str, row: str, sealed: bytes) -> str:
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._aes.decrypt(nonce, body, self._place(table, column, row)).decode()
        except (InvalidTag, ValueError):
            # ValueError: cut so short that there is not even a nonce, or bytes that are no text.
            raise CryptoError(f"a value of {table}.{column} does not open") from None

    def _place(self, table: str, column: str, row: str) -> bytes:
        return "\x1f".join((table, column, row, self._patient)).encode()


def token_hash(key: bytes, token: str) -> str:
    """What is stored of a bearer token (invitation, session) or a look-up value: a keyed hash."""
    return hmac.new(key, token.encode(), hashlib.sha256).hexdigest()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:_KEY_ID]


def _wrap_place(patient_id: str) -> bytes:
    return f"patient\x1fdata_key\x1f{patient_id}".encode()
