"""Which direct questions stand on the page since the alert was opened: none is asked twice."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from bot.screener import ASK_DANGER, ASK_SELF
from clinic.records.models import Conversation, Escalation, Message


def asked(session: Session, conversation: Conversation) -> list[str]:
    """Said by the assistant or by the edge."""
    if Level.of(conversation.risk_level) < Level.urgent:
        return []
    opened = (
        select(Escalation.opened_at)
        .where(Escalation.patient_id == conversation.patient_id)
        .order_by(Escalation.opened_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    said = session.scalars(
        select(Message.content).where(
            Message.conversation_id == conversation.id,
            Message.content.in_((ASK_DANGER, ASK_SELF)),
            Message.created_at >= opened,
        )
    )
    return sorted({content for content in said if content})
