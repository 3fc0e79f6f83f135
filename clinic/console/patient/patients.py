"""The patients one may read, and one patient's page: transcript, person, hand-off."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic import glass, medical_history
from clinic.console import presence, relations, wording
from clinic.console.desk import HOME, Desk, back_to, zone
from clinic.console.inbox import follow_up, handed, queue
from clinic.console.patient import location, person, safety, transcript, visits
from clinic.console.patient.landmarks import Landmark
from clinic.console.review import review
from clinic.console.sign_in.access import Who
from clinic.conversation import delivery, handoff
from clinic.escalation import machine, policy
from clinic.escalation.machine import RefusedError
from clinic.records.models import (
    Audit,
    Clinic,
    Conversation,
    Patient,
    Staff,
    new_id,
)
from clinic.system import System

#: How many turns already shown a live page asks for again: their state may have changed.
_AGAIN = 10

#: What a page says after an act, by the code in its address.
SAID = {
    "acknowledged": "This alert is yours now. Call the patient, then record the outcome.",
    "released": "You gave the alert back. It is calling again now.",
    "handed-over": "Your colleague is being called. The alert calls until somebody takes it.",
    "location": "Noted where they are.",
    "history": "Noted. From now on signs of the body are weighed by it.",
    "follow-up": "Kept. It comes up on the day, with whoever has it.",
    "followed-up": "Done.",
    "handed": "Your colleague is on the team now.",
    "contact-noted": "Noted. Your hold on the alert is longer by that.",
    "resolved": "The alert is resolved.",
    "taken": "You have the conversation. The companion is silent until you hand it back.",
    "returned": "The companion answers again.",
}

Text = Annotated[str, Form()]
#: One move of the hand-off: system, session, conversation id, staff.
Move = Callable[[System, Session, str, Staff], object]


@dataclass(frozen=True)
class Again:
    """What a refused form shows again: problems by field, and what was written."""

    problems: dict[str, str]
    note: str = ""
    disposition: str = ""
    text: str = ""
    #: An attempt to reach the patient: kind and note.
    contact: tuple[str, str] = ("", "")
    #: Something to follow up: what, to, on; None: nothing was typed.
    follow: dict[str, str] | None = None
    #: A hand-over: to, note, stay; None: nothing was typed.
    hand: dict[str, str] | None = None


def url(patient_id: str, said: str = "", place: str = "") -> str:
    return f"{HOME}/patients/{patient_id}" + (f"?said={said}" if said else "") + place


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}")
    def one(
        patient_id: str,
        who: Annotated[Who, Depends(desk.signed_in)],
        before: Annotated[int | None, Query(ge=1)] = None,
        said: str = "",
    ) -> Response:
        return show(desk, who, patient_id, before=before, done=SAID.get(said, ""))

    @router.get("/console/patients/{patient_id}/turns")
    def fresh_turns(
        patient_id: str,
        after: Annotated[int, Query(ge=0)],
        who: Annotated[Who, Depends(desk.signed_in)],
    ) -> Response:
        """Turns a live page does not have yet, and the last few it has."""
        with desk.reading(who, patient_id) as (session, reason):
            conversation = review.conversation_of(session, patient_id)
            when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
            page = transcript.Page((), 0, 0, False)
            if conversation is not None:
                page = transcript.page(system, session, conversation, when, after=after)
            if page.last > _read_up_to(session, who, patient_id):
                review.note_reading(desk, session, who, patient_id, reason, page)
        # What stands before the first turn was shown with it, as is that turn.
        fresh = dropwhile(lambda one: isinstance(one, Landmark), page.entries)
        return desk.page("_turns.html", who, entries=list(fresh))

    @router.post("/console/conversations/{conversation_id}/take")
    def take(conversation_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        return act(conversation_id, who, "taken", handoff.take)

    @router.post("/console/conversations/{conversation_id}/give-back")
    def give_back(conversation_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        return act(conversation_id, who, "returned", handoff.give_back)

    @router.post("/console/conversations/{conversation_id}/say")
    def say(
        conversation_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        text: Text = "",
        key: Text = "",
    ) -> Response:
        def write(system: System, session: Session, conversation_id: str, staff: Staff) -> None:
            handoff.say(system, session, conversation_id, staff, text, key[:40] or new_id())

        return act(conversation_id, who, "", write, text)

    def act(conversation_id: str, who: Who, said: str, move: Move, text: str = "") -> Response:
        with system.database.read() as session:
            conversation = session.get(Conversation, conversation_id)
            patient_id = conversation.patient_id if conversation else None
        try:
            with desk.reading(who, patient_id) as (session, _):
                move(system, session, conversation_id, session.get_one(Staff, who.staff.id))
        except RefusedError as refused:
            form = Again({"write" if said == "" else "acts": str(refused)}, text=text)
            return show(desk, who, str(patient_id), status=409, form=form)
        return back_to(url(str(patient_id), said, "#end"))


def show(
    desk: Desk,
    who: Who,
    patient_id: str,
    *,
    before: int | None = None,
    status: int = 200,
    done: str = "",
    form: Again | None = None,
) -> Response:
    """One patient's page. Showing it is reading the transcript, and is recorded as such."""
    with desk.reading(who, patient_id) as (session, reason):
        values = _view(desk, session, who, patient_id, before)
        opening = glass.running(session, who.staff.id, desk.system.clock.now()).get(patient_id)
        review.note_reading(desk, session, who, patient_id, reason, values["page"])
        _mark_read(desk, session, who, patient_id, values["page"].last)
    return desk.page(
        "patient.html",
        who,
        status,
        here="patients",
        reason=wording.REASONS[reason],
        opening=opening if reason == "glass" else None,
        form=form or Again({}),
        outcomes=policy.load()["dispositions"],
        contact_kinds=policy.load()["contacts"],
        done=done,
        key=new_id(),
        open_row=patient_id,
        **values,
    )


def _view(
    desk: Desk, session: Session, who: Who, patient_id: str, before: int | None
) -> dict[str, Any]:
    system, now = desk.system, desk.system.clock.now()
    patient = session.get_one(Patient, patient_id)
    vault = system.vault(session)
    when = wording.When(now, zone(session.get(Clinic, 1)))
    conversation = review.conversation_of(session, patient_id)
    page = transcript.Page((), 0, 0, False)
    if conversation is not None:
        page = transcript.page(system, session, conversation, when, before=before)
    holder = session.get(Staff, conversation.held_by or "") if conversation else None
    phone, name = vault.shown_phone(patient), vault.shown_name(patient)
    return {
        "rows": queue.rows(system, session, who.staff, now),
        "patient_id": patient_id,
        "name": name,
        "initials": wording.initials(name),
        "place": queue.place(session, patient_id, now),
        "phone": phone,
        "dial": person.dialable(phone),
        "may_invite": relations.may_invite(session, who.staff, patient_id, now),
        "risk": _risk(session, patient_id, conversation.risk_level if conversation else "none"),
        "page": page,
        "entries": page.entries,
        "newest": before is None,
        "looking": presence.others(session, conversation.id, who.staff, now)
        if conversation
        else [],
        "live_from": max(page.first - 1, page.last - _AGAIN, 0),
        "conversation_id": conversation.id if conversation else "",
        "held_by": holder.name if holder else "",
        "held_by_me": holder is not None and holder.id == who.staff.id,
        "alert": person.running_alert(system, session, patient_id, who.staff),
        "colleagues": person.colleagues(session, who.staff),
        "country": location.country(system, session, patient),
        "location": location.newest(system, session, patient_id),
        "history": medical_history.policy()["history"],
        "history_noted": medical_history.noted(system, session, patient_id),
        "flagged": person.flagged(session, patient_id),
        "past_alerts": person.past_alerts(system, session, patient_id),
        "infusions": person.infusions(session, patient, when),
        "coming": visits.coming(system, session, patient),
        "screens": safety.screens(system, session, patient_id),
        "responses": safety.responses(system, session, patient_id),
        "handed": handed.over(system, session, patient_id, who.staff),
        "follow_up": follow_up.choices(system, session, patient_id, who.staff),
        "plan": safety.plan(system, session, patient_id),
        "whom_to_call": safety.whom_to_call(system, session, patient_id),
        "unreadable": person.unreadable(system, session, patient_id),
        "journal": person.journal(system, session, patient_id),
        "check_ins": person.check_ins(system, session, patient_id),
    }


def _risk(session: Session, patient_id: str, level: str) -> str:
    """The graver of what the conversation carries and what the running alert says."""
    alert = machine.running_for(session, patient_id)
    return max(level, alert.level if alert else "none", key=Level.of)


def _mark_read(desk: Desk, session: Session, who: Who, patient_id: str, last: int) -> None:
    """The patient may be told who opened their words: a person loaded the page that shows them."""
    conversation = review.conversation_of(session, patient_id)
    if conversation is not None and last:
        delivery.mark_read(desk.system, session, conversation, who.staff.id, last)


def _read_up_to(session: Session, who: Who, patient_id: str) -> int:
    """How far this person has read in this sign-in: a live page that shows nothing new asks often,
    and a row for each time would bury the rows that matter."""
    last = session.scalars(
        select(Audit)
        .where(
            Audit.actor == f"staff:{who.staff.id}",
            Audit.action == "transcript.read",
            Audit.patient_id == patient_id,
            Audit.at >= who.session.created_at,
        )
        .order_by(Audit.seq.desc())
        .limit(1)
    ).first()
    return int(last.detail["last"]) if last else 0
