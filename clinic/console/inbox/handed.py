"""What whoever took a patient over is told first, until they have marked the record as read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.console.inbox.follow_up import ROLE
from clinic.console.review import review
from clinic.records.models import Audit, CareRelation, Conversation, Escalation, Reviewed, Staff


@dataclass(frozen=True)
class Handed:
    """By whom and when; ``before``: up to when this person had read in an earlier time here."""

    by: str
    at: datetime
    before: datetime | None
    unread: int
    alerts: int


def over(session: Session, patient_id: str, staff: Staff) -> Handed | None:
    """None: they have looked since, or nobody else gave them this patient."""
    relation = session.get(CareRelation, (patient_id, staff.id, ROLE))
    if relation is None:
        return None
    marked = session.scalar(
        select(Reviewed.at)
        .join(Conversation, Conversation.id == Reviewed.conversation_id)
        .where(Conversation.patient_id == patient_id, Reviewed.staff_id == staff.id)
    )
    by = _giver(session, relation)
    if by is None or (marked is not None and marked >= relation.since):
        return None
    found = review.unread(session, staff.id, [patient_id]).get(patient_id)
    alerts = select(func.count()).where(Escalation.patient_id == patient_id)
    if marked is not None:
        alerts = alerts.where(Escalation.opened_at > marked)
    return Handed(
        by,
        relation.since,
        marked,
        found.count if found else 0,
        session.scalar(alerts) or 0,
    )


def _giver(session: Session, relation: CareRelation) -> str | None:
    """The name of the colleague who made it, by the record of acts."""
    row = session.scalars(
        select(Audit)
        .where(
            Audit.patient_id == relation.patient_id,
            Audit.action == "relation.add",
            Audit.subject == f"staff:{relation.staff_id}",
            Audit.at >= relation.since,
        )
        .order_by(Audit.seq)
        .limit(1)
    ).first()
    if row is None or row.actor == row.subject:
        return None
    giver = session.get(Staff, row.actor.removeprefix("staff:"))
    return giver.name if giver else None
