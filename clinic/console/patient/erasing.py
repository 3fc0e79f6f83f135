"""Erasing a patient from the desk: by who answers for the clinic's records, with a fresh code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from clinic import erasure
from clinic.console import wording
from clinic.console.desk import Desk, MissingError
from clinic.console.sign_in import access, keys
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError
from clinic.records.models import Patient, Staff

Text = Annotated[str, Form()]
ROLES = {"supervisor", "admin"}


def may_erase(staff: Staff) -> bool:
    """Beside a reason to read the patient."""
    return bool(ROLES & set(staff.roles))


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/erase")
    def ask(patient_id: str, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        return form(who, patient_id)

    @router.post("/console/patients/{patient_id}/erase")
    def erase(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        name: Text = "",
        code: Text = "",
        signed: Text = "",
    ) -> Response:
        with reading(who, patient_id) as session:
            known = system.vault(session).shown_name(session.get_one(Patient, patient_id))
        if name.strip().casefold() != known.casefold():
            return form(who, patient_id, {"name": "That is not this patient's name."}, name)
        if not access.again(system, who, code, signed):
            wrong = {"code": access.NOT_PROVED}
            return form(who, patient_id, wrong, name)
        try:
            erasure.erase(system, patient_id, f"staff:{who.staff.id}")
        except NotPossibleError as error:
            return form(who, patient_id, {"name": str(error)}, name)
        return desk.page("erased.html", who, here="patients")

    @contextmanager
    def reading(who: Who, patient_id: str) -> Iterator[Session]:
        with desk.reading(who, patient_id) as (session, _):
            if not may_erase(who.staff):
                raise MissingError
            yield session

    def form(
        who: Who, patient_id: str, problems: dict[str, str] | None = None, typed: str = ""
    ) -> Response:
        with reading(who, patient_id) as session:
            patient = session.get_one(Patient, patient_id)
            name = system.vault(session).shown_name(patient)
            hindrance = erasure.why_not(session, patient)
        return desk.page(
            "erase.html",
            who,
            422 if problems else 200,
            here="review",
            patient_id=patient_id,
            name=name,
            initials=wording.initials(name),
            hindrance=hindrance,
            typed=typed,
            keyed=keys.has(system, who.staff),
            problems=problems or {},
        )
