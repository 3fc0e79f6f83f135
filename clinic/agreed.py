"""What a patient has said yes or no to, by scope: asked in the talk, changed on their own page.

A no has its effect at once: without ``questions`` nothing is asked and the companion does not come
by itself, without ``visits`` it does not either, without ``call_contact`` nobody sees whom to call,
and with ``cycle`` goes what was noted about it. Without a yes to ``chat_copy``, which is asked on
their page alone, the words of the chat go into no other system (exports/fhir_chat.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.records.models import Patient, Record, new_id
from clinic.records.vault import Vault
from clinic.system import System
from clinic.touches import plan as touches

KIND = "consent"
QUESTIONS, VISITS, CALLS, CYCLE = "questions", "visits", "call_contact", "cycle"
COPY = "chat_copy"
#: What the patient's own page can change; visits are changed on the page of their days.
CHANGEABLE = (QUESTIONS, CALLS, CYCLE, COPY)
#: The name under which the person to call is remembered (data/flows/onboarding.yml).
CONTACT = "contact"


def given(held: Iterable[tuple[Record, dict[str, Any]]]) -> dict[str, bool]:
    """Scope -> yes or no, from records in the order in which they were last changed."""
    return {data["scope"]: data["given"] for row, data in held if row.kind == KIND}


def of(session: Session, vault: Vault, patient_id: str) -> dict[str, bool]:
    """Scope -> yes or no; what was never answered is not there."""
    return given(vault.documents(_rows(session, patient_id, KIND)))


def whom_to_call(session: Session, vault: Vault, patient_id: str) -> str:
    """Name and number in the patient's words, while they agree that this person is called."""
    if not of(session, vault, patient_id).get(CALLS):
        return ""
    remembered = vault.documents(_rows(session, patient_id, "remembered"))
    texts = [str(data["text"]) for _, data in remembered if data["name"] == CONTACT]
    return texts[-1] if texts else ""


def heed(system: System, session: Session, patient_id: str, scope: str, yes: bool) -> None:
    """What a yes or a no means beyond being kept."""
    if scope == VISITS or (scope == QUESTIONS and not yes):
        patient = session.get_one(Patient, patient_id)
        if patient.touches_wanted != yes:
            touches.want(system, session, patient, yes)
    if scope == CYCLE and not yes:
        _take_out(system, session, patient_id, CYCLE)


def _take_out(system: System, session: Session, patient_id: str, variable: str) -> None:
    """One variable out of every check-in; the rest of them stays."""
    vault = system.vault(session)
    for row, data in vault.documents(_rows(session, patient_id, "check_in")):
        if data.pop(variable, None) is not None:
            row.data_sealed = _sealed(vault, row, data)


def change(system: System, session: Session, patient_id: str, scope: str, yes: bool) -> None:
    """The patient says it anew, on their own page."""
    now = system.clock.now()
    rows = _rows(session, patient_id, KIND)
    row = next((one for one in rows if one.key == scope), None)
    if row is None:
        row = Record(id=new_id(), patient_id=patient_id, kind=KIND, key=scope, created_at=now)
    row.updated_at = now
    row.data_sealed = _sealed(system.vault(session), row, {"scope": scope, "given": yes})
    session.add(row)
    session.flush()
    heed(system, session, patient_id, scope, yes)


def _sealed(vault: Vault, row: Record, data: dict[str, Any]) -> bytes:
    return vault.seal(row.patient_id, "record", "data", row.id, json.dumps(data))


def _rows(session: Session, patient_id: str, kind: str) -> list[Record]:
    rows = select(Record).where(Record.patient_id == patient_id, Record.kind == kind)
    return list(session.scalars(rows.order_by(Record.updated_at, Record.key)))
