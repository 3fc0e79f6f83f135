"""What a patient has agreed to and taken back, and letting go of what is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import agreed
from clinic.journal import erasing
from clinic.journal.entries import Journal
from clinic.journal.steps import Steps
from clinic.patient.pages import Pages, Token, back
from clinic.records.models import Audit, Patient, Record
from clinic.system import System

#: The patient's own acts that are a yes or a no to something.
CHOICES = (
    *("session.start", "touches.wanted", "touches.stopped", "wake.on", "wake.off", "wake.stopped"),
    *("entry.shared", "entry.private", "entry.erased", "record.export"),
)
_SHOWN = 100


@dataclass(frozen=True)
class Choice:
    at: datetime
    #: An item of the registry: settings.did_<code>.
    code: str


def router(system: System, pages: Pages) -> APIRouter:
    """Routes of erasing, under /settings and /journal."""
    routes = APIRouter()

    @routes.post("/settings/erase")
    def erase_pages(token: Token = None) -> Response:
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            if pages.impaired(session, patient.id):
                return back("/settings?said=not_today#erase")
            erasing.erase_all(system, session, patient.id)
        return back("/settings?said=erased#erase")

    @routes.post("/settings/ask-erase")
    def ask_clinic(token: Token = None) -> Response:
        """The clinic decides about its record; the patient's wish reaches it at once."""
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            words = system.words.render("settings.erase_task")
            task = {"task": "other", "urgency": "routine", "text": words}
            Steps(system, session, patient.id).keep("clinic_task", task, "erase-everything")
        return back("/settings?said=asked#erase")

    @routes.post("/journal/{entry_id}/erase")
    def erase_one(
        entry_id: str, sure: Annotated[str, Form()] = "", token: Token = None
    ) -> Response:
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            row = Journal(system, session, patient.id).row(entry_id)
            if row is None:
                return back("/journal")
            if sure != "yes" or pages.impaired(session, patient.id):
                return back(f"/journal/{entry_id}?said=not_erased")
            kept = erasing.erase(system, session, row)
        return back(f"/journal/{entry_id}?said=stays_{kept}" if kept else "/journal?said=erased")

    return routes


def of(system: System, session: Session, patient: Patient) -> list[Choice]:
    """Newest first: what was agreed to, stopped, shared and taken along."""
    vault = system.vault(session)
    rows = session.scalars(
        select(Audit)
        .where(
            Audit.patient_id == patient.id,
            Audit.actor.in_([f"patient:{patient.id}", "anonymous", "system"]),
            Audit.action.in_(CHOICES),
        )
        .order_by(Audit.seq.desc())
        .limit(_SHOWN)
    )
    found = [Choice(row.at, row.action.replace(".", "_")) for row in rows]
    consents = session.scalars(
        select(Record).where(Record.patient_id == patient.id, Record.kind == "consent")
    )
    for record, data in vault.documents(consents):
        code = f"consent_{data['scope']}_{'given' if data['given'] else 'not_given'}"
        if data["scope"] in agreed.CHANGEABLE:
            found.append(Choice(record.updated_at, code))
    return sorted(found, key=lambda choice: choice.at, reverse=True)
