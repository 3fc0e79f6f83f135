"""Who may read whom (invariant I10). One function decides; every page asks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import CompoundSelect, Select, or_, select
from sqlalchemy.orm import Session

from clinic import glass
from clinic.escalation import on_call
from clinic.records.models import (
    CareRelation,
    Conversation,
    Escalation,
    Outbox,
    Patient,
    Staff,
    StaffContact,
)

#: Ids of patients, or the question for them.
Ids = Collection[str] | Select[str] | CompoundSelect[str]

#: After an alert is resolved, whoever was called for it may still look for this long.
RECENT = timedelta(hours=72)


def may_read(session: Session, staff: Staff, patient_id: str, now: datetime) -> str | None:
    """The reason this person may read this patient now, or None."""
    return readable(session, staff, now).get(patient_id)


def readable(session: Session, staff: Staff, now: datetime) -> dict[str, str]:
    """Every patient this person may read now, with the strongest reason.

    ``therapist`` and ``supervisor`` are care relations. ``on_call`` and ``called`` last only
    while the patient has a running or recent alert. ``called`` is there because the policy's
    later steps call clinicians who are not on call, and because a shift may end while its
    person is still at work on an alert: whom we call, we let in. ``glass`` is an emergency
    opening (clinic/glass.py) that has not run out.
    """
    if not staff.active:
        return {}
    alerts = _recent_alerts(session, now)
    reasons: dict[str, str] = dict.fromkeys(glass.running(session, staff.id, now), "glass")
    called = _called_for(session, staff.id, set(alerts))
    reasons |= {alerts[alert]: "called" for alert in called}
    if any(person.id == staff.id for person in on_call.on_call(session, now)):
        reasons |= dict.fromkeys(alerts.values(), "on_call")
    own = session.execute(
        select(CareRelation.patient_id, CareRelation.kind).where(CareRelation.staff_id == staff.id)
    )
    # "supervisor" sorts before "therapist": the closer relation is written last.
    reasons |= {patient: kind for kind, patient in sorted((kind, p) for p, kind in own)}
    return reasons


def asked_for(staff: Staff, reasons: Mapping[str, str]) -> Ids:
    """The ids of ``readable`` as a question inside another: a supervisor's five hundred, sent along
    with each of ten questions, take longer than the answers. Ask it of what is then looked up by
    the ids in ``reasons``: the database may know of a relation since."""
    own = select(CareRelation.patient_id).where(CareRelation.staff_id == staff.id)
    others = [one for one, why in reasons.items() if why not in ("therapist", "supervisor")]
    return own.union(select(Patient.id).where(Patient.id.in_(others))) if others else own


def may_invite(session: Session, staff: Staff, patient_id: str, now: datetime) -> bool:
    """Whether this person may hand out a link into a patient's chat. Whoever holds it is the
    patient to us and reads what they keep to themselves, so an alert or an emergency is no reason.
    Of a newcomer there is nothing to read yet: whoever runs the clinic may, too."""
    if may_read(session, staff, patient_id, now) in ("therapist", "supervisor"):
        return True
    return "admin" in staff.roles and patient_id in set(session.scalars(newcomers()))


def newcomers() -> Select[str]:
    """Ids of patients who were added and have never come in."""
    came = select(Conversation.patient_id)
    return select(Patient.id).where(Patient.active, Patient.id.not_in(came))


def nameable(session: Session, staff: Staff, now: datetime) -> set[str]:
    """Patients whose name this person may see when it is asked whose patients are whose: their own
    by a relation, and for an administrator those who have not come in (docs/adr/0031)."""
    reasons = readable(session, staff, now)
    own = {one for one, reason in reasons.items() if reason in ("therapist", "supervisor")}
    return own | set(session.scalars(newcomers())) if "admin" in staff.roles else own


def exists(session: Session, patient_id: str) -> bool:
    return session.get(Patient, patient_id) is not None


def _recent_alerts(session: Session, now: datetime) -> dict[str, str]:
    """Patient by alert, for alerts that run or were resolved not long ago."""
    rows = session.execute(
        select(Escalation.id, Escalation.patient_id)
        .join(Patient, Patient.id == Escalation.patient_id)
        .where(
            # Of an erased patient nothing is left to read.
            Patient.active,
            or_(Escalation.state != "resolved", Escalation.resolved_at >= now - RECENT),
        )
    )
    return {alert: patient for alert, patient in rows}  # noqa: C416 - rows are not pairs to mypy


def _called_for(session: Session, staff_id: str, alerts: set[str]) -> set[str]:
    rows = session.scalars(
        select(Outbox.escalation_id)
        .join(StaffContact, StaffContact.id == Outbox.contact_id)
        .where(StaffContact.staff_id == staff_id, Outbox.escalation_id.in_(alerts))
    )
    return {alert for alert in rows if alert is not None}
