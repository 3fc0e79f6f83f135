"""A patient looks in: after a while away the companion greets them, and not twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.conversation import delivery
from clinic.records.models import Conversation, Touch
from clinic.system import System

#: A patient who comes back after this long is greeted again.
_AWAY = timedelta(hours=4)


def opened(system: System, conversation_id: str) -> bool:
    """The patient looks at the chat; after a while away the companion gets to greet them."""
    now = system.clock.now()
    with system.database.write() as session:
        conversation = delivery.locked(session, conversation_id)
        away = conversation.opened_at is None or now - conversation.opened_at > _AWAY
        away = away and not _greeting_waits(session, conversation)
        conversation.opened_at = now
        if not away:
            return False
        delivery.append(system, session, conversation, "patient", "", kind="open", turn="waiting")
        return True


def _greeting_waits(session: Session, conversation: Conversation) -> bool:
    """Whether the companion has come by itself and stands there, not answered yet."""
    waiting = select(Touch.id).where(
        Touch.patient_id == conversation.patient_id, Touch.state == "open"
    )
    return session.scalars(waiting.limit(1)).first() is not None
