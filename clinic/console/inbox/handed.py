"""What whoever took a patient over is told first, until they have marked the record as read: who
gave them the patient, what they have not read, and the note that was written for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from clinic.console.inbox.follow_up import ROLE
from clinic.console.relations import Ids
from clinic.console.review import review
from clinic.console.sign_in.access import Who
from clinic.records.models import Audit, CareRelation, Conversation, Escalation, Reviewed, Staff
from clinic.records.vault import Vault
from clinic.system import System

#: Characters of a note: what somebody reads before they read the record.
LONGEST = 600
_TABLE = "care_relation"


@dataclass(frozen=True)
class Handed:
    """By whom and when; ``before``: up to when this person had read in an earlier time here."""

    by: str
    at: datetime
    before: datetime | None
    unread: int
    alerts: int
    #: Empty: none was written.
    note: str


def keep_note(
    system: System, session: Session, who: Who, patient_id: str, to: Staff, words: str
) -> None:
    """For a colleague who has just been given the patient."""
    relation = session.get_one(CareRelation, (patient_id, to.id, ROLE))
    vault = system.vault(session)
    relation.note_sealed = vault.seal(patient_id, _TABLE, "note", to.id, words)
    actor, subject = f"staff:{who.staff.id}", f"staff:{to.id}"
    system.audit.add(session, system.clock.now(), actor, "hand_over.note", subject, patient_id)


def notes(session: Session, vault: Vault, ids: Ids, staff: Staff) -> dict[str, str]:
    """Those this person has not read yet, by patient."""
    rows = session.execute(
        select(CareRelation.patient_id, CareRelation.note_sealed)
        .outerjoin(Conversation, Conversation.patient_id == CareRelation.patient_id)
        .outerjoin(
            Reviewed,
            and_(Reviewed.conversation_id == Conversation.id, Reviewed.staff_id == staff.id),
        )
        .where(
            CareRelation.patient_id.in_(ids),
            CareRelation.staff_id == staff.id,
            CareRelation.note_sealed.is_not(None),
            or_(Reviewed.at.is_(None), Reviewed.at < CareRelation.since),
        )
    )
    return {patient: vault.shown_note(patient, _TABLE, staff.id, note) for patient, note in rows}


def over(system: System, session: Session, patient_id: str, staff: Staff) -> Handed | None:
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
        system.vault(session).shown_note(patient_id, _TABLE, staff.id, relation.note_sealed),
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
