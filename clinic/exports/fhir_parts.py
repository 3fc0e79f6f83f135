"""What every resource of the bundle is made with: ids, references, times."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from clinic.records.models import Patient

Resource = dict[str, Any]


def uuid_of(row_id: str, part: str = "") -> str:
    """An id of ours as FHIR writes a UUID; with ``part``, another one that is always the same."""
    found = uuid.UUID(row_id)
    return str(uuid.uuid5(found, part) if part else found)


def urn(name: str) -> str:
    return f"urn:uuid:{name}"


def reference(name: str) -> dict[str, str]:
    """To the resource of that UUID, in the same bundle."""
    return {"reference": urn(name)}


def subject(patient: Patient) -> dict[str, str]:
    return reference(uuid_of(patient.id))


def at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
