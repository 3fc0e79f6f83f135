"""From insight to step: a step is asked about a day and a week later, a parked decision after three
days. These touches are about a record of the patient's own and not about an infusion.

Only the newest step is followed: somebody who has chosen another one is not asked about the old.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from clinic.records.models import Patient, Record, Touch
from clinic.system import System
from clinic.touches import plan, schedule

#: Kinds of records that are followed up (data/policy/touches.yml, ``about``).
FOLLOWED = ("small_step", "parked_decision")


def up(system: System, session: Session, record: Record) -> None:
    """A step or a decision was kept: plan when it is asked about."""
    if record.kind not in FOLLOWED or session.scalars(_of(record.id).limit(1)).first():
        return
    if record.kind == "small_step":
        _end(session, record.patient_id, "another_step", "small_step")
    patient = session.get_one(Patient, record.patient_id)
    if not patient.active or patient.program == "ended" or not patient.touches_wanted:
        return
    policy, zone = plan.in_force(session), ZoneInfo(patient.timezone)
    for kind in policy.follow_ups:
        slot = schedule.slot(kind, record.created_at, zone, policy.quiet)
        if kind.about == record.kind and slot is not None:
            session.add(
                Touch(
                    patient_id=patient.id,
                    record_id=record.id,
                    kind=kind.id,
                    policy=policy.version,
                    due_at=slot.due,
                    until=slot.until,
                )
            )
    session.flush()


def told(session: Session, patient_id: str, state: str) -> None:
    """The patient has said in the talk what became of their newest step."""
    newest = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == "small_step")
        .order_by(Record.created_at.desc(), Record.id)
        .limit(1)
    ).first()
    if newest is not None:
        newest.state = state
        if state == "done":
            settled(session, newest)


def settled(session: Session, record: Record) -> None:
    """It is done, or was let go: nobody asks about it any more."""
    for touch in session.scalars(_of(record.id).where(Touch.state == "pending")):
        touch.state, touch.reason = "cancelled", "settled"


def _of(record_id: str) -> Select[Touch]:
    return select(Touch).where(Touch.record_id == record_id)


def _end(session: Session, patient_id: str, reason: str, kind: str) -> None:
    earlier = (
        select(Touch)
        .join(Record, Record.id == Touch.record_id)
        .where(Touch.patient_id == patient_id, Touch.state == "pending", Record.kind == kind)
    )
    for touch in session.scalars(earlier):
        touch.state, touch.reason = "cancelled", reason
