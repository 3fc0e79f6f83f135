"""A clinician takes the conversation, writes, and gives it back.

While a human holds it the companion is fenced out: each change of mode raises ``mode_epoch``, and a
reply asked for under an older epoch is dropped when it arrives (invariant I6).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.conversation import delivery
from clinic.escalation import machine, policy
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
    _still_here(system, conversation)
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
    _end_hold(conversation)
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


def lapse(system: System, session: Session) -> int:
    """Holds without a sign of their holder end: the companion is back, with an apology, and
    somebody is called. Returns how many ended."""
    silent = session.scalars(
        select(Conversation)
        .where(Conversation.mode == "human", Conversation.hold_until <= system.clock.now())
        .with_for_update(of=Conversation, skip_locked=True)
    ).all()
    for conversation in silent:
        holder = session.get_one(Staff, conversation.held_by)
        _end_hold(conversation)
        delivery.say(
            system,
            session,
            conversation,
            "handoff.went_silent",
            values={"name": holder.name},
            author="system",
        )
        machine.holder_left(system, session, conversation, holder.id)
        _note(system, session, conversation, holder, "conversation.hold_lapsed", actor="system")
    return len(silent)


def typing(system: System, session: Session, conversation_id: str, staff: Staff) -> None:
    """The holder is writing: the patient sees it, and the hold goes on."""
    conversation = delivery.locked(session, conversation_id)
    if conversation.held_by != staff.id:
        raise RefusedError("You do not hold this conversation.")
    _still_here(system, conversation)
    feed.publish(system, session, feed.conversation(conversation.id), "typing", "staff")


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
    _still_here(system, conversation)
    machine.prolong(system, session, conversation.patient_id, staff)
    delivery.mark_read(system, session, conversation, staff.id, message.seq)
    _note(system, session, conversation, staff, "conversation.write", message=message.id)
    return message


def _still_here(system: System, conversation: Conversation) -> None:
    conversation.hold_until = system.clock.now() + timedelta(minutes=policy.load()["hold_minutes"])


def _end_hold(conversation: Conversation) -> None:
    conversation.mode, conversation.held_by, conversation.hold_until = "bot", None, None
    conversation.mode_epoch += 1


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
    actor: str = "",
    **detail: str,
) -> None:
    system.audit.add(
        session,
        system.clock.now(),
        actor or f"staff:{staff.id}",
        action,
        f"conversation:{conversation.id}",
        conversation.patient_id,
        **detail,
    )
    feed.publish(system, session, feed.conversation(conversation.id), "state")
    feed.publish(system, session, feed.STAFF, "conversation", conversation.id)
