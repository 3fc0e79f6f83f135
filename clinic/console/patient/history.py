"""What staff note of a patient's medical history, so that a sign of the body counts higher."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic import medical_history
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/patients/{patient_id}/history")
    def note(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        noted: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            try:
                medical_history.note(
                    system, session, patient_id, noted or [], f"staff:{who.staff.id}"
                )
            except NotPossibleError:
                raise MissingError from None
        return back_to(f"{HOME}/patients/{patient_id}?said=history")
