"""The touches around a patient's infusions, as rows: planned when one is planned or has ended, and
brought into line whenever an infusion, the patient's zone or the patient's wish changes.

Only what is still pending is ever changed. What the patient has moved stays where they put it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.records.models import Clinic, Infusion, Patient, Record, Touch
from clinic.system import System
from clinic.touches import schedule
from clinic.touches.schedule import Kind, Policy

#: A touch that was moved may come for this long after its new time.
_ROOM = timedelta(hours=3)
#: No further than this may one be moved: the window is over then.
_FURTHEST = timedelta(days=14)
_LATER = timedelta(hours=2)


class NotMovedError(Exception):
    """The touch stays as it is; ``code`` says why: too_far, quiet_hours or come."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def in_force(session: Session) -> Policy:
    """The policy of touches, with the hours this clinic has set. One that cannot be read counts as
    not set: an infusion is recorded all the same, and `afterglow doctor` names it."""
    policy = schedule.load()
    try:
        return policy.as_set(session.get_one(Clinic, 1).settings)
    except ValueError:
        return policy


def settle(system: System, session: Session, patient: Patient) -> None:
    """Bring a patient's pending touches into line with what is true now. May be repeated."""
    session.flush()
    unwanted, now = _unwanted(patient), system.clock.now()
    around = list(_around(session, patient, now))
    wanted = {(infusion.id, kind.id) for infusion, _, kinds in around for kind in kinds}
    rows = session.scalars(select(Touch).where(Touch.patient_id == patient.id)).all()
    for touch in rows:
        passed = touch.record_id is None and (touch.infusion_id, touch.kind) not in wanted
        if touch.state == "pending" and passed:
            _put(touch, "cancelled", "next_infusion")
        elif touch.state == "pending" and unwanted:
            _put(touch, "cancelled", unwanted)
        elif touch.record_id is not None and _may_change(touch) and not unwanted:
            _follow_the_clock(system, session, patient, touch)
    if unwanted:
        return
    known = {(touch.infusion_id, touch.kind): touch for touch in rows}
    for infusion, moment, kinds in around:
        for kind in kinds:
            planned = known.get((infusion.id, kind.id))
            if planned is None or _may_change(planned):
                _line_up(system, session, patient, infusion.id, moment, kind, planned)


def of(session: Session, patient: Patient) -> Sequence[Touch]:
    """All touches of a patient, by the time they are or were due."""
    return session.scalars(
        select(Touch).where(Touch.patient_id == patient.id).order_by(Touch.due_at)
    ).all()


def want(system: System, session: Session, patient: Patient, wanted: bool) -> None:
    """The patient wants the companion to come by itself, or not. What was planned ends, or is
    planned anew."""
    patient.touches_wanted = wanted
    settle(system, session, patient)
    _note(system, session, patient, "touches.wanted" if wanted else "touches.stopped")


def move(system: System, session: Session, patient: Patient, touch: Touch, due: datetime) -> None:
    """The patient gives a pending touch another time. Raises NotMovedError."""
    _check_pending(touch)
    now, zone = system.clock.now(), ZoneInfo(patient.timezone)
    if not now < due <= now + _FURTHEST:
        raise NotMovedError("too_far")
    if schedule.load().quiet.holds(due.astimezone(zone).time()):
        raise NotMovedError("quiet_hours")
    touch.due_at, touch.until, touch.chosen = due, due + _ROOM, True
    _note(system, session, patient, "touch.move", kind=touch.kind)


def later(system: System, session: Session, patient: Patient, touch: Touch) -> None:
    """Not now: two hours later, or after the night. Raises NotMovedError."""
    _check_pending(touch)
    zone, quiet = ZoneInfo(patient.timezone), schedule.load().quiet
    due = quiet.over(max(touch.due_at, system.clock.now()) + _LATER, zone)
    touch.due_at, touch.until, touch.chosen = due, max(touch.until, due + _ROOM), True
    _note(system, session, patient, "touch.later", kind=touch.kind)


def skip(system: System, session: Session, patient: Patient, touch: Touch) -> None:
    """Not this one. Raises NotMovedError."""
    _check_pending(touch)
    _put(touch, "cancelled", "skipped")
    _note(system, session, patient, "touch.skip", kind=touch.kind)


def _may_change(touch: Touch) -> bool:
    revived = touch.state == "cancelled" and touch.reason in ("stopped", "program_ended")
    return revived or (touch.state == "pending" and not touch.chosen)


def _follow_the_clock(system: System, session: Session, patient: Patient, touch: Touch) -> None:
    """The slot of one about a record, where the patient is now."""
    policy, record = in_force(session), session.get_one(Record, touch.record_id)
    kind = policy.kind(touch.kind)
    if kind is None:
        return
    slot = schedule.slot(kind, record.created_at, ZoneInfo(patient.timezone), policy.quiet)
    if slot is None or slot.until <= system.clock.now():
        _put(touch, "missed", "no_room" if slot is None else "recorded_late")
        return
    touch.due_at, touch.until = slot.due, slot.until
    _put(touch, "pending", None)


def _line_up(
    system: System,
    session: Session,
    patient: Patient,
    infusion_id: str,
    moment: datetime,
    kind: Kind,
    touch: Touch | None,
) -> None:
    policy, zone = schedule.load(), ZoneInfo(patient.timezone)
    slot = schedule.slot(kind, moment, zone, policy.quiet)
    if slot is None:
        # The clocks of another zone, or another end, left no room for it.
        if touch is not None:
            _put(touch, "missed", "no_room")
        return
    if touch is None:
        touch = Touch(patient_id=patient.id, infusion_id=infusion_id, kind=kind.id)
        session.add(touch)
    touch.policy, touch.due_at, touch.until = policy.version, slot.due, slot.until
    late = slot.until <= system.clock.now()
    _put(touch, "missed" if late else "pending", "recorded_late" if late else None)


def _unwanted(patient: Patient) -> str | None:
    if not patient.active or patient.program == "ended":
        return "program_ended"
    return None if patient.touches_wanted else "stopped"


def _put(touch: Touch, state: str, reason: str | None) -> None:
    touch.state, touch.reason = state, reason


def _around(
    session: Session, patient: Patient, now: datetime
) -> Iterator[tuple[Infusion, datetime, tuple[Kind, ...]]]:
    """The infusion whose window it is, and those that are planned: each with the moment its touches
    count from."""
    policy = in_force(session)
    held = session.scalars(
        select(Infusion)
        .where(Infusion.patient_id == patient.id, Infusion.cancelled.is_(False))
        .order_by(Infusion.ended_at.desc())
    ).all()
    last = next((one for one in held if one.ended_at is not None), None)
    if last is not None and last.ended_at is not None:
        yield last, last.ended_at, policy.kinds
    for one in held:
        if one.ended_at is None and one.started_at > now:
            yield one, one.started_at, policy.before


def _check_pending(touch: Touch) -> None:
    if touch.state != "pending":
        raise NotMovedError("come")


def _note(system: System, session: Session, patient: Patient, action: str, **detail: str) -> None:
    session.flush()
    now, actor = system.clock.now(), f"patient:{patient.id}"
    system.audit.add(session, now, actor, action, actor, patient.id, **detail)
