"""The patient's own words in the bundle (fhir.py), where they said yes to it (agreed.COPY): one
Communication a message, and each shared page of the journal as a document. What the desk does not
show (withheld.py) does not leave either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import agreed
from clinic.console.patient import person
from clinic.console.patient.withheld import withheld
from clinic.exports.fhir_parts import Resource, at, document_of, reference, subject, uuid_of
from clinic.records.models import Conversation, Message, Patient, RiskAssessment, Staff
from clinic.system import System

#: Who speaks where no person does: the companion, and the edge itself.
_PROGRAM = "companion"


def agreed_to(system: System, session: Session, patient: Patient) -> bool:
    """Whether the patient's own words may leave; what was never asked is a no."""
    return agreed.of(session, system.vault(session), patient.id).get(agreed.COPY, False)


def communications(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    """Every message of the talk that the desk shows, oldest first, and who wrote them."""
    messages = _messages(system, session, patient)
    if not messages or not agreed_to(system, session, patient):
        return
    there = {message.id for message in messages}
    yield from _speakers(session, patient, messages)
    vault = system.vault(session)
    for message in messages:
        found: Resource = {
            "resourceType": "Communication",
            "id": uuid_of(message.id),
            "status": "completed",
            "category": [{"text": "Chat between infusions"}],
            "subject": subject(patient),
            "sent": at(message.created_at),
            "sender": _sender(patient, message),
            "payload": [{"contentString": vault.shown_text(message, patient.id)}],
        }
        if message.author != "patient":
            found["recipient"] = [subject(patient)]
        if message.reply_to in there:
            found["inResponseTo"] = [reference(uuid_of(message.reply_to))]
        yield found


def pages(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    """The journal's shared and finished pages, newest first, as plain text."""
    if not agreed_to(system, session, patient):
        return
    for row, entry in person.shared_pages(system, session, patient.id):
        if entry.complete:
            text = "\n\n".join(f"{prompt}\n{words}" for prompt, words in entry.parts)
            yield document_of(
                patient,
                uuid_of(row.id, "page"),
                "A page of the patient's journal, shared",
                at(entry.at),
                "text/plain",
                text.encode(),
            )


def _messages(system: System, session: Session, patient: Patient) -> list[Message]:
    rows = session.execute(
        select(Message, RiskAssessment)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(RiskAssessment, RiskAssessment.message_id == Message.id)
        .where(
            Conversation.patient_id == patient.id,
            Message.kind != "open",
            Message.spoken.is_(True),
        )
        .order_by(Message.seq)
    ).all()
    messages = [message for message, _ in rows]
    assessed = {message.id: found for message, found in rows if found is not None}
    hidden = withheld(session, system.words, messages, assessed)
    vault = system.vault(session)
    return [m for m in messages if m.id not in hidden and vault.shown_text(m, patient.id).strip()]


def _speakers(session: Session, patient: Patient, messages: Sequence[Message]) -> list[Resource]:
    """The program as a device, and each clinician who wrote."""
    found: list[Resource] = []
    if any(message.author in ("bot", "system") for message in messages):
        name = {"name": "Afterglow, an automated program", "type": "user-friendly-name"}
        found.append(
            {"resourceType": "Device", "id": uuid_of(patient.id, _PROGRAM), "deviceName": [name]}
        )
    wrote = {message.staff_id for message in messages if message.author == "staff"}
    people = session.scalars(select(Staff).where(Staff.id.in_(wrote)).order_by(Staff.id))
    found += [
        {
            "resourceType": "Practitioner",
            "id": uuid_of(person.id),
            "active": person.active,
            "name": [{"text": person.name}],
        }
        for person in people
    ]
    return found


def _sender(patient: Patient, message: Message) -> dict[str, Any]:
    if message.author == "patient":
        return subject(patient)
    if message.author == "staff" and message.staff_id:
        return reference(uuid_of(message.staff_id))
    return reference(uuid_of(patient.id, _PROGRAM))
