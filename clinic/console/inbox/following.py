"""The forms about what to follow up, and for handing a patient over."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic import people
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.inbox import follow_up, handed
from clinic.console.inbox.follow_up import MissingPartError
from clinic.console.patient import patients
from clinic.console.patient.patients import Again
from clinic.console.sign_in.access import Who
from clinic.records.models import Patient

Text = Annotated[str, Form()]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/patients/{patient_id}/follow-up")
    def keep(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        what: Text = "",
        to: Text = "",
        on: Text = "",
    ) -> Response:
        problems: dict[str, str] = {}
        with desk.reading(who, patient_id) as (session, _):
            try:
                follow_up.keep(system, session, patient_id, who, what, to, on)
            except MissingPartError as error:
                problems = error.problems
        if problems:
            form = Again(problems, follow={"what": what, "to": to, "on": on})
            return patients.show(desk, who, patient_id, status=422, form=form)
        return _back(patient_id, "follow-up")

    @router.post("/console/patients/{patient_id}/follow-up/done")
    def done(patient_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            row = follow_up.waiting(session, patient_id)
            if row is not None:
                row.done_by, row.done_at = who.staff.id, system.clock.now()
                follow_up.note(system, session, who, "follow_up.done", row)
        return _back(patient_id, "followed-up")

    @router.post("/console/patients/{patient_id}/hand-over")
    def hand_over(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        to: Text = "",
        note: Text = "",
        stay: Text = "",
    ) -> Response:
        """Another therapist for this patient, beside this one or in their place; with a note."""
        words = note.strip()
        if len(words) > handed.LONGEST:
            says = f"Say it in {handed.LONGEST} characters; these are {len(words)}."
            form = Again({"hand-note": says}, hand={"to": to, "note": words, "stay": stay})
            return patients.show(desk, who, patient_id, status=422, form=form)
        with desk.reading(who, patient_id) as (session, reason):
            other = next((p for p in follow_up.others(session, patient_id) if p.id == to), None)
            if reason != follow_up.ROLE or other is None:
                raise MissingError
            actor, patient = f"staff:{who.staff.id}", session.get_one(Patient, patient_id)
            people.relate(system, session, patient, other, follow_up.ROLE, actor)
            if words:
                handed.keep_note(system, session, who, patient_id, other, words)
            if not stay:
                people.unrelate(system, session, patient_id, who.staff.id, follow_up.ROLE, actor)
                waiting = follow_up.waiting(session, patient_id)
                if waiting is not None and waiting.assigned_to == who.staff.id:
                    waiting.assigned_to = other.id
        return _back(patient_id, "handed") if stay else back_to(f"{HOME}/patients")


def _back(patient_id: str, said: str) -> Response:
    return back_to(f"{HOME}/patients/{patient_id}?said={said}")
