"""Silence is data: a patient whom there was reason to worry about, and who then falls silent, is
looked in on (domain.md 3.3).

- silent since an alert had its outcome, for as long as the policy says;
- two of the named touches after one infusion not answered, by somebody who has shown thoughts of
  suicide before;
- an infusion is near, and nobody has said whether there is a ride home (P11). A no has made its
  task in the talk.

Each opens a clinic task on the console's list of requests and pages nobody: a human has decided
about the alert, and not answering is no emergency. (A ``watch`` that stays unanswered does become
an alert: engine._watch.)
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Exists, SQLColumnExpression, exists, func, select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.conversation.known import ride_home
from clinic.escalation import policy
from clinic.records.models import (
    Conversation,
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    RiskAssessment,
    Touch,
    new_id,
)
from clinic.system import System

SILENT = "welfare"
MISSED = "welfare_touches"
RIDE = "ride"
#: What lies longer ago than this is history.
_REACH = timedelta(days=14)


def look_in(system: System, session: Session) -> int:
    """Open the tasks that are due, each once. Returns how many."""
    alerts = _silent(system, session)
    for alert in alerts:
        _open_task(system, session, alert.patient_id, SILENT, alert.id)
    windows = _missed(system, session)
    for patient_id, infusion_id in windows:
        _open_task(system, session, patient_id, MISSED, infusion_id)
    rides = _unanswered_rides(system, session)
    for infusion in rides:
        _open_task(system, session, infusion.patient_id, RIDE, infusion.id)
    return len(alerts) + len(windows) + len(rides)


def _silent(system: System, session: Session) -> list[Escalation]:
    """Alerts whose patient has written nothing since the outcome."""
    now = system.clock.now()
    silence = timedelta(hours=policy.load()["welfare"]["silence_hours"])
    wrote_since = exists().where(
        Message.conversation_id == Escalation.conversation_id,
        Message.author == "patient",
        Message.kind != "open",
        Message.created_at > Escalation.resolved_at,
    )
    asked_before = _asked(SILENT, Escalation.patient_id, Escalation.id)
    return list(
        session.scalars(
            select(Escalation).where(
                Escalation.state == "resolved",
                Escalation.disposition != "false_alarm",
                Escalation.resolved_at <= now - silence,
                Escalation.resolved_at > now - _REACH,
                ~wrote_since,
                ~asked_before,
            )
        )
    )


def _asked(
    task: str, patient_id: SQLColumnExpression[str], about: SQLColumnExpression[Any]
) -> Exists:
    """Whether the clinic has had this task before, finished or not."""
    return exists().where(
        Record.patient_id == patient_id,
        Record.kind == "clinic_task",
        Record.key == f"{task}-" + about,
    )


def _missed(system: System, session: Session) -> list[tuple[str, str]]:
    """(patient, infusion) where enough of the named touches came and were not answered."""
    rules = policy.load()["welfare"]
    asked_before = _asked(MISSED, Touch.patient_id, Touch.infusion_id)
    windows = session.execute(
        select(Touch.patient_id, Touch.infusion_id)
        .where(
            Touch.state == "missed",
            Touch.reason == "not_answered",
            Touch.kind.in_(rules["touches"]),
            Touch.infusion_id.is_not(None),
            Touch.until > system.clock.now() - _REACH,
            ~asked_before,
        )
        .group_by(Touch.patient_id, Touch.infusion_id)
        .having(func.count() >= rules["missed"])
    )
    return [(who, str(which)) for who, which in windows if _has_shown_ideation(session, who)]


def _unanswered_rides(system: System, session: Session) -> list[Infusion]:
    """Infusions that start within the policy's hours, and nobody knows about the ride home."""
    now = system.clock.now()
    asked_before = _asked(RIDE, Infusion.patient_id, Infusion.id)
    near = session.scalars(
        select(Infusion)
        .join(Patient, Patient.id == Infusion.patient_id)
        .where(
            Infusion.cancelled.is_(False),
            Infusion.ended_at.is_(None),
            Infusion.started_at > now,
            Infusion.started_at <= now + timedelta(hours=policy.load()["welfare"]["ride_hours"]),
            Patient.active,
            Patient.program != "ended",
            ~asked_before,
        )
    )
    return [one for one in near if ride_home(system, session, one.patient_id, now) is None]


def _has_shown_ideation(session: Session, patient_id: str) -> bool:
    """Whether any message of theirs, ever, was about suicide as the detector saw it."""
    flagged = session.scalars(
        select(RiskAssessment.categories)
        .join(Message, Message.id == RiskAssessment.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.patient_id == patient_id, RiskAssessment.level != "none")
    )
    return any("suicide" in categories for categories in flagged)


def _open_task(system: System, session: Session, patient_id: str, task: str, about: str) -> None:
    now = system.clock.now()
    record = Record(
        id=new_id(),
        patient_id=patient_id,
        kind="clinic_task",
        key=f"{task}-{about}",
        created_at=now,
        updated_at=now,
    )
    record.data_sealed = system.vault(session).seal(
        patient_id, "record", "data", record.id, json.dumps({"task": task, "urgency": "routine"})
    )
    session.add(record)
    what = f"escalation:{about}" if task == SILENT else f"infusion:{about}"
    action = "ride.unanswered" if task == RIDE else "welfare.silence"
    system.audit.add(session, now, "system", action, what, patient_id)
    feed.publish(system, session, feed.STAFF, "record", record.id)
