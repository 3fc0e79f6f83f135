"""Opens and seals patient fields inside one unit of work, unwrapping each data key once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from clinic.records.crypto import CryptoError, Keyring, PatientCipher
from clinic.records.models import Message, Patient, Record

#: A patient or a record, or their columns where there are many.
Named = Patient | Row[Any]
Kept = Record | Row[Any]
#: Stands where something was changed in the database, or sealed with a key that is gone.
UNREADABLE = "(cannot be opened)"
#: Stands for the name of a patient who was erased (clinic/erasure.py).
ERASED = "(erased)"


class Vault:
    """Bound to a database session: ``vault.text(message, patient_id)`` is what a page may show."""

    def __init__(self, session: Session, keyring: Keyring) -> None:
        self._session = session
        self._keyring = keyring
        self._ciphers: dict[str, PatientCipher] = {}

    def admit(self, patient: Named) -> PatientCipher:
        """The cipher of a patient whose row is at hand (also one not yet stored)."""
        cipher = PatientCipher(patient.id, self._keyring.unwrap(patient.id, patient.data_key))
        self._ciphers[patient.id] = cipher
        return cipher

    def cipher(self, patient_id: str) -> PatientCipher:
        if patient_id not in self._ciphers:
            patient = self._session.get(Patient, patient_id)
            if patient is None:
                raise CryptoError("no such patient")
            self.admit(patient)
        return self._ciphers[patient_id]

    def seal(self, patient_id: str, table: str, column: str, row: str, text: str) -> bytes:
        return self.cipher(patient_id).seal(table, column, row, text)

    def name(self, patient: Named) -> str:
        cipher = self._ciphers.get(patient.id) or self.admit(patient)
        return cipher.open("patient", "name", patient.id, patient.name_sealed)

    def phone(self, patient: Patient) -> str | None:
        if patient.phone_sealed is None:
            return None
        return self.cipher(patient.id).open("patient", "phone", patient.id, patient.phone_sealed)

    def text(self, message: Message, patient_id: str) -> str:
        return self.cipher(patient_id).open("message", "text", message.id, message.text_sealed)

    # For pages: a value that does not open is said to be so, and takes nothing else with it.

    def shown_name(self, patient: Named) -> str:
        if not patient.data_key:
            return ERASED
        return _shown(lambda: self.name(patient))

    def shown_phone(self, patient: Patient) -> str:
        return _shown(lambda: self.phone(patient) or "")

    def shown_text(self, message: Message, patient_id: str) -> str:
        return _shown(lambda: self.text(message, patient_id))

    def shown_note(self, patient_id: str, table: str, row: str, sealed: bytes | None) -> str:
        """The note of a row of ``table``; empty when there is none."""
        if sealed is None:
            return ""
        return _shown(lambda: self.cipher(patient_id).open(table, "note", row, sealed))

    def data(self, record: Kept) -> Any:
        """The JSON document of a record (contract.RECORDS gives its shape)."""
        cipher = self.cipher(record.patient_id)
        return json.loads(cipher.open("record", "data", record.id, record.data_sealed))

    def documents(self, records: Iterable[Record]) -> Iterator[tuple[Record, Any]]:
        """Records with their documents. One that does not open is left out: it must not take the
        page with it, and ``unreadable`` counts it."""
        for record in records:
            try:
                yield record, self.data(record)
            except CryptoError:
                continue

    def unreadable(self, records: Iterable[Record]) -> int:
        """How many of these do not open."""
        held = list(records)
        return len(held) - sum(1 for _ in self.documents(held))


def _shown(read: Callable[[], str]) -> str:
    try:
        return read()
    except CryptoError:
        return UNREADABLE
