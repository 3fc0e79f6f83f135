"""The transcript as a document: days and infusions as landmarks, flagged words with the reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic.console import marks, wording
from clinic.console.withheld import withheld
from clinic.console.wording import When
from clinic.conversation import delivery
from clinic.records.models import (
    Conversation,
    Infusion,
    Message,
    Patient,
    Reader,
    RiskAssessment,
    Staff,
)
from clinic.system import System

PAGE = 100

_AUTHORS = {"bot": "Companion", "system": "Afterglow"}
_TURNS = {
    "waiting": "Waiting for the companion",
    "unanswered": "The companion did not answer; the patient was told so",
    "held": "For the clinician who had the conversation",
}
_UNSCREENED = (
    "Not screened: the detector failed on this message. It counts as urgent. Read it yourself."
)
_WITHHELD = "Part of a reflection the patient keeps private."
_UNASSESSED = "Not screened: there is no assessment of this message. Read it yourself."


@dataclass(frozen=True)
class Note:
    """Why, in the margin. ``number`` ties it to the marked words; 0: the whole message."""

    number: int
    level: str
    category: str
    reason: str
    source: str


@dataclass(frozen=True)
class Run:
    """A run of words; ``level`` is set and ``notes`` are numbers where they are marked."""

    text: str
    level: str
    notes: tuple[int, ...]


@dataclass(frozen=True)
class Turn:
    key: str
    seq: int
    author: str
    name: str
    role: str
    kind: str
    at: datetime
    runs: tuple[Run, ...]
    notes: tuple[Note, ...]
    level: str
    #: What became of a patient's message when the companion did not simply answer it.
    state: str
    #: Registry id and version of what the product said (invariant I7).
    source: str


@dataclass(frozen=True)
class Landmark:
    """A day or an infusion on the line beside the turns."""

    key: str
    kind: str
    words: str
    at: datetime


@dataclass(frozen=True)
class Page:
    entries: tuple[Turn | Landmark, ...]
    first: int
    last: int
    older: bool


def page(
    system: System,
    session: Session,
    conversation: Conversation,
    when: When,
    before: int | None = None,
    after: int | None = None,
) -> Page:
    """One page of turns, oldest first: the newest ones, those ``before`` or those ``after``."""
    query = select(Message).where(Message.conversation_id == conversation.id)
    if before is not None:
        query = query.where(Message.seq < before)
    if after is not None:
        query = query.where(Message.seq > after)
    found = list(session.scalars(query.order_by(Message.seq.desc()).limit(PAGE + 1)))
    older, messages = len(found) > PAGE, found[:PAGE][::-1]
    if not messages:
        return Page((), 0, 0, False)
    turns = _turns(system, session, conversation.patient, messages)
    newest = before is None
    begin = messages[0].created_at if older or after is not None else None
    end = None if newest else messages[-1].created_at
    infusions = _infusions(session, conversation.patient_id, when, begin, end)
    return Page(
        tuple(_with_days(sorted([*infusions, *turns], key=_order), when)),
        messages[0].seq,
        messages[-1].seq,
        older,
    )


def _turns(
    system: System, session: Session, patient: Patient, messages: Sequence[Message]
) -> list[Turn]:
    vault = system.vault(session)
    ids = [message.id for message in messages]
    assessments = {
        row.message_id: row
        for row in session.scalars(select(RiskAssessment).where(RiskAssessment.message_id.in_(ids)))
    }
    staff = {
        person.id: person
        for person in session.scalars(
            select(Staff).where(Staff.id.in_({m.staff_id for m in messages if m.staff_id}))
        )
    }
    seen = (
        session.get(Reader, (messages[0].conversation_id, delivery.PATIENT)) if messages else None
    )
    name = vault.name(patient)
    hidden = withheld(session, system.words, messages, assessments)
    return [
        _turn(
            message,
            _WITHHELD if message.id in hidden else vault.text(message, patient.id),
            assessments.get(message.id),
            staff.get(message.staff_id or ""),
            name,
            seen.seq if seen else 0,
        )
        for message in messages
    ]


def _turn(
    message: Message,
    text: str,
    assessment: RiskAssessment | None,
    person: Staff | None,
    patient_name: str,
    seen: int,
) -> Turn:
    groups = _by_rule(assessment)
    by_patient = message.author == "patient"
    whole = _about_all(message, assessment, bool(groups)) if by_patient else []
    notes = [_note(number, group) for number, group in enumerate(groups, 1)]
    return Turn(
        key=f"m-{message.seq}",
        seq=message.seq,
        author=message.author,
        name=person.name if person else _AUTHORS.get(message.author, patient_name),
        role=person.title if person else "",
        kind=message.kind,
        at=message.created_at,
        runs=tuple(_runs(text, groups)),
        notes=(*whole, *notes),
        level=assessment.level if assessment else "none",
        state=_state(message, seen),
        source=f"{message.content}, version {message.content_version}" if message.content else "",
    )


def _state(message: Message, seen: int) -> str:
    """What became of a message: a patient's turn, or whether the patient saw a person's words."""
    if message.author == "staff":
        return "Seen by the patient" if seen >= message.seq else "Not seen yet"
    by_patient = message.author == "patient" and message.kind != "open"
    return _TURNS.get(message.turn or "", "") if by_patient else ""


@dataclass(frozen=True)
class _Rule:
    """All the places one rule matched in one message."""

    rule: str
    version: int
    category: str
    level: str
    reason: str
    spans: tuple[tuple[int, int], ...]


def _by_rule(assessment: RiskAssessment | None) -> list[_Rule]:
    """Evidence of one message, one entry a rule, in the order of the words."""
    grouped: dict[tuple[str, int], list[dict[str, object]]] = {}
    evidence = sorted(assessment.evidence, key=lambda e: e["start"]) if assessment else []
    for item in evidence:
        grouped.setdefault((item["rule"], item["version"]), []).append(item)
    return [
        _Rule(
            rule=rule,
            version=version,
            category=str(items[0]["category"]),
            level=str(items[0]["level"]),
            reason=str(items[0]["reason"]),
            spans=tuple((int(str(i["start"])), int(str(i["end"]))) for i in items),
        )
        for (rule, version), items in grouped.items()
    ]


def _note(number: int, rule: _Rule) -> Note:
    return Note(
        number=number,
        level=rule.level,
        category=wording.CATEGORIES.get(rule.category, rule.category),
        reason=rule.reason,
        source=f"{rule.rule}, version {rule.version}",
    )


def _about_all(message: Message, assessment: RiskAssessment | None, marked: bool) -> list[Note]:
    """Notes about a whole message: not screened, or a level that no single words explain."""
    if assessment is None:
        spoken = message.kind in ("say", "choice")
        return [Note(0, "urgent", "", _UNASSESSED, "")] if spoken else []
    if assessment.unscreened:
        return [Note(0, "urgent", "", _UNSCREENED, "")]
    if assessment.level == "none" or marked:
        return []
    kinds = ", ".join(wording.CATEGORIES.get(c, c) for c in assessment.categories)
    if message.kind == "choice":
        return [Note(0, assessment.level, kinds, "The button pressed means this.", "")]
    score = "" if assessment.score is None else f"score {assessment.score:.2f}"
    return [
        Note(0, assessment.level, kinds, "The message as a whole, with those before it.", score)
    ]


def _runs(text: str, rules: Sequence[_Rule]) -> Iterable[Run]:
    spans = [(span, number) for number, rule in enumerate(rules) for span in rule.spans]
    for part in marks.cut(text, [span for span, _ in spans]):
        covering = sorted({spans[n][1] for n in part.notes})
        levels = [Level.of(rules[number].level) for number in covering]
        yield Run(
            part.text,
            max(levels).name if levels else "",
            tuple(number + 1 for number in covering),
        )


def _infusions(
    session: Session,
    patient_id: str,
    when: When,
    begin: datetime | None,
    end: datetime | None,
) -> list[Landmark]:
    rows = session.scalars(select(Infusion).where(Infusion.patient_id == patient_id))
    return [
        Landmark(f"infusion-{row.number}", "infusion", _said(row, when), row.started_at)
        for row in rows
        if not row.cancelled
        and row.started_at <= when.now
        and (begin is None or row.started_at >= begin)
        and (end is None or row.started_at <= end)
    ]


def _said(row: Infusion, when: When) -> str:
    span = f"from {when.clock(row.started_at)}"
    if row.ended_at is not None and row.ended_at <= when.now:
        span = f"{when.clock(row.started_at)} to {when.clock(row.ended_at)}"
    return f"Infusion {row.number}, {span}"


def _order(entry: Turn | Landmark) -> tuple[datetime, int]:
    return entry.at, entry.seq if isinstance(entry, Turn) else -1


def _with_days(entries: Sequence[Turn | Landmark], when: When) -> Iterable[Turn | Landmark]:
    day = None
    for entry in entries:
        if when.day(entry.at) != day:
            day = when.day(entry.at)
            yield Landmark(f"day-{day.isoformat()}", "day", when.heading(entry.at), entry.at)
        yield entry
