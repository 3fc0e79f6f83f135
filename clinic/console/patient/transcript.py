"""The transcript as a document: what was said and written, with landmarks, flagged words with the
reason. A row that does not open is shown as such; the rest of the page lives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import opinion
from bot.risk.levels import Level
from clinic.console import wording
from clinic.console.patient import landmarks, marks
from clinic.console.patient.landmarks import Landmark, Stretch
from clinic.console.patient.withheld import withheld
from clinic.console.wording import When
from clinic.conversation import delivery
from clinic.journal import entries
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    Conversation,
    Message,
    Patient,
    Reader,
    Record,
    RecordMessage,
    RiskAssessment,
    Staff,
)
from clinic.records.vault import Vault
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
_ERASED = "A page of the journal. The patient deleted it."
_UNASSESSED = "Not screened: there is no assessment of this message. Read it yourself."
#: What the edge says when the conversation changes hands (conversation/handoff.py).
_HAND_OFFS = {
    "conversation.human_has_joined",
    "conversation.human_has_left",
    "handoff.went_silent",
}


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
    #: Of words that belong to a journal entry: which, and whether it is shared.
    journal: str = ""
    #: The conversation changes hands here.
    hand_off: bool = False
    #: Letters of the text shown; a very long one gets a field of its own to scroll in.
    size: int = 0
    #: A person may quote it: it opens, and it is not kept by the patient.
    plain: bool = True


@dataclass(frozen=True)
class Page:
    entries: tuple[Turn | Landmark, ...]
    first: int
    last: int
    older: bool
    newer: bool = False


def page(
    system: System,
    session: Session,
    conversation: Conversation,
    when: When,
    before: int | None = None,
    after: int | None = None,
    start: int | None = None,
    size: int = PAGE,
) -> Page:
    """One page of turns, oldest first: the newest ones, those ``before`` or those ``after``; or the
    oldest ones from ``start`` on."""
    query = select(Message).where(Message.conversation_id == conversation.id)
    if start is not None:
        query = query.where(Message.seq >= start).order_by(Message.seq)
    elif before is not None:
        query = query.where(Message.seq < before).order_by(Message.seq.desc())
    else:
        query = query.where(Message.seq > (after or 0)).order_by(Message.seq.desc())
    found = list(session.scalars(query.limit(size + 1)))
    more, messages = len(found) > size, found[:size]
    if start is None:
        messages = messages[::-1]
    if not messages:
        return Page((), 0, 0, False)
    older = messages[0].seq > 1 if start is not None else more
    newer = more if start is not None else before is not None
    turns = _turns(system, session, conversation.patient, messages)
    stretch = Stretch(
        messages[0].created_at if older or after is not None else None,
        _next_at(session, messages[-1]) if newer else None,
    )
    patient_id = conversation.patient_id
    marked = landmarks.within(system, session, patient_id, when, stretch)
    line: list[Turn | Landmark] = [*marked, *turns]
    line.sort(key=_order)
    return Page(
        tuple(landmarks.between(session, patient_id, line, when, _spoken)),
        messages[0].seq,
        messages[-1].seq,
        older,
        newer,
    )


def _next_at(session: Session, message: Message) -> datetime | None:
    """When the message after this one came: what happened until then stands on this page."""
    return session.scalars(
        select(Message.created_at).where(
            Message.conversation_id == message.conversation_id, Message.seq == message.seq + 1
        )
    ).first()


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
    name = vault.shown_name(patient)
    hidden = withheld(session, system.words, messages, assessments)
    pages = _journal(system, session, ids)
    return [
        _turn(
            message,
            *_said(vault, message, patient.id, message.id in hidden),
            assessments.get(message.id),
            staff.get(message.staff_id or ""),
            name,
            seen.seq if seen else 0,
            pages.get(message.id, ""),
        )
        for message in messages
    ]


def _said(vault: Vault, message: Message, patient_id: str, hidden: bool) -> tuple[str | None, str]:
    """The words, or None and what is shown instead."""
    if hidden:
        return None, _WITHHELD
    try:
        text = vault.text(message, patient_id)
    except CryptoError:
        return None, wording.UNREADABLE
    # Nothing empty is ever taken in: a page of the journal was here (journal/erasing.py).
    erased = not text and not message.spoken
    return (None, _ERASED) if erased else (text, "")


def _journal(system: System, session: Session, ids: Sequence[str]) -> dict[str, str]:
    """What is said of messages that belong to a journal entry. Only a shared one is opened."""
    found = session.execute(
        select(RecordMessage.message_id, Record)
        .join(Record, Record.id == RecordMessage.record_id)
        .where(RecordMessage.message_id.in_(ids), Record.kind == entries.KIND)
    )
    return {message_id: _entry(system, session, row) for message_id, row in found}


def _entry(system: System, session: Session, row: Record) -> str:
    if row.sharing != "shared":
        return "In the journal, not shared"
    try:
        parts = system.vault(session).data(row)["parts"]
    except CryptoError:
        return "In the journal, shared"
    asked = parts[0]["prompt"] if len(parts) == 1 else ""
    question = system.words.item(asked).variants[0] if asked in system.words else ""
    return f"In the journal, shared. {question}".rstrip()


def _turn(
    message: Message,
    text: str | None,
    otherwise: str,
    assessment: RiskAssessment | None,
    person: Staff | None,
    patient_name: str,
    seen: int,
    journal: str,
) -> Turn:
    """``text`` is None when it cannot or may not be shown; ``otherwise`` says why."""
    groups = _by_rule(assessment)
    by_patient = message.author == "patient"
    whole = _about_all(message, assessment, bool(groups)) if by_patient else []
    score = _score(assessment)
    notes = [_note(number, group, score) for number, group in enumerate(groups, 1)]
    return Turn(
        key=f"m-{message.seq}",
        seq=message.seq,
        author=message.author,
        name=person.name if person else _AUTHORS.get(message.author, patient_name),
        role=person.title if person else "",
        kind=message.kind,
        at=message.created_at,
        runs=tuple(_runs(text, groups)) if text is not None else (Run(otherwise, "", ()),),
        notes=(*whole, *notes),
        level=assessment.level if assessment else "none",
        state=_state(message, seen),
        source=f"{message.content}, version {message.content_version}" if message.content else "",
        journal=journal,
        hand_off=message.content in _HAND_OFFS,
        size=len(text or ""),
        plain=text is not None,
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


def _score(assessment: RiskAssessment | None) -> str:
    if assessment is None or assessment.score is None:
        return ""
    return f"score {assessment.score:.2f}"


def _note(number: int, rule: _Rule, score: str) -> Note:
    return Note(
        number=number,
        level=rule.level,
        category=wording.CATEGORIES.get(rule.category, rule.category),
        reason=rule.reason,
        source=f"{rule.rule}, version {rule.version}"
        + (f", {score}" if score and opinion.guessed(rule.rule) else ""),
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
    source = ", ".join(part for part in (f"rules {assessment.rules}", _score(assessment)) if part)
    return [
        Note(0, assessment.level, kinds, "The message as a whole, with those before it.", source)
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


def _spoken(entry: Turn | Landmark) -> bool:
    return isinstance(entry, Turn)


def _order(entry: Turn | Landmark) -> tuple[datetime, int, int]:
    """At one moment an infusion stands before the words, and what came of them after."""
    if isinstance(entry, Turn):
        return entry.at, 1, entry.seq
    return entry.at, 0 if entry.kind == "infusion" else 2, 0
