"""Reading what was written since one last marked: page by page, by the keyboard, with a receipt.

Opening a page shows it and is recorded; only a mark by hand says it was read. The mark is a
person's own, and the patient's chat says who has read their newest words, and when.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy import ColumnElement, ScalarSelect, Select, case, func, select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.desk import HOME, Desk, MissingError, back_to, zone
from clinic.console.patient import person, transcript
from clinic.console.review.annotations import Beside, Notebook
from clinic.console.sign_in.access import Who
from clinic.conversation import delivery
from clinic.journal import entries
from clinic.records.models import (
    FROM_PATIENT,
    Audit,
    CareRelation,
    Clinic,
    Conversation,
    Infusion,
    Message,
    Patient,
    Record,
    Reviewed,
)
from clinic.system import System

#: Messages already read that stand above the first unread one.
CONTEXT = 3
#: Messages on a page: what somebody reads before they mark.
PAGE = 50
SAID = {
    "marked": "Marked as read. The patient's page says who read their newest words.",
    "kept": "Kept.",
    "judged": "Kept. A second person reads it without knowing what you said.",
    "both": "Somebody changed that note while you wrote. Both are kept: yours stands by itself.",
    "removed": "Taken off. The log keeps who did it.",
}


@dataclass(frozen=True)
class Unread:
    """A patient's messages one has not marked: how many, and the oldest."""

    count: int
    first: int
    oldest: datetime


@dataclass(frozen=True)
class Mark:
    """How far one has marked a conversation; 0 and None before the first time."""

    seq: int
    at: datetime | None


def url(patient_id: str, start: int | None = None, said: str = "", place: str = "") -> str:
    """The review page's address; ``start`` is the first message it shows."""
    asked = "&".join(
        part for part in (f"start={start}" if start else "", f"said={said}" if said else "") if part
    )
    return f"{HOME}/patients/{patient_id}/review" + (f"?{asked}" if asked else "") + place


def at_message(patient_id: str, seq: int) -> str:
    """The address of a message with what was said around it."""
    return url(patient_id, max(1, seq - CONTEXT), place=f"#m-{seq}")


def since(patient_id: str, moment: datetime) -> str:
    """The address of the record from a moment on."""
    return f"{HOME}/patients/{patient_id}/review?since={quote(moment.isoformat())}"


def unread(session: Session, staff_id: str, patient_ids: Collection[str]) -> dict[str, Unread]:
    """What this person has not marked as read, by patient; without those who have nothing."""
    first = _not_marked(staff_id, Message.seq).order_by(Message.seq).limit(1)
    oldest = _not_marked(staff_id, Message.created_at).order_by(Message.seq).limit(1)
    found = session.execute(
        select(
            Conversation.patient_id,
            _count(staff_id),
            first.scalar_subquery(),
            oldest.scalar_subquery(),
        ).where(Conversation.patient_id.in_(patient_ids))
    )
    return {patient: Unread(count, seq, at) for patient, count, seq, at in found if count}


def unread_up_to(staff_id: str, most: int) -> ColumnElement[int]:
    """How many of a conversation's messages this person has not marked, as a column beside it; from
    ``most`` on they are not counted any further."""
    last = _not_marked(staff_id, Message.seq).order_by(Message.seq).offset(most - 1).limit(1)
    return case((last.scalar_subquery().is_not(None), most), else_=_count(staff_id))


def _count(staff_id: str) -> ScalarSelect[int]:
    return _not_marked(staff_id, func.count()).scalar_subquery()


def _not_marked(staff_id: str, column: Any) -> Select[Any]:
    """Of one conversation, from the mark on. With the marks joined to them, the messages would all
    be walked through, those read long ago too."""
    mark = (
        select(Reviewed.seq)
        .where(Reviewed.conversation_id == Conversation.id, Reviewed.staff_id == staff_id)
        .correlate(Conversation)
        .scalar_subquery()
    )
    return (
        select(column)
        .where(
            Message.conversation_id == Conversation.id,
            FROM_PATIENT,
            Message.seq > func.coalesce(mark, 0),
        )
        .correlate(Conversation)
    )


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/review")
    def next_patient(who: Annotated[Who, Depends(desk.signed_in)], but: str = "") -> Response:
        """On to whoever of one's own patients has waited longest to be read."""
        with system.database.read() as session:
            waiting = unread(session, who.staff.id, own(session, who.staff.id))
        waiting.pop(but, None)
        if not waiting:
            return desk.page("review_done.html", who, here="review")
        return back_to(url(min(waiting, key=lambda one: waiting[one].oldest)))

    @router.get("/console/patients/{patient_id}/review")
    def review(
        patient_id: str,
        who: Annotated[Who, Depends(desk.signed_in)],
        start: Annotated[int | None, Query(ge=1)] = None,
        before: Annotated[int | None, Query(ge=1)] = None,
        since: datetime | None = None,
        said: str = "",
    ) -> Response:
        """From the first unread message on, or from ``start``, ``before`` a message, ``since`` a
        moment."""
        with desk.reading(who, patient_id) as (session, reason):
            conversation = conversation_of(session, patient_id)
            if since is not None and conversation is not None and since.tzinfo is not None:
                start = _first_since(session, conversation, since)
            values = _view(desk, session, who, patient_id, start, before)
            note_reading(desk, session, who, patient_id, reason, values["page"])
        return desk.page(
            "review.html",
            who,
            here="review",
            done=SAID.get(said, ""),
            reason=wording.REASONS[reason],
            **values,
        )

    @router.post("/console/patients/{patient_id}/reviewed")
    def mark(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        seq: Annotated[int, Form(ge=1)],
    ) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            conversation = conversation_of(session, patient_id)
            if conversation is None or seq >= conversation.next_seq:
                raise MissingError
            mark_read(system, session, conversation, who, seq)
            left = unread(session, who.staff.id, [patient_id]).get(patient_id)
        place = f"#m-{left.first}" if left else f"#m-{seq}"
        start = None if left else max(1, seq - CONTEXT)
        return back_to(url(patient_id, start, "marked", place))


def mark_read(
    system: System, session: Session, conversation: Conversation, who: Who, seq: int
) -> None:
    """Mark everything up to ``seq`` as read. A mark never goes back."""
    now = system.clock.now()
    row = session.get(Reviewed, (conversation.id, who.staff.id))
    if row is None:
        row = Reviewed(conversation_id=conversation.id, staff_id=who.staff.id, seq=0, at=now)
        session.add(row)
    if seq <= row.seq:
        return
    first, row.seq, row.at = row.seq + 1, seq, now
    delivery.mark_read(system, session, conversation, who.staff.id, seq)
    system.audit.add(
        session,
        now,
        f"staff:{who.staff.id}",
        "transcript.reviewed",
        f"patient:{conversation.patient_id}",
        conversation.patient_id,
        first=first,
        last=seq,
    )


def mark_opened(system: System, session: Session, who: Who, patient_id: str) -> str:
    """Mark as read as far as this person has opened without a break since their last mark: a mark
    tells the patient that somebody read. Returns "marked", "left" (with words they have not opened,
    whether or not some were marked) or "nothing"."""
    conversation = conversation_of(session, patient_id)
    if conversation is None or patient_id not in unread(session, who.staff.id, [patient_id]):
        return "nothing"
    reach = _mark(session, conversation, who).seq
    opened = session.scalars(
        select(Audit.detail).where(
            Audit.patient_id == patient_id,
            Audit.action == "transcript.read",
            Audit.actor == f"staff:{who.staff.id}",
        )
    )
    for first, last in sorted((row["first"], row["last"]) for row in opened):
        if first <= reach + 1:
            reach = max(reach, last)
    mark_read(system, session, conversation, who, reach)
    return "left" if patient_id in unread(session, who.staff.id, [patient_id]) else "marked"


def conversation_of(session: Session, patient_id: str) -> Conversation | None:
    return session.scalars(
        select(Conversation).where(Conversation.patient_id == patient_id)
    ).first()


def note_reading(
    desk: Desk, session: Session, who: Who, patient_id: str, reason: str, page: transcript.Page
) -> None:
    """What is shown is read, and is recorded as such."""
    desk.system.audit.add(
        session,
        desk.system.clock.now(),
        f"staff:{who.staff.id}",
        "transcript.read",
        f"patient:{patient_id}",
        patient_id,
        reason=reason,
        first=page.first,
        last=page.last,
    )


def _view(
    desk: Desk,
    session: Session,
    who: Who,
    patient_id: str,
    start: int | None,
    before: int | None,
) -> dict[str, Any]:
    system, now = desk.system, desk.system.clock.now()
    patient = session.get_one(Patient, patient_id)
    when = wording.When(now, zone(session.get(Clinic, 1)))
    conversation = conversation_of(session, patient_id)
    left = unread(session, who.staff.id, [patient_id]).get(patient_id)
    mark = _mark(session, conversation, who)
    page = transcript.Page((), 0, 0, False)
    if conversation is not None:
        if start is None and before is None and left is not None:
            start = max(1, left.first - CONTEXT)
        page = transcript.page(
            system, session, conversation, when, before=before, start=start, size=PAGE
        )
    book = Notebook(system, session, patient_id, who.staff).all()
    name = system.vault(session).shown_name(patient)
    return {
        "patient_id": patient_id,
        "name": name,
        "initials": wording.initials(name),
        "page": page,
        "entries": page.entries,
        "mark": mark,
        "left": left,
        "shared_since": _shared_since(session, patient_id, mark),
        "unreadable": person.unreadable(system, session, patient_id),
        "infusions": _infusions(session, patient_id, now),
        "kept": book,
        "beside": _by_place(book),
    }


def own(session: Session, staff_id: str) -> set[str]:
    """Patients one is the therapist or supervisor of: whom an alert let in is not one's week."""
    return set(
        session.scalars(select(CareRelation.patient_id).where(CareRelation.staff_id == staff_id))
    )


def _mark(session: Session, conversation: Conversation | None, who: Who) -> Mark:
    row = session.get(Reviewed, (conversation.id, who.staff.id)) if conversation else None
    return Mark(row.seq, row.at) if row else Mark(0, None)


def _first_since(session: Session, conversation: Conversation, moment: datetime) -> int | None:
    return session.scalar(
        select(func.min(Message.seq)).where(
            Message.conversation_id == conversation.id, Message.created_at >= moment
        )
    )


def _infusions(session: Session, patient_id: str, now: datetime) -> list[Infusion]:
    rows = session.scalars(
        select(Infusion)
        .where(
            Infusion.patient_id == patient_id,
            Infusion.cancelled.is_(False),
            Infusion.started_at <= now,
        )
        .order_by(Infusion.started_at.desc())
    )
    return list(rows)


def _shared_since(session: Session, patient_id: str, mark: Mark) -> list[tuple[int, datetime]]:
    """(place, time) of journal entries that were shared or changed after one had marked past them:
    they would not come up as unread."""
    if mark.at is None:
        return []
    found = session.execute(
        select(Message.seq, Record.updated_at)
        .join(Message, Message.id == Record.message_id)
        .where(
            Record.patient_id == patient_id,
            Record.kind == entries.KIND,
            Record.sharing == "shared",
            Record.updated_at > mark.at,
            Message.seq <= mark.seq,
        )
        .order_by(Message.seq)
    )
    return [(seq, at) for seq, at in found]


def _by_place(book: list[Beside]) -> dict[int, list[Beside]]:
    places: dict[int, list[Beside]] = {}
    for one in book:
        if one.seq is not None:
            places.setdefault(one.seq, []).append(one)
    return places
