"""One page before a visit: what happened since the last infusion, each line with its source.

Nothing is made up or put into other words: lines are figures, states, or the patient's own words as
they stand. Words the patient keeps are not here, as nowhere on the desk (withheld.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic.console import wording
from clinic.console.desk import HOME, Desk, zone
from clinic.console.inbox import queue
from clinic.console.patient import person, safety
from clinic.console.patient.own_words import OwnWords, Statement
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
    RiskAssessment,
    Staff,
)
from clinic.system import System

#: Records of words, in the order of the page, with what stands where there is none.
_WORDS = (
    (
        "team_question",
        "Questions for the team",
        "None shared. The companion asks for them before each infusion.",
    ),
    (
        "stressor",
        "What weighs on them",
        "Nothing shared. Between infusions the companion asks about stress.",
    ),
)
_LATER_WORDS = (
    ("small_step", "Steps", "None shared. On day 3 the companion asks for one small step."),
    (
        "parked_decision",
        "Parked decisions",
        "None shared. In the evening the companion asks what had better wait.",
    ),
)
#: Lines of a section of words; the rest is counted, and one press away.
_MOST = 6


@dataclass(frozen=True)
class Section:
    title: str
    statements: tuple[Statement, ...]
    empty: str
    #: How many lines were left out, and where they stand.
    more: Statement | None = None


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
        everything: Annotated[bool, Query(alias="all")] = False,
    ) -> Response:
        with desk.reading(who, patient_id) as (session, reason):
            found = sheet(system, session, patient_id, who.staff, since, everything)
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
    system: System,
    session: Session,
    patient_id: str,
    staff: Staff,
    since: datetime | None = None,
    everything: bool = False,
) -> Sheet:
    """What stands in it for this reader; ``since`` (aware), else the last infusion's start.
    ``everything``: also where that takes longer than a minute."""
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
        sections=_sections(system, session, patient_id, course, book, begin, when, everything),
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
    everything: bool,
) -> list[Section]:
    own = OwnWords(system, session, patient_id, begin)
    rest = "" if everything else _rest(patient_id, begin)
    return [
        Section(
            "Risk", tuple(_risk(session, patient_id, begin, when)), "Nothing flagged, no alert."
        ),
        Section(
            "Measures",
            tuple(_measures(system, session, patient_id, course)),
            "None finished. The companion offers what is due when the patient writes.",
        ),
        Section(
            "Since then",
            tuple(_course(patient_id, course, begin)),
            "Nothing answered yet. The companion asks in the evening and on the days after.",
        ),
        *(_words(title, own.records(kind), empty, rest) for kind, title, empty in _WORDS),
        Section(
            "Intention, and what came of it",
            tuple(own.intention(course.infusions)),
            "None shared. The companion offers one before each infusion.",
        ),
        *(_words(title, own.records(kind), empty, rest) for kind, title, empty in _LATER_WORDS),
        _words(
            "In the patient's words",
            own.themes(book),
            "Nothing shared or quoted. “Note, tag, quote” beside a message puts words here.",
            rest,
        ),
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
        found.append(Statement(words, review.since(patient_id, alert.opened_at), alert.opened_at))
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
        found.append(Statement(words, review.at_message(patient_id, seq), at))
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
            found.append(Statement(words, review.since(patient_id, row.at), row.at))
    last = f"Infusion {course.infusions[-1].number}" if course.infusions else ""
    spans = [span for span in course.after_effects().spans if span.label == last]
    for span in spans:
        until = "nobody knows when it had gone" if span.most is None else f"gone by {span.most:g} h"
        words = f"After-effects ({span.note}): felt at {span.least:g} h, {until}"
        found.append(Statement(words, f"{where}#after-effects"))
    days = [one for one in course.check_ins if begin is None or one.at >= begin]
    if days:
        words = f"{len(days)} check-in{'s' if len(days) > 1 else ''}"
        found.append(Statement(words, review.since(patient_id, days[0].at), days[0].at))
    return found


def _words(title: str, statements: list[Statement], empty: str, rest: str) -> Section:
    """As much as can be read in a minute; ``rest``: where all of it stands, empty if here."""
    left = len(statements) - _MOST if rest else 0
    if left <= 0:
        return Section(title, tuple(statements), empty)
    return Section(title, tuple(statements[:_MOST]), empty, Statement(f"and {left} more", rest))


def _rest(patient_id: str, begin: datetime | None) -> str:
    since = f"&since={quote(begin.isoformat())}" if begin else ""
    return f"{HOME}/patients/{patient_id}/summary?all=1{since}"
