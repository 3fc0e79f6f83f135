"""Was the detector right? One person says which level a message should have had, a second one says
it without knowing of the first, and where they differ somebody else decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from bot.contract import RISK_CATEGORIES
from bot.risk.levels import Level
from clinic.console import relations, wording
from clinic.console.review.agreement import Agreement, agreement
from clinic.console.review.annotations import span
from clinic.conversation import whereabouts
from clinic.people import NotPossibleError
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    Conversation,
    Judgement,
    Message,
    RiskAssessment,
    Staff,
    TestSentence,
)
from clinic.records.vault import UNREADABLE
from clinic.system import System

LEVELS = tuple(level.name for level in Level)
_LONGEST = 4_000


@dataclass(frozen=True)
class Opinion:
    """One person's, as the page says it."""

    by: str
    level: str
    verdict: str
    words: str
    at: datetime
    final: bool


@dataclass(frozen=True)
class Standing:
    """How it stands with one message, for one reader. What others said stays hidden until one has
    said one's own, or two have and they differ."""

    said: str
    #: first, second: one's own reading is wanted; decide: two differ; done: nothing is wanted.
    wanted: str
    opinions: tuple[Opinion, ...]
    #: What counts, once two agree or somebody has decided.
    settled: str
    #: The reworded sentence; empty: none yet; None: there is one that cannot be opened.
    sentence: str | None


@dataclass(frozen=True)
class Waiting:
    """A message that waits for a second reader or a decision."""

    patient_id: str
    seq: int
    at: datetime
    wanted: str


def standing(system: System, session: Session, message: Message, staff: Staff) -> Standing | None:
    """None when the message was never assessed: there is nothing to judge."""
    assessment = session.get(RiskAssessment, message.id)
    if assessment is None:
        return None
    rows = _of(session, [message.id])
    wanted = _wanted(rows, staff.id)
    shown = rows if wanted in ("decide", "done") else []
    return Standing(
        said=assessment.level,
        wanted=wanted,
        opinions=tuple(_opinion(system, session, message, row) for row in shown),
        settled=_settled(rows),
        sentence=_sentence(system, session, message),
    )


def judge(
    system: System,
    session: Session,
    message: Message,
    staff: Staff,
    level: str,
    category: str,
    words: str,
) -> None:
    """Raises NotPossibleError in words for the page."""
    assessment = session.get(RiskAssessment, message.id)
    wanted = _wanted(_of(session, [message.id]), staff.id)
    if assessment is None or wanted == "done":
        raise NotPossibleError("There is nothing to judge here any more.")
    if level not in LEVELS:
        raise NotPossibleError("Choose the level the message should have had.")
    missed = verdict(assessment.level, level) == "missed"
    if missed and category not in RISK_CATEGORIES:
        raise NotPossibleError("Choose what kind of risk was missed.")
    starts, ends = _span(system, session, message, words) if missed else (None, None)
    session.add(
        Judgement(
            message_id=message.id,
            staff_id=staff.id,
            level=level,
            category=category if missed else None,
            starts=starts,
            ends=ends,
            said=assessment.level,
            rules=assessment.rules,
            final=wanted == "decide",
            at=system.clock.now(),
        )
    )
    _note(system, session, message, staff, "judgement.add", level=level)


def reword(
    system: System, session: Session, message: Message, staff: Staff, text: str, confirmed: bool
) -> None:
    """Keep a sentence for the tests. Only with the person's own word that nobody is known by it."""
    if not _settled(_of(session, [message.id])):
        raise NotPossibleError("Two readers have to agree first, or somebody has to decide.")
    if not confirmed:
        raise NotPossibleError("Confirm that nobody can be known from these words.")
    clean = " ".join(text.split())
    if not clean or len(clean) > _LONGEST:
        raise NotPossibleError(f"A sentence has 1 to {_LONGEST} characters.")
    patient_id = session.get_one(Conversation, message.conversation_id).patient_id
    vault = system.vault(session)
    session.merge(
        TestSentence(
            message_id=message.id,
            patient_id=patient_id,
            text_sealed=vault.seal(patient_id, "test_sentence", "text", message.id, clean),
            confirmed_by=staff.id,
            confirmed_at=system.clock.now(),
        )
    )
    _note(system, session, message, staff, "judgement.reword")


def verdict(said: str, level: str) -> str:
    """ "right", "false_alarm" or "missed"."""
    if said == level:
        return "right"
    return "false_alarm" if Level.of(said) > Level.of(level) else "missed"


def agreed(session: Session) -> Agreement:
    """Of the first two readers of every message that has two."""
    readers: dict[str, list[str]] = {}
    rows = session.execute(
        select(Judgement.message_id, Judgement.level)
        .where(Judgement.final.is_(False))
        .order_by(Judgement.at, Judgement.id)
    )
    for message_id, level in rows:
        readers.setdefault(message_id, []).append(level)
    return agreement([(said[0], said[1]) for said in readers.values() if len(said) >= 2])


def tally(session: Session) -> dict[str, int]:
    """Readings so far by verdict."""
    rows = session.execute(
        select(Judgement.said, Judgement.level, func.count())
        .where(Judgement.final.is_(False))
        .group_by(Judgement.said, Judgement.level)
    )
    counts = dict.fromkeys(wording.VERDICTS, 0)
    for said, level, count in rows:
        counts[verdict(said, level)] += count
    return counts


def waiting(session: Session, staff: Staff, patient_ids: Collection[str]) -> list[Waiting]:
    """What waits for this person, oldest first: among patients they may read."""
    half = _half_judged(staff.id).subquery()
    rows = session.execute(
        select(Conversation.patient_id, Message.seq, Message.created_at, half.c.readers)
        .join(Message, Message.conversation_id == Conversation.id)
        .join(half, half.c.message_id == Message.id)
        .where(Conversation.patient_id.in_(patient_ids))
        .order_by(Message.created_at, Message.id)
    )
    return [
        Waiting(patient_id, seq, at, "second" if readers == 1 else "decide")
        for patient_id, seq, at, readers in rows
    ]


def count(session: Session, staff: Staff, now: datetime) -> int:
    """How many wait for this person. Every page asks: mostly nothing waits for anybody."""
    if session.execute(_half_judged(staff.id).limit(1)).first() is None:
        return 0
    return len(waiting(session, staff, relations.readable(session, staff, now)))


def _half_judged(staff_id: str) -> Select[str, int]:
    """Messages with one reading, or with two that differ, none of them this person's."""
    mine = func.sum(case((Judgement.staff_id == staff_id, 1), else_=0))
    readers, levels = func.count(), func.count(Judgement.level.distinct())
    return (
        select(Judgement.message_id, readers.label("readers"))
        .group_by(Judgement.message_id)
        .having(mine == 0, or_(readers == 1, and_(readers == 2, levels == 2)))
    )


def regression_set(system: System, session: Session, patient_ids: Collection[str]) -> str:
    """The confirmed sentences of these patients, as tests/risk reads them: groups with the levels
    between which the detector must come out. What cannot be opened is counted in the first line."""
    groups: dict[tuple[str, str, str, float | None], list[str]] = {}
    lost = 0
    rows = session.execute(
        select(TestSentence, Message)
        .join(Message, Message.id == TestSentence.message_id)
        .where(TestSentence.patient_id.in_(patient_ids))
        .order_by(TestSentence.confirmed_at, TestSentence.message_id)
    )
    for row, message in rows:
        sentence = _sentence(system, session, message)
        if sentence is None:
            lost += 1
            continue
        named = _group(session, row, message)
        groups.setdefault(named, []).append(sentence)
    said = f"# {lost} {'sentence' if lost == 1 else 'sentences'} left out: cannot be opened.\n"
    return (said if lost else "") + yaml.safe_dump(
        [_written(*named, texts) for named, texts in sorted(groups.items(), key=str)],
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def _group(
    session: Session, row: TestSentence, message: Message
) -> tuple[str, str, str, float | None]:
    """(least level, most level, category or nothing, hours since the infusion) of a sentence.

    A graver level is no failure of a grave one, but where a graver one was the false alarm."""
    judged = _of(session, [message.id])
    level = _settled(judged)
    assessed = session.get_one(RiskAssessment, message.id)
    grave = Level.of(level) >= Level.urgent and verdict(assessed.level, level) != "false_alarm"
    missed = [one.category for one in judged if one.category and one.level == level]
    kind = next(iter([*missed, *assessed.categories]), "")
    place = whereabouts.place(session, row.patient_id, message.created_at)
    hours = round(place.hours_since, 1) if place.hours_since is not None else None
    return level, "emergency" if grave else level, kind, hours


def _written(
    level: str, most: str, kind: str, hours: float | None, texts: list[str]
) -> dict[str, Any]:
    """As the file has it. Where nothing was seen and nothing missed, there is no kind to name."""
    return {
        "name": f"judged {level}, {kind}" if kind else f"judged {level}",
        "at_least": level,
        "at_most": most,
        **({"category": kind} if kind else {}),
        "hours": hours,
        "texts": texts,
    }


def _of(session: Session, message_ids: Sequence[str]) -> list[Judgement]:
    return list(
        session.scalars(
            select(Judgement)
            .where(Judgement.message_id.in_(message_ids))
            .order_by(Judgement.at, Judgement.id)
        )
    )


def _wanted(rows: Iterable[Judgement], staff_id: str) -> str:
    held = list(rows)
    if any(row.staff_id == staff_id for row in held):
        return "done"
    if not held:
        return "first"
    if len(held) == 1:
        return "second"
    return "done" if _settled(held) else "decide"


def _settled(rows: Sequence[Judgement]) -> str:
    """The level that counts; empty while there is none."""
    final = next((row.level for row in rows if row.final), "")
    if final or len(rows) < 2:
        return final
    return rows[0].level if rows[0].level == rows[1].level else ""


def _span(system: System, session: Session, message: Message, words: str) -> tuple[int, int]:
    patient_id = session.get_one(Conversation, message.conversation_id).patient_id
    try:
        return span(system.vault(session).text(message, patient_id), words)
    except CryptoError:
        raise NotPossibleError(wording.UNREADABLE) from None


def _opinion(system: System, session: Session, message: Message, row: Judgement) -> Opinion:
    words = ""
    if row.starts is not None:
        patient_id = session.get_one(Conversation, message.conversation_id).patient_id
        try:
            words = system.vault(session).text(message, patient_id)[row.starts : row.ends]
        except CryptoError:
            words = UNREADABLE
    person = session.get_one(Staff, row.staff_id)
    level, said = row.level, verdict(row.said, row.level)
    return Opinion(person.name, level, said, words, row.at, row.final)


def _sentence(system: System, session: Session, message: Message) -> str | None:
    row = session.get(TestSentence, message.id)
    if row is None:
        return ""
    try:
        cipher = system.vault(session).cipher(row.patient_id)
        return cipher.open("test_sentence", "text", row.message_id, row.text_sealed)
    except CryptoError:
        return None


def _note(
    system: System, session: Session, message: Message, staff: Staff, act: str, **detail: str
) -> None:
    patient_id = session.get_one(Conversation, message.conversation_id).patient_id
    now, who = system.clock.now(), f"staff:{staff.id}"
    system.audit.add(session, now, who, act, f"message:{message.id}", patient_id, **detail)
