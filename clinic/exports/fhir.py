"""A patient's record as a FHIR R4 bundle, for the clinic's own systems.

Infusions with their visits, measures with their answers and scores, what check-ins told
(fhir_lived.py), alerts as flags, consents, steps; messages and shared pages of the journal only
where the patient agreed (fhir_chat.py). Codes are LOINC where the measure names them
(data/measures); what has no code we know has words and no invented one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from bot.measures import Measure
from clinic.console import wording
from clinic.console.patient import person
from clinic.console.patient.withheld import withheld
from clinic.conversation import measuring
from clinic.exports import fhir_chat, fhir_lived
from clinic.exports.fhir_parts import Resource, at, document_of, reference, subject, urn, uuid_of
from clinic.records.models import (
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    RiskAssessment,
)
from clinic.system import System

LOINC = "http://loinc.org"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_STEPS = {
    "done": "completed",
    "partly": "in-progress",
    "not_yet": "not-started",
    "dropped": "cancelled",
}


def bundle(system: System, session: Session, patient: Patient) -> Resource:
    """Everything as one collection; resources name each other by ``urn:uuid``."""
    now = system.clock.now()
    resources = [
        _patient(system, session, patient),
        *_infusions(session, patient, now),
        *_measures(system, session, patient),
        *fhir_lived.observations(system, session, patient),
        *_flags(session, patient),
        *_unreadable(system, session, patient),
        *_consents(system, session, patient),
        *_plans(system, session, patient),
        *fhir_chat.communications(system, session, patient),
        *fhir_chat.pages(system, session, patient),
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": at(now),
        "entry": [{"fullUrl": urn(one["id"]), "resource": one} for one in resources],
    }


def attach(bundle: Resource, patient: Patient, title: str, document: bytes) -> None:
    """A PDF into the bundle, in full."""
    made = bundle["timestamp"]
    found = document_of(
        patient, uuid_of(patient.id, title), title, made, "application/pdf", document
    )
    bundle["entry"].append({"fullUrl": urn(found["id"]), "resource": found})


def _patient(system: System, session: Session, patient: Patient) -> Resource:
    vault = system.vault(session)
    phone = vault.shown_phone(patient)
    found: Resource = {
        "resourceType": "Patient",
        "id": uuid_of(patient.id),
        "active": patient.active,
        "name": [{"text": vault.shown_name(patient)}],
    }
    if phone:
        found["telecom"] = [{"system": "phone", "value": phone}]
    return found


def _infusions(session: Session, patient: Patient, now: datetime) -> Iterable[Resource]:
    """Each visit, and what was done at it. What is only planned is a visit and no procedure yet."""
    rows = session.scalars(
        select(Infusion)
        .where(Infusion.patient_id == patient.id, Infusion.cancelled.is_(False))
        .order_by(Infusion.started_at)
    )
    for row in rows:
        begun = row.started_at <= now
        over = row.ended_at is not None and row.ended_at <= now
        period = {"start": at(row.started_at)}
        if over and row.ended_at is not None:
            period["end"] = at(row.ended_at)
        visit = uuid_of(row.id, "visit")
        yield {
            "resourceType": "Encounter",
            "id": visit,
            "status": "finished" if over else "in-progress" if begun else "planned",
            "class": {"system": f"{_TERMS}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
            "type": [{"text": f"Visit for ketamine infusion {row.number}"}],
            "subject": subject(patient),
            "period": period,
        }
        if begun:
            yield {
                "resourceType": "Procedure",
                "id": uuid_of(row.id),
                "status": "completed" if over else "in-progress",
                "code": {"text": f"Ketamine infusion {row.number}"},
                "subject": subject(patient),
                "encounter": reference(visit),
                "performedPeriod": period,
            }


def _measures(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    """Each finished administration: the answers, and the score computed from them."""
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient.id, Record.kind == measuring.KIND)
        .order_by(Record.created_at, Record.key)
    )
    known = measures.measures()
    for row, data in system.vault(session).documents(rows):
        measure = known.get(data["measure"])
        if measure is None or row.state != "complete":
            continue
        yield _response(patient, row, measure, data["answers"])
        value = measures.score(measure, data["answers"]).value
        if value is not None:
            yield _observation(patient, row, measure, value)


def _response(patient: Patient, row: Record, measure: Measure, answers: dict[str, int]) -> Resource:
    found: Resource = {
        "resourceType": "QuestionnaireResponse",
        "id": uuid_of(row.id),
        "status": "completed",
        "subject": subject(patient),
        "authored": at(row.updated_at),
        "item": [
            {
                "linkId": f"/{item.loinc}" if item.loinc else item.id,
                "text": item.text,
                "answer": [_answer(item, answers[item.id])],
            }
            for item in measure.items
            if item.id in answers
        ],
    }
    if "panel" in measure.loinc:
        found["questionnaire"] = f"{LOINC}/q/{measure.loinc['panel']}"
    return found


def _answer(item: measures.Item, value: int) -> Resource:
    option = next((one for one in item.scale if one.value == value), None)
    if option is None or option.loinc is None:
        return {"valueInteger": value}
    return {"valueCoding": {"system": LOINC, "code": option.loinc, "display": option.title}}


def _observation(patient: Patient, row: Record, measure: Measure, value: float) -> Resource:
    code: Resource = {"text": f"{measure.name} score"}
    if "total" in measure.loinc:
        code["coding"] = [{"system": LOINC, "code": measure.loinc["total"]}]
    return {
        "resourceType": "Observation",
        "id": uuid_of(row.id, "score"),
        "status": "final",
        "category": [{"coding": [{"system": f"{_TERMS}/observation-category", "code": "survey"}]}],
        "code": code,
        "subject": subject(patient),
        "effectiveDateTime": at(row.updated_at),
        "valueQuantity": {
            "value": value,
            "unit": "{score}",
            "system": "http://unitsofmeasure.org",
            "code": "{score}",
        },
        "derivedFrom": [reference(uuid_of(row.id))],
    }


def _flags(session: Session, patient: Patient) -> Iterable[Resource]:
    """An alert is a flag until a person has recorded its outcome; it is no diagnosis."""
    rows = session.scalars(
        select(Escalation).where(Escalation.patient_id == patient.id).order_by(Escalation.opened_at)
    )
    for row in rows:
        period = {"start": at(row.opened_at)}
        if row.resolved_at is not None:
            period["end"] = at(row.resolved_at)
        kinds = ", ".join(row.categories)
        yield {
            "resourceType": "Flag",
            "id": uuid_of(row.id),
            "status": "inactive" if row.state == "resolved" else "active",
            "category": [{"coding": [{"system": f"{_TERMS}/flag-category", "code": "safety"}]}],
            "code": {"text": f"Automated screening, {row.level}: {kinds}"},
            "subject": subject(patient),
            "period": period,
        }


def _unreadable(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    """What is not in the bundle though it was kept: whoever reads it must know that it is short."""
    said = wording.unopened(person.unreadable(system, session, patient.id))
    if said:
        yield {
            "resourceType": "Flag",
            "id": uuid_of(patient.id, "unreadable"),
            "status": "active",
            "category": [{"coding": [{"system": f"{_TERMS}/flag-category", "code": "admin"}]}],
            "code": {"text": said},
            "subject": subject(patient),
        }


def _consents(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient.id, Record.kind == "consent")
        .order_by(Record.created_at, Record.key)
    )
    for row, data in system.vault(session).documents(rows):
        yield {
            "resourceType": "Consent",
            "id": uuid_of(row.id),
            "status": "active" if data["given"] else "rejected",
            "scope": {"coding": [{"system": f"{_TERMS}/consentscope", "code": "patient-privacy"}]},
            "category": [{"text": str(data["scope"])}],
            "patient": subject(patient),
            "dateTime": at(row.updated_at),
            "policyRule": {"text": "As asked in the chat"},
        }


def _plans(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    """The patient's own steps as one plan; those they keep to themselves are not in it."""
    rows = session.execute(
        select(Record, Message)
        .join(Message, Message.id == Record.message_id)
        .where(Record.patient_id == patient.id, Record.kind == "small_step")
        .order_by(Record.created_at, Record.id)
    ).all()
    messages = [message for _, message in rows]
    ids = [message.id for message in messages]
    found = session.scalars(select(RiskAssessment).where(RiskAssessment.message_id.in_(ids)))
    hidden = withheld(session, system.words, messages, {row.message_id: row for row in found})
    shown = [row for row, message in rows if message.id not in hidden]
    activities = [
        {
            "detail": {
                "status": _STEPS.get(row.state or "", "not-started"),
                "description": data["text"],
            }
        }
        for row, data in system.vault(session).documents(shown)
    ]
    if activities:
        yield {
            "resourceType": "CarePlan",
            "id": uuid_of(patient.id, "steps"),
            "status": "active",
            "intent": "plan",
            "title": "The patient's own small steps",
            "subject": subject(patient),
            "activity": activities,
        }
