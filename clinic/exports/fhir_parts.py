"""What every resource of the bundle is made with: ids, references, times, documents."""

from __future__ import annotations

import base64
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


def document_of(
    patient: Patient, name: str, title: str, made: str, media: str, document: bytes
) -> Resource:
    """A document, in full."""
    attachment = {
        "contentType": media,
        "language": "en",
        "data": base64.b64encode(document).decode(),
        "title": title,
        "creation": made,
    }
    return {
        "resourceType": "DocumentReference",
        "id": name,
        "status": "current",
        "type": {"text": title},
        "subject": subject(patient),
        "date": made,
        "content": [{"attachment": attachment}],
    }
