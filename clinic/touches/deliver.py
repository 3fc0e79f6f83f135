"""Touches that are due: the companion opens the conversation, as if the patient had come by.

It is an ordinary turn: a message of kind ``open`` waits on the record, the assistant greets by
stage, and whatever follows is dialogue. Nothing comes while a human has the conversation, while an
alert or a worry is open, at night, or in the middle of a talk; too late is missed, never stale.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Exists, Select, exists, select
from sqlalchemy.orm import Session, aliased

from clinic.conversation import delivery, whereabouts
from clinic.conversation.known import ride_home, under_age
from clinic.escalation import machine
from clinic.records.models import Conversation, Infusion, Message, Patient, Record, Touch
from clinic.system import System
from clinic.touches import schedule
from clinic.wake import calls

log = logging.getLogger("afterglow.touches")

#: Somebody who wrote this lately is not interrupted.
_TALKING = timedelta(minutes=20)
#: When something stood in its way, or the assistant did not answer, it is tried again after this.
_AGAIN = timedelta(minutes=10)
#: A patient who came by themselves and was greeted this long before it was due needs no second one.
_QUICKER = timedelta(hours=6)
_BATCH = 50
#: Asks about the ride home: not when the answer is known.
RIDE = "ride"


def deliver_due(system: System) -> int:
    """One look at the clock: how many have come. One short read while nothing is due."""
    now = system.clock.now()
    with system.database.read() as session:
        due = session.scalars(
            _live(now).with_only_columns(Touch.id).order_by(Touch.due_at).limit(_BATCH)
        ).all()
    return sum(_guarded(system, touch_id, now) for touch_id in due)


def _guarded(system: System, touch_id: str, now: datetime) -> bool:
    """A transaction each: one that fails keeps nobody else's from coming."""
    try:
        return _look_at(system, touch_id, now)
    except Exception as error:
        log.error("touch %s failed: %s", touch_id, type(error).__name__)
        return False


def _look_at(system: System, touch_id: str, now: datetime) -> bool:
    with system.database.write() as session:
        live = _live(now).where(Touch.id == touch_id)
        touch = session.scalars(live.with_for_update(of=Touch, skip_locked=True)).first()
        if touch is None:
            return False
        if touch.state == "pending":
            return _open(system, session, touch, now)
        _follow(session, touch, now)
        return False


def _live(now: datetime) -> Select[Touch]:
    """What there is something to do about: due, over, answered, or not heard by the assistant."""
    came = aliased(Message)
    over = (Touch.until <= now) | (came.turn == "unanswered") | _answered(came)
    return (
        select(Touch)
        .join(came, came.id == Touch.message_id, isouter=True)
        .where(
            ((Touch.state == "pending") & (Touch.due_at <= now)) | ((Touch.state == "open") & over)
        )
    )


def _open(system: System, session: Session, touch: Touch, now: datetime) -> bool:
    if touch.kind == RIDE and ride_home(system, session, touch.patient_id, now) is not None:
        touch.state, touch.reason = "cancelled", "settled"
        return False
    greeted = _greeted(session, touch)
    if greeted is not None:
        _has_come(touch, greeted, greeted.created_at)
        return False
    hindered = _hindrance(system, session, touch, now)
    if now >= touch.until:
        touch.state, touch.reason = "missed", hindered or "late"
        return False
    if hindered:
        _try_again(touch, now)
        return False
    conversation = delivery.locked(session, _conversation_id(session, touch))
    message = delivery.append(
        system, session, conversation, "patient", "", kind="open", turn="waiting"
    )
    session.flush()
    # Whoever looks in an hour is not greeted a second time.
    conversation.opened_at = now
    _has_come(touch, message, now)
    calls.ask(system, session, touch, message, now)
    return True


def _greeted(session: Session, touch: Touch) -> Message | None:
    """The patient's own visit at about this time, in the stage that the touch belongs to."""
    kind = schedule.load().kind(touch.kind)
    since = touch.due_at - _QUICKER
    began = _begins(session, touch)
    if kind is not None and began is not None:
        since = max(since, began + timedelta(hours=kind.after_hours))
    return session.scalars(
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.patient_id == touch.patient_id,
            Message.kind == "open",
            Message.turn != "unanswered",
            Message.created_at >= since,
        )
        .order_by(Message.seq)
        .limit(1)
    ).first()


def _begins(session: Session, touch: Touch) -> datetime | None:
    """What its hours count from: an infusion's start or end, or when a record was kept."""
    if touch.record_id is not None:
        return session.get_one(Record, touch.record_id).created_at
    infusion, kind = session.get_one(Infusion, touch.infusion_id), schedule.load().kind(touch.kind)
    return infusion.started_at if kind is not None and kind.before else infusion.ended_at


def _has_come(touch: Touch, message: Message, at: datetime) -> None:
    touch.state, touch.message_id, touch.opened_at = "open", message.id, at


def _hindrance(system: System, session: Session, touch: Touch, now: datetime) -> str | None:
    """Why it cannot come just now, as a code; None when it can."""
    patient = session.get_one(Patient, touch.patient_id)
    conversation = session.scalars(
        select(Conversation).where(Conversation.patient_id == patient.id)
    ).first()
    if conversation is None or conversation.notice_seen_at is None:
        return "never_came"
    if under_age(system, session, patient.id):
        return "under_age"
    if conversation.mode != "bot":
        return "clinician"
    if conversation.risk_level != "none" or machine.running_for(session, patient.id):
        return "alert"
    zone = ZoneInfo(patient.timezone)
    if schedule.load().quiet.holds(now.astimezone(zone).time()):
        return "quiet"
    if whereabouts.place(session, patient.id, now).stage in ("day_of", "infusion", "recovery"):
        return "infusion"
    if _other_open(session, touch):
        return "another"
    return "talking" if _talking(session, conversation, now) else None


def _follow(session: Session, touch: Touch, now: datetime) -> None:
    """What became of one that has come."""
    message = session.get_one(Message, touch.message_id)
    if message.turn == "unanswered":
        # The assistant was away: the patient saw nothing, so it has not come.
        touch.state, touch.opened_at, touch.message_id = "pending", None, None
        _try_again(touch, now)
        return
    if session.scalar(select(_answered(message))):
        touch.state = "answered"
    elif now >= touch.until:
        touch.state, touch.reason = "missed", "not_answered"


def _answered(came: Message | type[Message]) -> Exists:
    """Whether the patient has written anything since."""
    return exists().where(
        Message.conversation_id == came.conversation_id,
        Message.author == "patient",
        Message.kind != "open",
        Message.seq > came.seq,
    )


def _try_again(touch: Touch, now: datetime) -> None:
    touch.due_at = min(now + _AGAIN, touch.until - timedelta(seconds=1))


def _conversation_id(session: Session, touch: Touch) -> str:
    return session.scalars(
        select(Conversation.id).where(Conversation.patient_id == touch.patient_id)
    ).one()


def _other_open(session: Session, touch: Touch) -> bool:
    other = select(Touch.id).where(Touch.patient_id == touch.patient_id, Touch.state == "open")
    return session.scalars(other.limit(1)).first() is not None


def _talking(session: Session, conversation: Conversation, now: datetime) -> bool:
    recent = select(Message.id).where(
        Message.conversation_id == conversation.id,
        Message.author == "patient",
        Message.kind != "open",
        Message.created_at > now - _TALKING,
    )
    return session.scalars(recent.limit(1)).first() is not None
