"""What the desk does not show: words of a reflection the patient has not shared.

Until the patient decides, and when they decide to keep it, neither their answers nor the bubbles
that quote them are shown to staff. Words that show risk always are; the notice says so first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.content import Registry
from clinic.conversation.whereabouts import OWN_HOURS, OWN_WORDS, WITHOUT_DATABASE
from clinic.records.models import Message, Record, RecordMessage, RiskAssessment

#: Values that are the clinic's, not the patient's words.
_CLINIC = {*WITHOUT_DATABASE, *OWN_WORDS, *OWN_HOURS, "reads_within", "clinic_open"}


def withheld(
    session: Session,
    words: Registry,
    messages: Sequence[Message],
    assessments: Mapping[str, RiskAssessment],
) -> set[str]:
    """Ids of those messages whose words stay with the patient."""
    asked = {m.id for m in messages} | {m.reply_to for m in messages if m.reply_to}
    private = _private(session, asked)
    return {
        message.id
        for message in messages
        if (message.id in private and not _shows_risk(assessments.get(message.id)))
        or (message.reply_to in private and _quotes(words, message))
    }


def _private(session: Session, ids: Collection[str]) -> set[str]:
    return set(
        session.scalars(
            select(RecordMessage.message_id)
            .join(Record, Record.id == RecordMessage.record_id)
            .where(
                RecordMessage.message_id.in_(ids),
                Record.kind == "journal_entry",
                Record.sharing.is_distinct_from("shared"),
            )
        )
    )


def _shows_risk(assessment: RiskAssessment | None) -> bool:
    # Without an assessment nobody has looked yet: a human must be able to.
    return assessment is None or assessment.unscreened or assessment.level != "none"


def _quotes(words: Registry, message: Message) -> bool:
    """Whether the bubble holds the patient's own words. One that is no longer known may."""
    if message.author == "staff" or not message.content:
        return False
    if message.content not in words:
        return True
    return bool(words.item(message.content).values - _CLINIC)
