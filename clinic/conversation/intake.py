"""A patient's message comes in: assessed, stored, escalated, all in one transaction.

What this module returns has been committed. If it raises, nothing was stored and the patient must
be told so. Nothing here waits for the assistant (invariants I1, I2, I4).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.content import Choice, Item
from bot.risk.levels import Assessment, Context, Level, State
from bot.screener import about
from bot.spoken import spoken
from bot.stages import Place
from clinic import medical_history
from clinic.conversation import delivery, lease, measuring, nights, typed, whereabouts
from clinic.conversation.screening import screen
from clinic.conversation.typed import NotAcceptedError
from clinic.escalation import machine, policy
from clinic.records.models import Clinic, Conversation, Message, RiskAssessment
from clinic.system import System

#: How many earlier messages the detector sees, and how far back.
_HISTORY = 12
_HISTORY_REACH = timedelta(days=3)
#: The crisis card is not shown again within this time unless the level rises.
_CARD_AGAIN = timedelta(minutes=10)
#: Which card: the body's, or danger between people; everything else is the crisis line's.
_CARDS = {
    "medical": "safety.card_medical",
    "others": "safety.card_danger",
    "self": "safety.card",
}


#: Stores a message's words somewhere else as well, in the transaction that stores the message.
Keep = Callable[[Session, Message], None]


@dataclass(frozen=True)
class Received:
    """What the page gets back at once: the stored message and what the edge itself said."""

    message: dict[str, Any]
    replies: list[dict[str, Any]]
    replayed: bool


@dataclass(frozen=True)
class _Words:
    """A message's words after normalising, or a tapped button."""

    text: str
    kind: str = "say"
    payload: str | None = None
    #: The safety question this answers, by tap or in plain words, and the answer.
    question: Item | None = None
    answer: Choice | None = None
    keep: Keep | None = None


def receive_text(system: System, conversation_id: str, text: str, key: str) -> Received:
    """Take typed words. Raises NotAcceptedError for nothing at all or too much."""
    clean = typed.accepted(text, system.settings.max_message_chars)
    now = system.clock.now()
    with system.database.read() as session:
        question = _open_question(system, session, conversation_id)
        situation = _situation(system, session, conversation_id, now)
    answer = question.choice_typed(clean, situation[1].limits) if question else None
    words = _Words(clean, question=question, answer=answer)
    return _receive(system, conversation_id, words, situation, now, key)


def receive_entry(
    system: System, conversation_id: str, text: str, key: str, keep: Keep
) -> Received:
    """Take a page of the journal; ``keep`` stores it there, in the same transaction. It is assessed
    like any words. Raises NotAcceptedError for nothing at all or too much."""
    clean = typed.accepted(text, system.settings.max_message_chars)
    now = system.clock.now()
    with system.database.read() as session:
        situation = _situation(system, session, conversation_id, now)
    words = _Words(clean, keep=keep)
    return _receive(system, conversation_id, words, situation, now, key)


def receive_choice(
    system: System, conversation_id: str, message_id: str, choice_id: str, key: str
) -> Received:
    """Take a tap on a button this service issued. Anything else is refused, and so is a button the
    conversation has left behind: an old "No" must not answer a new question."""
    now = system.clock.now()
    with system.database.read() as session:
        earlier = _with_key(session, conversation_id, key)
        asked = session.get(Message, message_id)
        if asked is None or asked.conversation_id != conversation_id or not asked.content:
            raise NotAcceptedError("unknown-choice", "That button is not known. Nothing was sent.")
        stored = next((c for c in asked.choices if c["id"] == choice_id), None)
        if stored is None:
            raise NotAcceptedError("unknown-choice", "That button is not known. Nothing was sent.")
        newest = _newest_asking(session, conversation_id)
        if earlier is None and (newest is None or newest.id != asked.id):
            raise NotAcceptedError("moved-on", "The conversation has moved on. Nothing was sent.")
        question = system.words.item(asked.content) if asked.content in system.words else None
        situation = _situation(system, session, conversation_id, now)
    answer = question.choice(choice_id) if question else None
    words = _Words(stored["title"], "choice", stored["payload"], question, answer)
    return _receive(system, conversation_id, words, situation, now, key)


def _receive(
    system: System,
    conversation_id: str,
    words: _Words,
    situation: tuple[State, Context],
    now: datetime,
    key: str,
) -> Received:
    # Outside the write lock: a slow screening must not hold up other patients.
    assessment = _assess(system, words, *situation)
    with system.database.write() as session:
        conversation = delivery.locked(session, conversation_id)
        earlier = _with_key(session, conversation_id, key)
        if earlier is not None:
            return _replay(system, session, conversation, earlier)
        if words.kind == "say":
            assessment = medical_history.weighed(
                system, session, conversation.patient_id, assessment
            )
            assessment = nights.weighed(session, conversation, words.text, assessment, now)
        turn = _turn(conversation, words, assessment)
        if turn == "waiting":
            # Here, so that the turn itself need not wait for another transaction.
            lease.take(system, conversation, now)
        message = delivery.append(
            system,
            session,
            conversation,
            "patient",
            words.text,
            kind=words.kind,
            key=key,
            payload=words.payload,
            turn=turn,
        )
        if words.keep:
            message.spoken = turn is not None
            words.keep(session, message)
        assessment, completes = _keep_answer(
            system, session, conversation, message, words, assessment
        )
        session.add(_row(message, assessment, now))
        level = _new_worry(conversation, assessment)
        locale = spoken(words.text) if level and words.kind == "say" else None
        risen = _settle_risk(conversation, assessment, completes, now)
        replies = []
        if level >= Level.urgent:
            machine.raise_alert(
                system,
                session,
                conversation,
                level,
                assessment.categories,
                _reason(assessment),
                message.id,
            )
            if risen or not _card_shown(session, conversation_id, now):
                replies.append(_card(system, session, conversation, assessment, message, locale))
                if locale:
                    replies.append(_wait(system, session, conversation, message, locale))
        elif locale and level == Level.watch:
            _call_reader(system, session, conversation, message, locale)
            replies.append(_wait(system, session, conversation, message, locale))
        system.audit.add(
            session,
            now,
            f"patient:{conversation.patient_id}",
            "message.receive",
            f"message:{message.id}",
            conversation.patient_id,
            level=assessment.level.name,
            unscreened=assessment.unscreened,
        )
        vault = system.vault(session)
        return Received(
            delivery.as_json(message, vault, conversation),
            [delivery.as_json(reply, vault, conversation) for reply in replies],
            replayed=False,
        )


def _turn(conversation: Conversation, words: _Words, assessment: Assessment) -> str | None:
    """The state of a message's turn. A page of the journal asks for none; one that shows risk, or
    is written while there is worry, is said like anything else."""
    worry = assessment.unscreened or conversation.risk_level != "none"
    if words.keep and not worry and _new_worry(conversation, assessment) == Level.none:
        return None
    return "waiting" if conversation.mode == "bot" else "held"


def _assess(system: System, words: _Words, state: State, context: Context) -> Assessment:
    """What the words show; an answer to a safety question means what the registry says."""
    assessment = Assessment(Level.none, state.level, rules="answers")
    if words.kind != "choice":
        assessment = screen(words.text, state, context, system.settings.screen_deadline)
    if words.question is None or words.answer is None or words.answer.raises is None:
        return assessment
    return _raised(assessment, Level.of(words.answer.raises), words, state.categories)


def _raised(
    assessment: Assessment, level: Level, words: _Words, categories: Collection[str]
) -> Assessment:
    """The assessment with what the answer means added. It can only rise."""
    if words.question is None or words.answer is None:
        return assessment
    level = max(assessment.level, level)
    asked = words.question.asks
    kinds = (set(asked) & set(categories)) or set(asked[:1]) or {"suicide"}
    return dataclasses.replace(
        assessment,
        level=level,
        conversation_level=max(level, assessment.conversation_level),
        categories=tuple(sorted({*assessment.categories, *kinds})),
        notes=(*assessment.notes, f"{words.question.id}.{words.answer.id}"),
    )


def _keep_answer(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    words: _Words,
    assessment: Assessment,
) -> tuple[Assessment, tuple[str, ...]]:
    """Store the answer to a measure's question. Returns the assessment with what it means beside
    earlier answers, and the kinds of risk whose gentle screen this message completes."""
    question, answer = words.question, words.answer
    if question is None or answer is None:
        return assessment, ()
    if question.measure is None or answer.value is None:
        return assessment, question.asks if answer.completes_screen else ()
    weighed = measuring.answered(system, session, conversation, message, question, answer.value)
    if weighed.level > assessment.level:
        assessment = _raised(assessment, weighed.level, words, conversation.risk_categories)
    return assessment, weighed.completes


def _open_question(system: System, session: Session, conversation_id: str) -> Item | None:
    """The question on the page whose answers mean something to the edge, not answered yet. While a
    human writes, a typed "yes" is theirs to read."""
    asked = _newest_asking(session, conversation_id)
    if asked is None or asked.content not in system.words:
        return None
    if session.get_one(Conversation, conversation_id).mode == "human":
        return None
    item = system.words.item(str(asked.content))
    return item if item.asks or item.measure else None


def _newest_asking(session: Session, conversation_id: str) -> Message | None:
    """The newest message that offers answers: only its buttons are live."""
    said = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.content.is_not(None))
        .order_by(Message.seq.desc())
        .limit(10)
    )
    return next((message for message in said if message.choices), None)


def _situation(
    system: System, session: Session, conversation_id: str, now: datetime
) -> tuple[State, Context]:
    conversation = session.get_one(Conversation, conversation_id)
    vault = system.vault(session)
    recent = session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == "patient",
            Message.kind == "say",
            Message.created_at > now - _HISTORY_REACH,
        )
        .order_by(Message.seq.desc())
        .limit(_HISTORY)
    )
    history = tuple(vault.shown_text(m, conversation.patient_id) for m in recent)[::-1]
    where: Place = whereabouts.place(session, conversation.patient_id, now)
    limits = whereabouts.clock(session.get_one(Clinic, 1)).limits
    return (
        State(Level.of(conversation.risk_level), tuple(conversation.risk_categories), history),
        Context(where.hours_since, where.stage, limits),
    )


def _new_worry(conversation: Conversation, assessment: Assessment) -> Level:
    """The level this message brings: its own, or that of the conversation it lifts (three gentle
    worries in a row are one urgent one). What was there before is not raised again."""
    lifted = assessment.conversation_level
    return lifted if lifted > Level.of(conversation.risk_level) else assessment.level


def _settle_risk(
    conversation: Conversation, assessment: Assessment, completes: Collection[str], now: datetime
) -> bool:
    """Move the conversation's risk; returns whether it rose. Down only by a completed screen."""
    current = Level.of(conversation.risk_level)
    if completes and current == Level.watch and assessment.level == Level.none:
        _complete_screen(conversation, completes)
        return False
    raised = max(current, assessment.level, assessment.conversation_level)
    if assessment.level > Level.none:
        conversation.risk_categories = sorted(
            {*conversation.risk_categories, *assessment.categories}
        )
    if raised == current:
        return False
    conversation.risk_level, conversation.risk_since = raised.name, now
    waits = policy.load()["watch_minutes"]
    conversation.watch_until = now + timedelta(minutes=waits) if raised == Level.watch else None
    return True


def _complete_screen(conversation: Conversation, asked: Collection[str]) -> None:
    """A "no" lowers what was asked about, and nothing else (I5)."""
    left = sorted(set(conversation.risk_categories) - set(asked))
    conversation.risk_categories = left
    if not left:
        conversation.risk_level = "none"
        conversation.risk_since = conversation.watch_until = None


def _card(
    system: System,
    session: Session,
    conversation: Conversation,
    assessment: Assessment,
    message: Message,
    locale: str | None,
) -> Message:
    content = _CARDS[about(assessment.categories)]
    return delivery.say(
        system,
        session,
        conversation,
        content,
        author="system",
        reply_to=message.id,
        locale=locale,
    )


def _call_reader(
    system: System, session: Session, conversation: Conversation, message: Message, locale: str
) -> None:
    """The rules cannot read this language, so a human has to."""
    kinds = conversation.risk_categories
    reason = f"language.{locale}"
    machine.raise_alert(system, session, conversation, Level.urgent, kinds, reason, message.id)


def _wait(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    locale: str,
) -> Message:
    """The patient is told, in their language, that a human was called: in the transaction that
    calls them (I2)."""
    return delivery.say(
        system,
        session,
        conversation,
        "safety.wait_human",
        author="system",
        reply_to=message.id,
        locale=locale,
    )


def _card_shown(session: Session, conversation_id: str, now: datetime) -> bool:
    return (
        session.scalars(
            select(Message.id).where(
                Message.conversation_id == conversation_id,
                Message.kind == "card",
                Message.created_at > now - _CARD_AGAIN,
            )
        ).first()
        is not None
    )


def _row(message: Message, assessment: Assessment, now: datetime) -> RiskAssessment:
    return RiskAssessment(
        message_id=message.id,
        level=assessment.level.name,
        conversation_level=assessment.conversation_level.name,
        categories=list(assessment.categories),
        evidence=[asdict(e) | {"level": e.level.name} for e in assessment.evidence],
        score=assessment.score,
        rules=assessment.rules,
        unscreened=assessment.unscreened,
        created_at=now,
    )


def _reason(assessment: Assessment) -> str:
    """A code for the alert: the strongest rule, never the patient's words."""
    if assessment.unscreened:
        return "unscreened"
    strongest = max(assessment.evidence, key=lambda e: e.level, default=None)
    return strongest.rule if strongest else (assessment.notes or ("conversation",))[0]


def _replay(
    system: System, session: Session, conversation: Conversation, earlier: Message
) -> Received:
    vault = system.vault(session)
    replies = session.scalars(
        select(Message)
        .where(Message.reply_to == earlier.id, Message.author == "system")
        .order_by(Message.seq)
    )
    return Received(
        delivery.as_json(earlier, vault, conversation),
        [delivery.as_json(reply, vault, conversation) for reply in replies],
        replayed=True,
    )


def _with_key(session: Session, conversation_id: str, key: str) -> Message | None:
    return session.scalars(
        select(Message).where(Message.conversation_id == conversation_id, Message.key == key)
    ).first()
