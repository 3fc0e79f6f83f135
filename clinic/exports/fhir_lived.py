"""How it was between infusions, in the bundle (fhir.py): mood, worry, distress and after-effects of
each check-in, as observations. The questions are the product's own, so they have words and no code;
no row of data/variables.yml names one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.variables import TRACKED, Variable
from clinic.exports.fhir_parts import Resource, at, subject, uuid_of
from clinic.records.models import Patient, Record
from clinic.system import System

#: What of a check-in leaves: how somebody was, and what the infusion left behind.
TOLD = ("mood", "worry", "distress", "fog", "dizzy", "nausea", "body")
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def observations(system: System, session: Session, patient: Patient) -> Iterable[Resource]:
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient.id, Record.kind == "check_in")
        .order_by(Record.created_at, Record.key)
    )
    for row, data in system.vault(session).documents(rows):
        for name in TOLD:
            if data.get(name) is not None:
                yield _observation(patient, row, TRACKED[name], data[name])


def _observation(patient: Patient, row: Record, variable: Variable, value: Any) -> Resource:
    found: Resource = {
        "resourceType": "Observation",
        "id": uuid_of(row.id, variable.name),
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "survey"}]}],
        "code": {"text": f"{variable.label}, as the patient said it"},
        "subject": subject(patient),
        "effectiveDateTime": at(row.updated_at),
    }
    if variable.scale is None:
        return found | {"valueCodeableConcept": {"text": str(value)}}
    low, high = variable.scale
    unit = {"system": "http://unitsofmeasure.org", "code": "{score}"}
    return found | {
        "valueQuantity": {"value": value, "unit": variable.unit, **unit},
        "referenceRange": [{"text": f"From {low:g} to {high:g}"}],
    }
