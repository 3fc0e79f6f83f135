"""Where to send help: where a patient has said they are, noted by whoever heard it.

Kept like what the dialogue learned: sealed, every version, in the export. The newest counts.
"""

import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import crisis, feed
from clinic.console.desk import HOME, Desk, back_to
from clinic.console.sign_in.access import Who
from clinic.conversation import whereabouts
from clinic.records.models import Clinic, Patient, Record, new_id
from clinic.records.vault import UNREADABLE
from clinic.system import System

KIND = "location"
_LONGEST = 500


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/patients/{patient_id}/location")
    def note(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        where: Annotated[str, Form()] = "",
    ) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            if where.strip():
                _keep(system, session, patient_id, who, where.strip()[:_LONGEST])
        return back_to(f"{HOME}/patients/{patient_id}?said=location")


def newest(system: System, session: Session, patient_id: str) -> tuple[str, datetime] | None:
    """(words, when noted), or None when nobody has noted any."""
    row = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == KIND)
        .order_by(Record.created_at.desc(), Record.id)
        .limit(1)
    ).first()
    if row is None:
        return None
    opened = [data["text"] for _, data in system.vault(session).documents([row])]
    return (opened or [UNREADABLE])[0], row.created_at


def country(system: System, session: Session, patient: Patient) -> str:
    """The country they have set, in words; empty while it is the clinic's."""
    home = (whereabouts.DEFAULTS | session.get_one(Clinic, 1).settings)["country"]
    code = patient.country or home
    if code == home:
        return ""
    item = f"settings.country_{code}"
    name = system.words.render(item) if item in system.words else code
    if code in crisis.countries():
        return f"Country now: {name}. The chat names the numbers to call there."
    return f"Country now: {name}. No numbers to call are known for it; the chat names none."


def _keep(system: System, session: Session, patient_id: str, who: Who, where: str) -> None:
    now = system.clock.now()
    row = Record(
        id=new_id(),
        patient_id=patient_id,
        kind=KIND,
        key=new_id(),
        created_at=now,
        updated_at=now,
    )
    row.data_sealed = system.vault(session).seal(
        patient_id, "record", "data", row.id, json.dumps({"text": where})
    )
    session.add(row)
    staff = f"staff:{who.staff.id}"
    system.audit.add(session, now, staff, "patient.location", f"patient:{patient_id}", patient_id)
    feed.publish(system, session, feed.STAFF, "record", row.id)
