"""Many messages in the small hours, by the patient's clock: the companion asks (domain.md 4.4).

No single one of them need hold a word that worries; it is the night that does. Once a night, and
only where nothing has worried before: then somebody has asked already.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.risk.levels import Assessment, Evidence, Level
from clinic.escalation import policy
from clinic.records.models import Conversation, Message

RULE = "night.burst"


def weighed(
    session: Session, conversation: Conversation, text: str, assessment: Assessment, now: datetime
) -> Assessment:
    """The assessment of a typed message that is about to be stored, with the night added."""
    quiet = assessment.conversation_level == Level.none and conversation.risk_level == "none"
    if not quiet or not _is_the_one(session, conversation, now):
        return assessment
    because = Evidence(
        0, len(text), RULE, policy.load()["version"], "", Level.watch, policy.load()["night"]["why"]
    )
    return dataclasses.replace(
        assessment,
        level=Level.watch,
        conversation_level=Level.watch,
        evidence=(*assessment.evidence, because),
    )


def _is_the_one(session: Session, conversation: Conversation, now: datetime) -> bool:
    """Whether this message makes it as many as the policy says; the next ones do not again."""
    rules = policy.load()["night"]
    local = now.astimezone(ZoneInfo(conversation.patient.timezone))
    if not rules["from"] <= local.hour < rules["until"]:
        return False
    began = local.replace(hour=rules["from"], minute=0, second=0, microsecond=0)
    before = session.scalar(
        select(func.count()).where(
            Message.conversation_id == conversation.id,
            Message.author == "patient",
            Message.kind == "say",
            Message.created_at >= began,
        )
    )
    return before is not None and before + 1 == int(rules["messages"])
