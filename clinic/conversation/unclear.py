"""Answers to a measure that were none: they count as the measure says, and can raise the alarm.

Whoever cannot or will not answer a question about danger is not taken for safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from bot import measures, screener
from bot.content import question
from bot.measures import Measure
from bot.risk.levels import Level
from clinic.conversation import measuring
from clinic.escalation import machine
from clinic.records.models import Conversation, Message
from clinic.system import System


def next_question(
    system: System, session: Session, conversation: Conversation, message: Message, before: str
) -> str | None:
    """The id of what the assistant would ask now, for when it does not answer. Answers that were
    none count from now on. ``before``: the last thing said."""
    name = screener.MEASURE.get(screener.about(conversation.risk_categories))
    if name is None:
        return None
    now = system.clock.now()
    held = measuring.administrations(session, system.vault(session), conversation.patient_id)
    step = screener.step(name, measuring.taken(held, now), before)
    _count_unclear(system, session, conversation, message, step.measure, step.unclear)
    return step.question


def read(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    data: Mapping[str, Any],
) -> None:
    """Words the assistant could not read as an answer (a record of kind ``instrument_answer``)."""
    measure = measures.measures().get(data["instrument"])
    if measure is not None:
        _count_unclear(system, session, conversation, message, measure, [data["item"]])


def _count_unclear(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    measure: Measure,
    items: Sequence[str],
) -> None:
    """Answers that were none, counted as the measure says; they can raise the conversation too.
    Only what was asked can be counted."""
    level = Level.none
    for item_id in items:
        item = measure.item(item_id)
        _, data = measuring.current(system, session, conversation, measure.id)
        if item.unclear is None or item_id not in data["asked"] or item_id in data["answers"]:
            continue
        asked_for = system.words.item(question(measure.id, item_id))
        weighed = measuring.answered(
            system, session, conversation, message, asked_for, item.unclear, unclear=True
        )
        level = max(level, weighed.level)
    _raise(system, session, conversation, message, level, f"{measure.id}.unclear")


def _raise(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    level: Level,
    reason: str,
) -> None:
    if level < Level.urgent:
        return
    if level > Level.of(conversation.risk_level):
        conversation.risk_level, conversation.risk_since = level.name, system.clock.now()
        conversation.watch_until = None
    kinds = conversation.risk_categories
    machine.raise_alert(system, session, conversation, level, kinds, reason, message.id)
