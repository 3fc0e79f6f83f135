"""A clinician takes the conversation, writes, and gives it back.

While a human holds it the companion is fenced out: each change of mode raises ``mode_epoch``, and a
reply asked for under an older epoch is dropped when it arrives (invariant I6).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.conversation import delivery
from clinic.escalation.machine import RefusedError
from clinic.records.models import Conversation, Message, Staff
from clinic.system import System

_MAX_CHARS = 4_000


def take(system: System, session: Session, conversation_id: str, staff: Staff) -> Conversation:
    """Hold the conversation. Raises RefusedError when a colleague holds it already."""
    conversation = delivery.locked(session, conversation_id)
    if conversation.mode == "human":
        if conversation.held_by == staff.id:
            return conversation
        holder = session.get_one(Staff, conversation.held_by)
        raise RefusedError(f"{holder.name} is already writing with this patient.")
    conversation.mode, conversation.held_by = "human", staff.id
    conversation.mode_epoch += 1
    _hold_waiting(session, conversation)
    delivery.say(
        system,
        session,
        conversation,
        "conversation.human_has_joined",
        values={"name": staff.name, "role": staff.title},
        author="system",
    )
    _note(system, session, conversation, staff, "conversation.take")
    return conversation


def give_back(system: System, session: Session, conversation_id: str, staff: Staff) -> Conversation:
    """End the hold; the companion may answer again."""
    conversation = delivery.locked(session, conversation_id)
    if conversation.held_by != staff.id:
        raise RefusedError("You do not hold this conversation.")
    conversation.mode, conversation.held_by = "bot", None
    conversation.mode_epoch += 1
    delivery.say(
        system,
        session,
        conversation,
        "conversation.human_has_left",
        values={"name": staff.name},
        author="system",
    )
    _note(system, session, conversation, staff, "conversation.give_back")
    return conversation


def say(
    system: System,
    session: Session,
    conversation_id: str,
    staff: Staff,
    text: str,
    key: str,
) -> Message:
    """Write to the patient as oneself. The same key again changes nothing."""
    conversation = delivery.locked(session, conversation_id)
    if conversation.held_by != staff.id:
        raise RefusedError("Take over the conversation first, then write.")
    if not text.strip():
        raise RefusedError("There was nothing to send.")
    if len(text) > _MAX_CHARS:
        raise RefusedError(f"Please keep it under {_MAX_CHARS} characters.")
    earlier = session.scalars(
        select(Message).where(
            Message.conversation_id == conversation_id, Message.key == f"{staff.id}:{key}"
        )
    ).first()
    if earlier is not None:
        return earlier
    message = delivery.append(
        system,
        session,
        conversation,
        "staff",
        text.strip(),
        staff_id=staff.id,
        key=f"{staff.id}:{key}",
    )
    _note(system, session, conversation, staff, "conversation.write", message=message.id)
    return message


def _hold_waiting(session: Session, conversation: Conversation) -> None:
    """What still waited for the companion is now the human's to answer."""
    waiting = session.scalars(
        select(Message).where(Message.conversation_id == conversation.id, Message.turn == "waiting")
    )
    for message in waiting:
        message.turn = "held"


def _note(
    system: System,
    session: Session,
    conversation: Conversation,
    staff: Staff,
    action: str,
    **detail: str,
) -> None:
    system.audit.add(
        session,
        system.clock.now(),
        f"staff:{staff.id}",
        action,
        f"conversation:{conversation.id}",
        conversation.patient_id,
        **detail,
    )
    feed.publish(system, session, feed.conversation(conversation.id), "state")
    feed.publish(system, session, feed.STAFF, "conversation", conversation.id)
