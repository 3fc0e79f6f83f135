"""Erasing a patient: every word, name, number and address of theirs, and the key that opened them.

What stays names nobody and holds no words: that somebody was here and wrote, which rules saw
danger, how alerts ran and ended, the keyed hash of an address that asked for no more messages, and
the audit chain. All of it ids, codes and times.
The assistant forgets the conversation too. Backups are the clinic's to let go (docs/operations.md).
"""

from __future__ import annotations

import httpx
from sqlalchemy import ColumnElement, Table, delete, or_, select, update
from sqlalchemy.orm import Session

from clinic.conversation import delivery
from clinic.people import NotPossibleError
from clinic.records.models import Base, Conversation, Escalation, Patient
from clinic.system import System

#: Their rows stay without anything sealed in them, and with this besides. The risk record is
#: append-only: which rule saw danger when, and which alert answered, stays for whoever asks later.
KEPT: dict[str, dict[str, object]] = {
    "patient": {
        **{"data_key": b"", "active": False, "timezone": "UTC", "country": None},
        **{"indications": [], "program": "ended", "touches_wanted": False},
    },
    "conversation": {"mode_epoch": Conversation.mode_epoch + 1},
    # A button's payload is an answer.
    "message": {"payload": None, "choices": [], "turn": None},
    "risk_assessment": {},
    "escalation": {},
    "escalation_message": {},
    "patient_contact": {},
}
_FORGET = "/webhooks/afterglow/forget"
#: Seconds: a turn under way is waited for.
_PATIENCE = 30.0


def erase(system: System, patient_id: str, actor: str) -> None:
    """Erase a patient. Raises NotPossibleError: then nothing was erased, or, where the text says
    so, only what the assistant holds is left, and erasing again finishes it."""
    with system.database.read() as session:
        patient = session.get_one(Patient, patient_id)
        talk = _conversation(session, patient)
        _check(session, patient, talk)
    # Twice: while it is down nothing begins, and a turn under way may have written again.
    _forget(system, talk, "Nothing was erased")
    with system.database.erase() as session:
        if talk is not None:
            delivery.locked(session, talk.id)
        patient = session.get_one(Patient, patient_id)
        _check(session, patient, _conversation(session, patient))
        if patient.data_key:
            _erase_rows(session, patient)
            now, subject = system.clock.now(), f"patient:{patient_id}"
            system.audit.add(session, now, actor, "patient.erased", subject, patient_id)
    _forget(system, talk, "Everything here is erased. Erase once more to finish")


def why_not(session: Session, patient: Patient) -> str | None:
    """What has to be done first, in words; None: nothing."""
    try:
        _check(session, patient, _conversation(session, patient))
    except NotPossibleError as error:
        return str(error)
    return None


def _check(session: Session, patient: Patient, talk: Conversation | None) -> None:
    running = select(Escalation.id).where(
        Escalation.patient_id == patient.id, Escalation.state != "resolved"
    )
    if session.scalars(running).first() is not None:
        raise NotPossibleError("An alert runs. Record its outcome first.")
    if talk is None:
        return
    if talk.risk_level != "none":
        raise NotPossibleError("Words of danger still count. Settle them with the patient first.")
    if talk.mode == "human":
        raise NotPossibleError("A clinician has the conversation. It must be handed back first.")


def _conversation(session: Session, patient: Patient) -> Conversation | None:
    found = select(Conversation).where(Conversation.patient_id == patient.id)
    return session.scalars(found).first()


def _erase_rows(session: Session, patient: Patient) -> None:
    """Whatever hangs on the patient by foreign keys goes, in a table of tomorrow too."""
    # A table that refers to another comes before it.
    for table in reversed(Base.metadata.sorted_tables):
        theirs = _theirs(table, patient.id)
        if theirs is None:
            continue
        if table.name not in KEPT:
            session.execute(delete(table).where(theirs))
        elif emptied := _sealed(table) | KEPT[table.name]:
            session.execute(update(table).where(theirs).values(emptied))
    session.expire_all()


def _theirs(table: Table, patient_id: str) -> ColumnElement[bool] | None:
    """Which rows of a table belong to the patient; None: none ever can."""
    if table.name == "patient":
        return table.c.id == patient_id
    ways = []
    for key in table.foreign_keys:
        if key.column.table is not table:
            held = _theirs(key.column.table, patient_id)
            if held is not None:
                ways.append(key.parent.in_(select(key.column).where(held)))
    return or_(*ways) if ways else None


def _sealed(table: Table) -> dict[str, object]:
    sealed = (column for column in table.columns if column.name.endswith("_sealed"))
    return {column.name: None if column.nullable else b"" for column in sealed}


def _forget(system: System, talk: Conversation | None, otherwise: str) -> None:
    if talk is None:
        return
    settings = system.settings
    try:
        answer = httpx.post(
            f"{settings.assistant_url}{_FORGET}",
            json={"conversation": talk.id},
            headers={"Authorization": f"Bearer {settings.secrets.assistant}"},
            timeout=_PATIENCE,
            trust_env=False,
        )
        answer.raise_for_status()
    except httpx.HTTPError:
        raise NotPossibleError(
            f"{otherwise}: the companion cannot be reached, and it holds the last turns. "
            "Start it (afterglow run) and try again."
        ) from None
