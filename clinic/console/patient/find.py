"""Find words in one patient's record. It is opened in memory; nothing is indexed in clear. What
counts as found, wanted.py says.

What is looked for travels in the body of a form, never in an address or a log (invariant I9).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.desk import Desk
from clinic.console.patient.marks import Part, cut
from clinic.console.patient.wanted import Wanted
from clinic.console.patient.withheld import withheld
from clinic.console.review.annotations import Notebook
from clinic.console.sign_in.access import Who
from clinic.records.crypto import CryptoError
from clinic.records.models import Conversation, Message, Patient, RiskAssessment
from clinic.system import System

SHOWN = 50
_AROUND = 80
_LONGEST = 200


@dataclass(frozen=True)
class Hit:
    """A place where the words stand: ``parts`` with a note are what was looked for."""

    seq: int | None
    at: datetime
    by: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Found:
    hits: tuple[Hit, ...]
    #: There are older ones than are shown: those before this message.
    older: int | None
    #: Messages that do not open, and so were not looked into.
    unreadable: int


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/patients/{patient_id}/find")
    def find(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        words: Annotated[str, Form()] = "",
        before: Annotated[int | None, Form(ge=1)] = None,
    ) -> Response:
        typed = " ".join(words.split())[:_LONGEST]
        with desk.reading(who, patient_id) as (session, reason):
            found = look(system, session, patient_id, who, Wanted.of(typed), before)
            name = system.vault(session).shown_name(session.get_one(Patient, patient_id))
            system.audit.add(
                session,
                system.clock.now(),
                f"staff:{who.staff.id}",
                "transcript.find",
                f"patient:{patient_id}",
                patient_id,
                reason=reason,
                shown=len(found.hits),
            )
        return desk.page(
            "found.html",
            who,
            here="review",
            patient_id=patient_id,
            name=name,
            initials=wording.initials(name),
            wanted=typed,
            found=found,
        )


def look(
    system: System,
    session: Session,
    patient_id: str,
    who: Who,
    wanted: Wanted,
    before: int | None = None,
) -> Found:
    """Newest first, from the message ``before`` on. Words that the patient keeps are not looked
    into. Notes and tags stand above the newest."""
    if not wanted.words:
        return Found((), None, 0)
    beside = [] if before else Notebook(system, session, patient_id, who.staff).all()
    notes = [
        hit
        for one in beside
        if one.kind in ("note", "tag")
        and (hit := _hit(one.seq, one.at, f"{one.by}, {one.kind}", one.words, wanted))
    ]
    hits, unreadable = _messages(system, session, patient_id, wanted, before)
    older = hits[SHOWN - 1].seq if len(hits) > SHOWN else None
    return Found((*notes, *hits[:SHOWN]), older, unreadable)


def _messages(
    system: System, session: Session, patient_id: str, wanted: Wanted, before: int | None
) -> tuple[list[Hit], int]:
    cipher = system.vault(session).cipher(patient_id)
    # Columns, not objects: a record has thousands of messages and few hold the words.
    query = (
        select(Message.id, Message.text_sealed)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.patient_id == patient_id, Message.kind != "open")
        .order_by(Message.seq.desc())
    )
    rows = session.execute(query if before is None else query.where(Message.seq < before))
    texts, unreadable = {}, 0
    for message_id, sealed in rows:
        try:
            text = cipher.open("message", "text", message_id, sealed)
        except CryptoError:
            unreadable += 1
            continue
        if wanted.stand_in(text):
            texts[message_id] = text
    return list(_seen(system, session, texts, wanted)), unreadable


def _seen(system: System, session: Session, texts: dict[str, str], wanted: Wanted) -> Iterator[Hit]:
    """The hits a clinician may see, newest first, up to one more than are shown."""
    ids, given = list(texts), 0
    for begin in range(0, len(ids), SHOWN):
        part = ids[begin : begin + SHOWN]
        messages = session.scalars(
            select(Message).where(Message.id.in_(part)).order_by(Message.seq.desc())
        ).all()
        assessed = {
            row.message_id: row
            for row in session.scalars(
                select(RiskAssessment).where(RiskAssessment.message_id.in_(part))
            )
        }
        hidden = withheld(session, system.words, messages, assessed)
        for message in messages:
            by = wording.AUTHORS[message.author]
            hit = _hit(message.seq, message.created_at, by, texts[message.id], wanted)
            if message.id not in hidden and hit is not None:
                given += 1
                yield hit
                if given > SHOWN:
                    return


def _hit(seq: int | None, at: datetime, by: str, text: str, wanted: Wanted) -> Hit | None:
    if not wanted.stand_in(text):
        return None
    places = wanted.places(text)
    first, end = places[0]
    begin, end = max(0, first - _AROUND), min(len(text), end + _AROUND)
    spans = [(a - begin, b - begin) for a, b in places if a < end and b > begin]
    return Hit(seq, at, by, tuple(cut(text[begin:end], spans)))
