"""Silence is data: a patient who had an alert and then writes nothing is looked in on.

It opens a clinic task on the console's list of requests and pages nobody: an alert had its outcome,
and a human decided that. (A ``watch`` that stays unanswered does become an alert: engine._watch.)
Missed touches belong here too once there are touches to miss.
"""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.escalation import policy
from clinic.records.models import Escalation, Message, Record, new_id
from clinic.system import System

TASK = "welfare"
#: Alerts resolved longer ago than this are history.
_REACH = timedelta(days=14)


def look_in(system: System, session: Session) -> int:
    """Open a task for every alert whose patient has been silent since its outcome for as long as
    the policy says; once for an alert. Returns how many."""
    now = system.clock.now()
    silence = timedelta(hours=policy.load()["welfare"]["silence_hours"])
    wrote_since = exists().where(
        Message.conversation_id == Escalation.conversation_id,
        Message.author == "patient",
        Message.created_at > Escalation.resolved_at,
    )
    asked_before = exists().where(
        Record.patient_id == Escalation.patient_id,
        Record.kind == "clinic_task",
        Record.key == "welfare-" + Escalation.id,
    )
    silent = session.scalars(
        select(Escalation).where(
            Escalation.state == "resolved",
            Escalation.disposition != "false_alarm",
            Escalation.resolved_at <= now - silence,
            Escalation.resolved_at > now - _REACH,
            ~wrote_since,
            ~asked_before,
        )
    ).all()
    for alert in silent:
        _open_task(system, session, alert)
    return len(silent)


def _open_task(system: System, session: Session, alert: Escalation) -> None:
    now = system.clock.now()
    record = Record(
        id=new_id(),
        patient_id=alert.patient_id,
        kind="clinic_task",
        key=f"welfare-{alert.id}",
        created_at=now,
        updated_at=now,
    )
    record.data_sealed = system.vault(session).seal(
        alert.patient_id,
        "record",
        "data",
        record.id,
        json.dumps({"task": TASK, "urgency": "routine"}),
    )
    session.add(record)
    system.audit.add(
        session,
        now,
        "system",
        "welfare.silence",
        f"escalation:{alert.id}",
        alert.patient_id,
    )
    feed.publish(system, session, feed.STAFF, "record", record.id)
