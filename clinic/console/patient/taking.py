"""A record out of the system, as FHIR, a table or one page: a fresh code each time, on record."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from clinic.console import wording
from clinic.console.desk import Desk, MissingError
from clinic.console.patient import erasing, safety
from clinic.console.sign_in import access, keys
from clinic.console.sign_in.access import Who
from clinic.conversation import measuring
from clinic.exports import fhir, fhir_chat, summary_pdf, table
from clinic.records.models import Patient, Record, Staff
from clinic.system import System

Text = Annotated[str, Form()]
#: Kind, and what the browser is told it is.
KINDS = {
    "fhir": ("application/fhir+json", "json"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "summary": ("application/pdf", "pdf"),
}


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/export")
    def choose(patient_id: str, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        return form(desk, who, patient_id)

    @router.post("/console/patients/{patient_id}/export")
    def take(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        kind: Text = "fhir",
        code: Text = "",
        signed: Text = "",
    ) -> Response:
        # Who may not read the patient finds nothing here, whatever the code.
        with desk.reading(who, patient_id):
            if kind not in KINDS:
                raise MissingError
        if not access.again(system, who, code, signed):
            problems = {"code": access.NOT_PROVED}
            return form(desk, who, patient_id, 422, problems)
        with desk.reading(who, patient_id) as (session, reason):
            patient = session.get_one(Patient, patient_id)
            gather = {"fhir": _fhir, "csv": _csv, "summary": summary_pdf.gather}[kind]
            make = gather(system, session, patient, who.staff)
            now = system.clock.now()
            system.audit.add(
                session,
                now,
                f"staff:{who.staff.id}",
                "record.export",
                f"patient:{patient_id}",
                patient_id,
                reason=reason,
                kind=kind,
            )
        media, ending = KINDS[kind]
        # The file's name holds no patient's name (invariant I9).
        name = f"afterglow-{now:%Y-%m-%d}.{ending}"
        # Set after the transaction: nobody's message waits for a page of paper.
        return Response(
            make(),
            media_type=media,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def form(
    desk: Desk, who: Who, patient_id: str, status: int = 200, problems: dict[str, str] | None = None
) -> Response:
    with desk.reading(who, patient_id) as (session, reason):
        patient = session.get_one(Patient, patient_id)
        name = desk.system.vault(session).shown_name(patient)
        chat = fhir_chat.agreed_to(desk.system, session, patient)
    return desk.page(
        "export.html",
        who,
        status,
        here="review",
        patient_id=patient_id,
        name=name,
        initials=wording.initials(name),
        reason=wording.REASONS[reason],
        chat=chat,
        may_erase=erasing.may_erase(who.staff),
        keyed=keys.has(desk.system, who.staff),
        problems=problems or {},
    )


def _fhir(system: System, session: Session, patient: Patient, staff: Staff) -> Callable[[], bytes]:
    """The bundle, with the summary before a visit as a document. The patient's own words are in it
    only after their yes (fhir_chat.py)."""
    bundle = fhir.bundle(system, session, patient)
    own_words = fhir_chat.agreed_to(system, session, patient)
    summary = summary_pdf.gather(system, session, patient, staff, own_words=own_words)

    def make() -> bytes:
        fhir.attach(bundle, patient, "Summary before the visit", summary())
        return json.dumps(bundle, indent=2, ensure_ascii=False).encode()

    return make


def _csv(system: System, session: Session, patient: Patient, _: Staff) -> Callable[[], bytes]:
    """Every finished measure, oldest first; those that do not open are counted in the last line."""
    known = measures.measures()
    rows = [
        (_minute(at), known[name].name, known[name].loinc.get("total", ""), value, label)
        for name, scores in safety.finished(system, session, patient.id).items()
        for at, value, label in scores
    ]
    heads = ("when", "measure", "loinc", "score", "means")
    held = select(Record).where(Record.patient_id == patient.id, Record.kind == measuring.KIND)
    lost = system.vault(session).unreadable(session.scalars(held))
    what = "1 measure" if lost == 1 else f"{lost} measures"
    said = f"{what} cannot be opened and {'is' if lost == 1 else 'are'} not here"
    last = [("", said, "", "", "")] if lost else []
    return lambda: table.table(heads, [*sorted(rows), *last]).encode()


def _minute(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
