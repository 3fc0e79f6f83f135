"""The escalation's state machine: open -> acked (a lease) -> resolved, and back to open.

Every move is one function, called inside the caller's transaction, and writes its outbox rows, its
audit row and its live events there: they commit together or not at all (invariant I1). There is no
state in which an unresolved alert stops calling for a human.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic import feed
from clinic.conversation import delivery
from clinic.escalation import hours, on_call, policy
from clinic.notify import ACKNOWLEDGED, ALERT, RESOLVED
from clinic.outbox import follow
from clinic.records.models import (
    Clinic,
    ContactAttempt,
    Conversation,
    Escalation,
    EscalationMessage,
    Outbox,
    Staff,
    StaffContact,
    new_id,
)
from clinic.system import System

_PRIORITY = {"emergency": 0, "urgent": 10}


class RefusedError(Exception):
    """A move the state does not allow; the text says why, for the person who tried."""


def raise_alert(
    system: System,
    session: Session,
    conversation: Conversation,
    level: Level,
    categories: Sequence[str],
    reason: str,
    message_id: str | None,
) -> Escalation:
    """Open an alert for this patient, or attach to the running one.

    A rising level calls again although somebody has acknowledged (ISA-18.2 re-alarm). At the same
    level the person who has the alert is told that there is more to read.
    """
    now = system.clock.now()
    system.database.serialise(session)
    running = _running(session, conversation.patient_id)
    if running is None:
        running = _open(system, session, conversation, level, categories, reason, now)
    else:
        _attach(system, session, running, level, categories, message_id, now)
    if message_id is not None:
        session.merge(EscalationMessage(escalation_id=running.id, message_id=message_id))
    _tell_pages(system, session, running)
    return running


def acknowledge(system: System, session: Session, escalation_id: str, staff: Staff) -> Escalation:
    """Somebody takes the alert for a while. Raises RefusedError when another already has."""
    now = system.clock.now()
    alert = _get(session, escalation_id)
    if alert.state == "resolved":
        raise RefusedError("This alert is already resolved.")
    if alert.state == "acked" and alert.acked_by != staff.id:
        holder = session.get_one(Staff, alert.acked_by)
        raise RefusedError(f"{holder.name} already has this alert.")
    alert.state, alert.next_at = "acked", None
    alert.acked_by, alert.acked_at = staff.id, now
    alert.ack_until = now + timedelta(minutes=alert.policy["ack_minutes"])
    alert.unanswered = False
    _audit(system, session, alert, f"staff:{staff.id}", "escalation.acknowledge")
    follow.tell(session, alert, ACKNOWLEDGED, now)
    _tell_pages(system, session, alert)
    return alert


def release(system: System, session: Session, escalation_id: str, staff: Staff) -> Escalation:
    """The holder gives the alert back; it calls at once."""
    alert = _get(session, escalation_id)
    if alert.state != "acked" or alert.acked_by != staff.id:
        raise RefusedError("Only the person who has this alert can give it back.")
    _reopen(system, session, alert, f"staff:{staff.id}", "escalation.release")
    return alert


def hand_over(
    system: System, session: Session, escalation_id: str, staff: Staff, to: Staff
) -> Escalation:
    """The holder asks a colleague to take it. Until somebody acknowledges it calls like any open
    alert: nobody holds what they have not taken."""
    alert = release(system, session, escalation_id, staff)
    if to.id == staff.id or not on_call.contacts(session, to.id):
        raise RefusedError(f"{to.name} cannot be called. Choose somebody else.")
    _enqueue(session, alert, [to], f"{alert.loop}/hand-over", system.clock.now())
    _audit(system, session, alert, f"staff:{staff.id}", "escalation.hand_over", to=to.id)
    return alert


def log_contact(
    system: System,
    session: Session,
    escalation_id: str,
    staff: Staff,
    kind: str,
    note: str = "",
) -> ContactAttempt:
    """Note an attempt to reach the patient. It lengthens the writer's own lease: they are on it."""
    alert = _get(session, escalation_id)
    if alert.state == "resolved":
        raise RefusedError("This alert is already resolved.")
    if kind not in policy.load()["contacts"]:
        raise RefusedError("Choose what you did.")
    attempt = ContactAttempt(
        id=new_id(),
        escalation_id=alert.id,
        staff_id=staff.id,
        kind=kind,
        at=system.clock.now(),
    )
    if note.strip():
        attempt.note_sealed = system.vault(session).seal(
            alert.patient_id, "contact_attempt", "note", attempt.id, note.strip()
        )
    session.add(attempt)
    _audit(system, session, alert, f"staff:{staff.id}", "escalation.contact", kind=kind)
    prolong(system, session, alert.patient_id, staff)
    _tell_pages(system, session, alert)
    return attempt


def holder_left(
    system: System, session: Session, conversation: Conversation, staff_id: str
) -> None:
    """A clinician who was writing with the patient went silent. If they have the alert it opens
    again; otherwise the patient gets one, or it attaches to what runs."""
    system.database.serialise(session)
    alert = _running(session, conversation.patient_id)
    if alert is not None and alert.state == "acked" and alert.acked_by == staff_id:
        _reopen(system, session, alert, "system", "escalation.holder_left")
    else:
        raise_alert(system, session, conversation, Level.urgent, (), "hold.silent", None)


def prolong(system: System, session: Session, patient_id: str, staff: Staff) -> None:
    """Work by the holder lengthens their lease on the patient's alert; nobody else's does."""
    alert = _running(session, patient_id)
    if alert is None or alert.state != "acked" or alert.acked_by != staff.id:
        return
    until = system.clock.now() + timedelta(minutes=alert.policy["ack_minutes"])
    if alert.ack_until is None or until > alert.ack_until:
        alert.ack_until = until


def resolve(
    system: System,
    session: Session,
    escalation_id: str,
    staff: Staff,
    disposition: str,
    note: str,
) -> Escalation:
    """Record the outcome. The conversation's risk falls here: a human has decided (I5)."""
    now = system.clock.now()
    # The conversation first, as everybody does who needs both.
    conversation_id = session.scalar(
        select(Escalation.conversation_id).where(Escalation.id == escalation_id)
    )
    conversation = delivery.locked(session, str(conversation_id))
    alert = _get(session, escalation_id)
    if alert.state == "resolved":
        raise RefusedError("This alert is already resolved.")
    if alert.state == "open" or alert.acked_by != staff.id:
        raise RefusedError("Acknowledge the alert first, then resolve it.")
    if disposition not in policy.load()["dispositions"]:
        raise RefusedError("Choose an outcome.")
    if not note.strip():
        raise RefusedError("Write what happened, in a sentence or more.")
    alert.state, alert.ack_until = "resolved", None
    alert.resolved_by, alert.resolved_at = staff.id, now
    alert.disposition = disposition
    alert.note_sealed = system.vault(session).seal(
        alert.patient_id, "escalation", "note", alert.id, note
    )
    conversation.risk_level, conversation.risk_categories = "none", []
    conversation.risk_since = conversation.watch_until = None
    _audit(
        system,
        session,
        alert,
        f"staff:{staff.id}",
        "escalation.resolve",
        disposition=disposition,
    )
    follow.tell(session, alert, RESOLVED, now)
    _tell_pages(system, session, alert)
    return alert


def advance(system: System, session: Session) -> int:
    """One engine step: due policy steps are sent, lapsed acknowledgements open again.

    Returns how many alerts moved.
    """
    now = system.clock.now()
    lapsed = session.scalars(
        select(Escalation)
        .where(Escalation.state == "acked", Escalation.ack_until <= now)
        .with_for_update(skip_locked=True)
    ).all()
    for alert in lapsed:
        _reopen(system, session, alert, "system", "escalation.ack_lapsed")
    due = session.scalars(
        select(Escalation)
        .where(Escalation.state == "open", Escalation.next_at <= now)
        .order_by(Escalation.next_at)
        .with_for_update(skip_locked=True)
    ).all()
    for alert in due:
        # Only a wrapped loop brings the clock back to the first step: nobody has answered.
        if (
            alert.step == 0
            and not alert.unanswered
            and not _note_unanswered(system, session, alert)
        ):
            continue
        _take_step(system, session, alert, now)
        _tell_pages(system, session, alert)
    # Last: whom a step has just called is no newcomer.
    _tell_newcomers(system, session, now)
    return len(lapsed) + len(due)


def _note_unanswered(system: System, session: Session, alert: Escalation) -> bool:
    """A whole round without an answer: the patient is told the truth, with numbers to use now.

    False: the conversation is being written to. Intake takes the conversation first and the alert
    then, so waiting for it here could lock both of us for good; the next look is soon.
    """
    conversation = session.scalars(
        select(Conversation)
        .where(Conversation.id == alert.conversation_id)
        .with_for_update(of=Conversation, skip_locked=True)
    ).first()
    if conversation is None:
        return False
    alert.unanswered = True
    _audit(system, session, alert, "system", "escalation.unanswered")
    delivery.say(system, session, conversation, "alert.nobody_yet", author="system")
    return True


def _tell_newcomers(system: System, session: Session, now: datetime) -> None:
    """Whoever comes on call hears of every alert that still calls, without waiting for a step."""
    waiting = session.scalars(select(Escalation).where(Escalation.state == "open")).all()
    people = on_call.on_call(session, now) if waiting else []
    for alert in waiting:
        told = on_call.told(session, alert.id)
        fresh = [person for person in people if person.id not in told]
        if _enqueue(session, alert, fresh, "on-call", now):
            _audit(system, session, alert, "system", "escalation.newcomer")


def running_for(session: Session, patient_id: str) -> Escalation | None:
    """The alert a patient has now, if any (reading only)."""
    return session.scalars(
        select(Escalation).where(
            Escalation.patient_id == patient_id, Escalation.state != "resolved"
        )
    ).first()


def _running(session: Session, patient_id: str) -> Escalation | None:
    return session.scalars(
        select(Escalation)
        .where(Escalation.patient_id == patient_id, Escalation.state != "resolved")
        .with_for_update()
    ).first()


def _get(session: Session, escalation_id: str) -> Escalation:
    return session.get_one(Escalation, escalation_id, with_for_update=True)


def _open(
    system: System,
    session: Session,
    conversation: Conversation,
    level: Level,
    categories: Sequence[str],
    reason: str,
    now: datetime,
) -> Escalation:
    alert = Escalation(
        number=(session.scalar(select(func.max(Escalation.number))) or 0) + 1,
        patient_id=conversation.patient_id,
        conversation_id=conversation.id,
        state="open",
        level=level.name,
        categories=list(categories),
        reason=reason,
        policy=_policy(session, level, now),
        step=0,
        loop=0,
        next_at=now,
        opened_at=now,
    )
    session.add(alert)
    session.flush()
    _audit(system, session, alert, "system", "escalation.open", level=level.name)
    # The first step goes out with the transaction that found the risk.
    _take_step(system, session, alert, now)
    return alert


def _policy(session: Session, level: Level, now: datetime) -> dict[str, Any]:
    clinic = session.get(Clinic, 1)
    return policy.for_level(level.name, clinic is not None and hours.of(clinic).are_open(now))


def _attach(
    system: System,
    session: Session,
    alert: Escalation,
    level: Level,
    categories: Sequence[str],
    message_id: str | None,
    now: datetime,
) -> None:
    alert.categories = sorted({*alert.categories, *categories})
    if level > Level.of(alert.level):
        alert.level, alert.policy = level.name, _policy(session, level, now)
        _audit(system, session, alert, "system", "escalation.rise", level=level.name)
        _restart(system, session, alert, now)
    elif alert.state == "acked" and alert.acked_by:
        _tell_more(session, alert, session.get_one(Staff, alert.acked_by), message_id, now)


def _tell_more(
    session: Session, alert: Escalation, holder: Staff, message_id: str | None, now: datetime
) -> None:
    """The holder hears that there is more to read, but not fifty times from fifty messages: one
    that waits tells of this too, and the next goes out the policy's ``more_minutes`` later."""
    last = session.scalars(
        select(Outbox)
        .join(StaffContact, StaffContact.id == Outbox.contact_id)
        .where(
            Outbox.escalation_id == alert.id,
            Outbox.key.contains("/more/"),
            StaffContact.staff_id == holder.id,
        )
        .order_by(Outbox.id.desc())
        .limit(1)
    ).first()
    if last is not None and last.state == "queued":
        return
    pause = timedelta(minutes=policy.load()["more_minutes"])
    due = max(now, (last.sent_at or last.created_at) + pause) if last else now
    _enqueue(session, alert, [holder], f"more/{message_id}", due)


def _reopen(system: System, session: Session, alert: Escalation, actor: str, act: str) -> None:
    _audit(system, session, alert, actor, act)
    _restart(system, session, alert, system.clock.now())
    _tell_pages(system, session, alert)


def _restart(system: System, session: Session, alert: Escalation, now: datetime) -> None:
    alert.state, alert.ack_until = "open", None
    alert.step, alert.loop, alert.next_at = 0, alert.loop + 1, now
    session.flush()
    _take_step(system, session, alert, now)


def _take_step(system: System, session: Session, alert: Escalation, now: datetime) -> None:
    """Enqueue the step that is due and set the next one. A step nobody answers to is skipped."""
    steps: list[dict[str, Any]] = alert.policy["steps"]
    while True:
        step = steps[alert.step]
        reached = _notify(system, session, alert, step["to"], now)
        if not reached:
            _audit(system, session, alert, "system", "escalation.nobody", step=step["to"])
        if alert.step + 1 == len(steps):
            alert.step, alert.loop = 0, alert.loop + 1
            alert.next_at = now + timedelta(minutes=alert.policy["repeat"])
            return
        wait = steps[alert.step + 1]["after"] - step["after"]
        alert.step += 1
        alert.next_at = now + timedelta(minutes=wait)
        if reached:
            return


def _notify(system: System, session: Session, alert: Escalation, to: str, now: datetime) -> int:
    """Outbox rows for everybody a step names; returns how many. Once a whole round went by without
    an answer, each first step names the policy's ``unanswered`` people too."""
    people = {p.id: p for p in on_call.targets(session, to, alert.patient_id, now)}
    if alert.unanswered and alert.step == 0:
        more = on_call.targets(session, alert.policy["unanswered"], alert.patient_id, now)
        people |= {p.id: p for p in more}
    return _enqueue(session, alert, list(people.values()), f"{alert.loop}/{alert.step}", now)


def _enqueue(
    session: Session, alert: Escalation, people: Sequence[Staff], occasion: str, due: datetime
) -> int:
    """One row for each verified contact. The key makes an occasion happen once."""
    count = 0
    for person in people:
        for contact in on_call.contacts(session, person.id):
            session.add(
                Outbox(
                    key=f"esc/{alert.id}/{occasion}/{contact.id}",
                    channel=contact.channel,
                    contact_id=contact.id,
                    template=ALERT,
                    escalation_id=alert.id,
                    params={"number": alert.number, "level": alert.level},
                    priority=_PRIORITY[alert.level],
                    due_at=due,
                    created_at=due,
                )
            )
            count += 1
    session.flush()
    return count


def _audit(
    system: System, session: Session, alert: Escalation, actor: str, act: str, **detail: Any
) -> None:
    system.audit.add(
        session,
        system.clock.now(),
        actor,
        act,
        f"escalation:{alert.id}",
        alert.patient_id,
        **detail,
    )


def _tell_pages(system: System, session: Session, alert: Escalation) -> None:
    feed.publish(system, session, feed.STAFF, "escalation", alert.id)
    feed.publish(system, session, feed.conversation(alert.conversation_id), "state")
