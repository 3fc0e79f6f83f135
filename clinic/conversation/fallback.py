"""What the edge says itself when the assistant does not answer (invariant I4).

Never more than one sentence, and never the same twice in a row. After words of danger it is the
next question of the screener, as the assistant would have asked it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import screener
from bot.risk.levels import Level
from bot.third_person import about_another
from clinic.conversation import delivery, direct, measuring, unclear
from clinic.records.models import Conversation, Message, RiskAssessment, Touch
from clinic.system import System

#: To somebody who needs medical help now.
_CALL = ("safety.stay_medical", "safety.stay_medical_company")


def say(system: System, session: Session, conversation: Conversation, message: Message) -> None:
    """The assistant did not answer: after words of danger the edge asks the next question of the
    screener itself, as the assistant would have. Who only looked in is told, and greeted when they
    look in again; a visit of the companion's own is tried again in silence (clinic.touches)."""
    if message.kind == "open":
        conversation.opened_at = None
        if _own_visit(session, message):
            return
    assessed = session.get(RiskAssessment, message.id)
    own = Level.of(assessed.level) if assessed else Level.none
    last = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.author != "patient")
        .order_by(Message.seq.desc())
        .limit(1)
    ).first()
    before = (last.content if last else None) or ""
    content = _next_words(system, session, conversation, message, own, before)
    # Once is honest, three times in a row is noise.
    if content is not None and content != before:
        delivery.say(system, session, conversation, content, author="system", reply_to=message.id)


def _own_visit(session: Session, message: Message) -> bool:
    return (
        session.scalars(select(Touch.id).where(Touch.message_id == message.id)).first() is not None
    )


def _next_words(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    own: Level,
    before: str,
) -> str | None:
    """``own``: the message's level; ``before``: what was said last. None: the card is enough."""
    unanswered = "conversation.unanswered"
    lasting = Level.of(conversation.risk_level)
    if message.kind == "open":
        return "conversation.not_ready" if lasting < Level.urgent else None
    about = screener.about(conversation.risk_categories)
    vault = system.vault(session)
    held = measuring.administrations(session, vault, conversation.patient_id)
    taken = measuring.taken(held, system.clock.now())
    text = vault.shown_text(message, conversation.patient_id)
    if message.kind == "say" and about_another(text):
        grave = max(own, lasting) >= Level.urgent
        return screener.FRIEND_STEPS[own < Level.urgent] if grave else screener.ASK_FRIEND
    if lasting >= Level.urgent and screener.helping(before, own, taken):
        return screener.FRIEND_STEPS[1]
    question = screener.direct(conversation.risk_categories, direct.asked(session, conversation))
    if lasting == Level.emergency and about == "medical":
        # Calling comes before any question.
        return question if question and before in _CALL else _CALL[before == _CALL[0]]
    if lasting >= Level.urgent and about == "others" and question:
        return question
    # A tap that worries was an answer to a measure: the screener at once (domain.md 3.3).
    screens = own == Level.watch and (about == "medical" or message.kind == "choice")
    if lasting >= Level.urgent or screens:
        asked = unclear.next_question(system, session, conversation, message, before)
        return asked or (unanswered if own < Level.urgent else None)
    if own == Level.watch:
        return "safety.ask_safe" if about == "others" else "safety.ask"
    return unanswered
