"""One patient's whole record as JSON: what "download everything" and `afterglow export` give."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from clinic import details, safety_plan
from clinic.conversation import measuring
from clinic.journal import entries
from clinic.records.models import (
    Conversation,
    Escalation,
    Infusion,
    Message,
    Patient,
    PatientContact,
    Record,
    RiskAssessment,
    Touch,
)
from clinic.records.vault import Vault
from clinic.system import System
from clinic.wake import contacts

#: What is given of an administration of a measure (clinic/conversation/measuring.py).
_MEASURE = ("measure", "version", "answers", "unclear", "named", "score")


def whole(system: System, session: Session, patient: Patient, actor: str) -> dict[str, Any]:
    """Everything kept about a patient, decrypted; the export itself is audited."""
    vault = system.vault(session)
    system.audit.add(
        session, system.clock.now(), actor, "record.export", f"patient:{patient.id}", patient.id
    )
    messages = session.execute(
        select(Message, RiskAssessment)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .outerjoin(RiskAssessment, RiskAssessment.message_id == Message.id)
        .where(Conversation.patient_id == patient.id, Message.kind != "open")
        .order_by(Message.seq)
    )
    records = session.scalars(
        select(Record).where(Record.patient_id == patient.id).order_by(Record.created_at)
    ).all()
    opened = list(vault.documents(records))
    held = [_infusion(vault, one) for one in _of(session, Infusion, patient)]
    return {
        "exported_at": system.clock.now().isoformat(),
        "patient": {
            "id": patient.id,
            "name": vault.shown_name(patient),
            "phone": vault.shown_phone(patient) or None,
            "timezone": patient.timezone,
            "country": patient.country,
        },
        "infusions": held,
        "messages": [
            {
                "at": message.created_at.isoformat(),
                "author": message.author,
                "text": vault.shown_text(message, patient.id),
                "content": message.content,
                "content_version": message.content_version,
                "spoken": message.spoken,
                "risk": assessed.level if assessed else None,
            }
            for message, assessed in messages
        ],
        "records": [
            {
                "kind": record.kind,
                "at": record.created_at.isoformat(),
                "changed": record.updated_at.isoformat(),
                "data": data,
            }
            for record, data in opened
            if record.kind not in (measuring.KIND, safety_plan.KIND, entries.KIND)
        ],
        # Rows whose bytes were changed: said, not passed over.
        "unreadable": len(records) - len(opened) + sum(one["details"] is None for one in held),
        "journal": _journal(entries.Journal(system, session, patient.id)),
        "days": [_touch(touch) for touch in _of(session, Touch, patient)],
        "measures": [
            _measure(record, data) for record, data in opened if record.kind == measuring.KIND
        ],
        "safety_plan": {
            part: [{"at": at.isoformat(), "text": text} for at, text in versions]
            for part, versions in safety_plan.versions(session, vault, patient.id).items()
            if versions
        },
        "woken_by": [
            _contact(system, session, one) for one in _of(session, PatientContact, patient)
        ],
        "alerts": [_alert(alert) for alert in _of(session, Escalation, patient)],
    }


def _of(session: Session, model: Any, patient: Patient) -> list[Any]:
    return list(session.scalars(select(model).where(model.patient_id == patient.id)))


def _journal(journal: entries.Journal) -> list[dict[str, Any]]:
    """Every entry, oldest first, with what it said before."""
    return [
        {
            "at": entry.at.isoformat(),
            "changed": entry.changed.isoformat(),
            "complete": entry.complete,
            "sharing": entry.sharing,
            "tags": entry.tags,
            "parts": [asdict(part) for part in entry.parts],
            "earlier": [
                {"written": at.isoformat(), "parts": [asdict(part) for part in parts]}
                for at, parts in journal.history(entry.id)
            ],
        }
        for entry in reversed(journal.entries())
    ]


def _touch(touch: Touch) -> dict[str, Any]:
    return {
        "touch": touch.kind,
        "due": touch.due_at.isoformat(),
        "state": touch.state,
        "reason": touch.reason,
    }


def _measure(record: Record, data: dict[str, Any]) -> dict[str, Any]:
    measure = measures.measures().get(data["measure"])
    return {
        "at": record.created_at.isoformat(),
        "changed": record.updated_at.isoformat(),
        "state": record.state,
        "loinc": dict(measure.loinc) if measure else {},
        **{name: data[name] for name in _MEASURE if name in data},
    }


def _contact(system: System, session: Session, contact: PatientContact) -> dict[str, Any]:
    return {
        "channel": contact.channel,
        "address": contacts.address(system, session, contact),
        "confirmed": contact.verified_at.isoformat() if contact.verified_at else None,
        "stopped": contact.stopped_at.isoformat() if contact.stopped_at else None,
    }


def _infusion(vault: Vault, infusion: Infusion) -> dict[str, Any]:
    return {
        "number": infusion.number,
        "started": infusion.started_at.isoformat(),
        "ended": infusion.ended_at.isoformat() if infusion.ended_at else None,
        "cancelled": infusion.cancelled,
        "booster": infusion.booster,
        "details": details.opened(vault, infusion),
    }


def _alert(alert: Escalation) -> dict[str, Any]:
    return {
        "number": alert.number,
        "level": alert.level,
        "state": alert.state,
        "opened": alert.opened_at.isoformat(),
        "resolved": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "disposition": alert.disposition,
    }
