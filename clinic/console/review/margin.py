"""One message by itself: what somebody writes beside it, keeps of it, quotes from it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.desk import HOME, Desk, MissingError, back_to, zone
from clinic.console.patient import transcript
from clinic.console.patient.transcript import Turn
from clinic.console.review import judgements, review
from clinic.console.review.annotations import Notebook
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Conversation, Message, Patient

Text = Annotated[str, Form()]
#: What can be put beside a message by its page.
KINDS = ("note", "tag", "bookmark", "quote")
#: Messages shown before it, so that it is not read out of place.
_BEFORE = 2


def url(patient_id: str, seq: int, said: str = "", place: str = "") -> str:
    asked = f"?said={said}" if said else ""
    return f"{HOME}/patients/{patient_id}/messages/{seq}{asked}{place}"


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/messages/{seq}")
    def one(
        patient_id: str, seq: int, who: Annotated[Who, Depends(desk.signed_in)], said: str = ""
    ) -> Response:
        return show(desk, who, patient_id, seq, done=review.SAID.get(said, ""))

    @router.post("/console/patients/{patient_id}/messages/{seq}/{kind}")
    def keep(
        patient_id: str,
        seq: int,
        kind: str,
        who: Annotated[Who, Depends(desk.acting)],
        text: Text = "",
    ) -> Response:
        if kind not in KINDS:
            raise MissingError
        try:
            with desk.reading(who, patient_id) as (session, _):
                message = message_at(session, patient_id, seq)
                Notebook(system, session, patient_id, who.staff).add(kind, message, text)
        except NotPossibleError as refused:
            return show(desk, who, patient_id, seq, 422, {kind: str(refused)}, text)
        if kind == "bookmark":
            start = max(1, seq - review.CONTEXT)
            return back_to(review.url(patient_id, start, "kept", f"#m-{seq}"))
        return back_to(url(patient_id, seq, "kept", f"#{kind}s-title"))

    @router.post("/console/patients/{patient_id}/notes")
    def about(
        patient_id: str, who: Annotated[Who, Depends(desk.acting)], text: Text = ""
    ) -> Response:
        """A note about the patient, of no message."""
        if not text.strip():
            return back_to(review.url(patient_id, place="#about"))
        try:
            with desk.reading(who, patient_id) as (session, _):
                Notebook(system, session, patient_id, who.staff).add("note", None, text)
        except NotPossibleError as refused:
            return desk.refused(str(refused), text)
        return back_to(review.url(patient_id, said="kept", place="#about"))

    @router.post("/console/patients/{patient_id}/annotations/{annotation_id}/change")
    def change(
        patient_id: str,
        annotation_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        text: Text = "",
        version: Annotated[int, Form()] = 0,
    ) -> Response:
        try:
            with desk.reading(who, patient_id) as (session, _):
                book = Notebook(system, session, patient_id, who.staff)
                row = book.change(annotation_id, text, version)
                session.flush()
                seq = _seq(session, row.message_id)
        except NotPossibleError as refused:
            return desk.refused(str(refused), text)
        said = "kept" if row.id == annotation_id else "both"
        return back_to(_home(patient_id, seq, said))

    @router.post("/console/patients/{patient_id}/annotations/{annotation_id}/remove")
    def remove(
        patient_id: str, annotation_id: str, who: Annotated[Who, Depends(desk.acting)]
    ) -> Response:
        try:
            with desk.reading(who, patient_id) as (session, _):
                row = Notebook(system, session, patient_id, who.staff).remove(annotation_id)
                seq = _seq(session, row.message_id)
        except NotPossibleError as refused:
            return desk.refused(str(refused), "")
        return back_to(_home(patient_id, seq, "removed"))


def show(
    desk: Desk,
    who: Who,
    patient_id: str,
    seq: int,
    status: int = 200,
    problems: dict[str, str] | None = None,
    text: str = "",
    done: str = "",
) -> Response:
    """A message's own page. Showing it is reading, and is recorded."""
    system = desk.system
    with desk.reading(who, patient_id) as (session, reason):
        message = message_at(session, patient_id, seq)
        conversation = session.get_one(Conversation, message.conversation_id)
        when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
        start = max(1, seq - _BEFORE)
        page = transcript.page(
            system, session, conversation, when, start=start, size=seq - start + 1
        )
        book = Notebook(system, session, patient_id, who.staff)
        beside = book.all([seq])
        judged = judgements.standing(system, session, message, who.staff)
        name = system.vault(session).shown_name(session.get_one(Patient, patient_id))
        earlier = {one.id: book.earlier(one.id) for one in beside if one.version > 1}
        review.note_reading(desk, session, who, patient_id, reason, page)
    turns = [entry for entry in page.entries if isinstance(entry, Turn)]
    return desk.page(
        "message.html",
        who,
        status,
        here="review",
        patient_id=patient_id,
        name=name,
        initials=wording.initials(name),
        reason=wording.REASONS[reason],
        seq=seq,
        turn=turns[-1],
        entries=page.entries,
        beside=beside,
        judged=judged if turns[-1].plain else None,
        original="".join(run.text for run in turns[-1].runs),
        earlier=earlier,
        problems=problems or {},
        text=text,
        done=done,
    )


def message_at(session: Session, patient_id: str, seq: int) -> Message:
    """Raises MissingError when the patient's conversation has no such message."""
    found = session.scalars(
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.patient_id == patient_id, Message.seq == seq)
    ).first()
    if found is None:
        raise MissingError
    return found


def _seq(session: Session, message_id: str | None) -> int | None:
    return session.get_one(Message, message_id).seq if message_id else None


def _home(patient_id: str, seq: int | None, said: str) -> str:
    if seq is None:
        return review.url(patient_id, said=said, place="#about")
    return url(patient_id, seq, said)
