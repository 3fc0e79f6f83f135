"""One page before a visit: what happened since the last infusion, each line with its source.

Nothing is made up or put into other words: lines are figures, states, or the patient's own words as
they stand. Words the patient keeps are not here, as nowhere on the desk (withheld.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic.console import wording
from clinic.console.desk import HOME, Desk, zone
from clinic.console.inbox import queue
from clinic.console.patient import person, safety
from clinic.console.patient.withheld import withheld
from clinic.console.pictures.trends import Course
from clinic.console.review import review
from clinic.console.review.annotations import Notebook
from clinic.console.sign_in.access import Who
from clinic.console.wording import When
from clinic.escalation import policy
from clinic.records.models import (
    Clinic,
    Conversation,
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    RiskAssessment,
    Staff,
)
from clinic.system import System

#: Records of words, in the order of the page, with what stands where there is none.
_WORDS = (
    ("team_question", "Questions for the team", "None written down."),
    ("stressor", "What weighs on them", "Nothing named."),
    ("intention", "Intention", "None set."),
    ("small_step", "Steps", "None chosen."),
    ("parked_decision", "Parked decisions", "None parked."),
)
_STATES = {
    "done": "done",
    "partly": "partly done",
    "not_yet": "not yet",
    "dropped": "let go",
    "keep": "kept for later",
    "drop": "let go",
    "bring": "to talk over",
}
_MOST = 6


@dataclass(frozen=True)
class Statement:
    """One line and where it comes from. ``quoted``: the patient's own words."""

    words: str
    source: str
    at: datetime | None = None
    quoted: bool = False
    beside: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    statements: tuple[Statement, ...]
    empty: str


@dataclass(frozen=True)
class Sheet:
    """The page's content, for the screen and for paper alike. ``begin``: since when it counts."""

    name: str
    place: str
    begin: datetime | None
    infusions: list[Infusion]
    sections: list[Section]
    #: Rows that do not open: where a section is empty, one of them may have stood.
    unreadable: int


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/summary")
    def page(
        patient_id: str,
        who: Annotated[Who, Depends(desk.signed_in)],
        since: datetime | None = None,
    ) -> Response:
        with desk.reading(who, patient_id) as (session, reason):
            found = sheet(system, session, patient_id, who.staff, since)
            system.audit.add(
                session,
                system.clock.now(),
                f"staff:{who.staff.id}",
                "summary.read",
                f"patient:{patient_id}",
                patient_id,
                reason=reason,
            )
        return desk.page(
            "summary.html",
            who,
            here="review",
            patient_id=patient_id,
            name=found.name,
            initials=wording.initials(found.name),
            reason=wording.REASONS[reason],
            place=found.place,
            begin=found.begin,
            infusions=found.infusions,
            sections=found.sections,
            unreadable=found.unreadable,
        )


def sheet(
    system: System, session: Session, patient_id: str, staff: Staff, since: datetime | None = None
) -> Sheet:
    """What stands in it for this reader; ``since`` (aware), else the last infusion's start."""
    now = system.clock.now()
    when = wording.When(now, zone(session.get(Clinic, 1)))
    course = Course(system, session, patient_id, when)
    begin = since if since is not None and since.tzinfo else _begin(course)
    book = Notebook(system, session, patient_id, staff)
    return Sheet(
        name=system.vault(session).shown_name(session.get_one(Patient, patient_id)),
        place=queue.place(session, patient_id, now),
        begin=begin,
        infusions=course.infusions,
        sections=_sections(system, session, patient_id, course, book, begin, when),
        unreadable=person.unreadable(system, session, patient_id),
    )


def _begin(course: Course) -> datetime | None:
    """The last infusion's start; without one, everything counts."""
    return course.infusions[-1].started_at if course.infusions else None


def _sections(
    system: System,
    session: Session,
    patient_id: str,
    course: Course,
    book: Notebook,
    begin: datetime | None,
    when: When,
) -> list[Section]:
    return [
        Section(
            "Risk", tuple(_risk(session, patient_id, begin, when)), "Nothing flagged, no alert."
        ),
        Section(
            "Measures", tuple(_measures(system, session, patient_id, course)), "None finished."
        ),
        Section("Since then", tuple(_course(patient_id, course, begin)), "Nothing was asked."),
        *(
            Section(title, tuple(_kept(system, session, patient_id, kind, begin)), empty)
            for kind, title, empty in _WORDS
        ),
        Section("In the patient's words", tuple(_quotes(patient_id, book)), "Nothing quoted yet."),
    ]


def _risk(session: Session, patient_id: str, begin: datetime | None, when: When) -> list[Statement]:
    outcomes = policy.load()["dispositions"]
    found = []
    alerts = select(Escalation).where(Escalation.patient_id == patient_id)
    if begin is not None:
        alerts = alerts.where(Escalation.opened_at >= begin)
    for alert in session.scalars(alerts.order_by(Escalation.opened_at)):
        kinds = ", ".join(wording.CATEGORIES.get(c, c) for c in alert.categories)
        end = "still running"
        if alert.resolved_at is not None:
            person = session.get(Staff, alert.resolved_by or "")
            by = f" ({person.name})" if person else ""
            end = f"{outcomes.get(alert.disposition, alert.disposition)}{by}"
        words = f"Alert {alert.number}, {wording.LEVELS[alert.level]}, {kinds}: {end}"
        found.append(Statement(words, _since(patient_id, alert.opened_at), alert.opened_at))
    flagged = (
        select(Message.seq, Message.created_at, RiskAssessment.level)
        .join(RiskAssessment, RiskAssessment.message_id == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.patient_id == patient_id, RiskAssessment.level != "none")
        .order_by(Message.seq)
    )
    if begin is not None:
        flagged = flagged.where(Message.created_at >= begin)
    rows = session.execute(flagged).all()
    if rows:
        seq, at, level = max(rows, key=lambda row: Level.of(row[2]))
        count = "1 message was" if len(rows) == 1 else f"{len(rows)} messages were"
        words = f"{count} flagged; the gravest {wording.LEVELS[level]}"
        found.append(Statement(words, _message(patient_id, seq), at))
    return found


def _measures(system: System, session: Session, patient_id: str, course: Course) -> list[Statement]:
    where = f"{HOME}/patients/{patient_id}/pictures"
    found = [
        Statement(f"{line.title}: {line.sentence}", f"{where}#{line.name}")
        for line in course.measures()
    ]
    slow = safety.responses(system, session, patient_id)
    return found + [Statement(said, where) for said in slow]


def _course(patient_id: str, course: Course, begin: datetime | None) -> list[Statement]:
    where = f"{HOME}/patients/{patient_id}/pictures"
    found = []
    if course.infusions:
        row = course.series()[-1]
        told = {"Mood": row.mood, "how strong it was": row.intensity, "it was": row.tone.lower()}
        said = ", ".join(f"{name} {value}" for name, value in told.items() if value)
        if said:
            words = f"Infusion {row.number}: {said}"
            found.append(Statement(words, _since(patient_id, row.at), row.at))
    last = f"Infusion {course.infusions[-1].number}" if course.infusions else ""
    spans = [span for span in course.after_effects().spans if span.label == last]
    for span in spans:
        until = "nobody knows when it had gone" if span.most is None else f"gone by {span.most:g} h"
        words = f"After-effects ({span.note}): felt at {span.least:g} h, {until}"
        found.append(Statement(words, f"{where}#after-effects"))
    days = [one for one in course.check_ins if begin is None or one.at >= begin]
    if days:
        words = f"{len(days)} check-in{'s' if len(days) > 1 else ''}"
        found.append(Statement(words, _since(patient_id, days[0].at), days[0].at))
    return found


def _kept(
    system: System, session: Session, patient_id: str, kind: str, begin: datetime | None
) -> list[Statement]:
    """The newest of a kind of record whose words the patient lets the team see. An intention is the
    one set before the last infusion or after; the rest is what came since."""
    rows = session.execute(
        select(Record, Message)
        .join(Message, Message.id == Record.message_id)
        .where(Record.patient_id == patient_id, Record.kind == kind)
        .order_by(Record.created_at.desc(), Record.id)
    ).all()
    open_or_new = [
        (row, message)
        for row, message in rows
        if begin is None or row.updated_at >= begin or kind == "intention" or row.state is None
    ]
    hidden = _hidden(system, session, [message for _, message in open_or_new])
    seen = [(row, message) for row, message in open_or_new if message.id not in hidden]
    seen = seen[: 1 if kind == "intention" else _MOST]
    places = {row.id: message.seq for row, message in seen}
    found = []
    for row, data in system.vault(session).documents(row for row, _ in seen):
        state = _STATES.get(row.state or "", "")
        source = _message(patient_id, places[row.id])
        found.append(Statement(_text(data), source, row.created_at, True, state))
    return found


def _quotes(patient_id: str, book: Notebook) -> list[Statement]:
    quotes = [one for one in book.all() if one.kind == "quote" and one.words]
    return [
        Statement(one.words, _message(patient_id, one.seq or 1), one.at, True, f"kept by {one.by}")
        for one in quotes[-_MOST:]
    ]


def _hidden(system: System, session: Session, messages: list[Message]) -> set[str]:
    ids = [message.id for message in messages]
    rows = session.scalars(select(RiskAssessment).where(RiskAssessment.message_id.in_(ids)))
    return withheld(session, system.words, messages, {row.message_id: row for row in rows})


def _text(data: dict[str, Any]) -> str:
    return str(data.get("text", ""))


def _message(patient_id: str, seq: int) -> str:
    return review.url(patient_id, max(1, seq - review.CONTEXT), place=f"#m-{seq}")


def _since(patient_id: str, at: datetime) -> str:
    moment = at.isoformat().replace("+", "%2B")
    return f"{HOME}/patients/{patient_id}/review?since={moment}"
