"""What a clinician does with an alert: take it, give it back, record the outcome."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from clinic.console.desk import Desk, back_to
from clinic.console.patient import patients, person
from clinic.console.patient.patients import Again
from clinic.console.sign_in.access import Who
from clinic.escalation import machine, policy
from clinic.escalation.machine import RefusedError
from clinic.records.models import Escalation, Staff

Text = Annotated[str, Form()]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/escalations/{alert_id}/acknowledge")
    def acknowledge(alert_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        return move(
            alert_id,
            who,
            "acknowledged",
            lambda session, staff: machine.acknowledge(system, session, alert_id, staff),
        )

    @router.post("/console/escalations/{alert_id}/release")
    def release(alert_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        return move(
            alert_id,
            who,
            "released",
            lambda session, staff: machine.release(system, session, alert_id, staff),
        )

    @router.post("/console/escalations/{alert_id}/hand-over")
    def hand_over(
        alert_id: str, who: Annotated[Who, Depends(desk.acting)], to: Text = ""
    ) -> Response:
        def ask(session: Session, staff: Staff) -> Escalation:
            colleague = session.get(Staff, to)
            if colleague is None or not colleague.active:
                raise RefusedError("Choose whom you hand it to.")
            return machine.hand_over(system, session, alert_id, staff, colleague)

        return move(alert_id, who, "handed-over", ask)

    @router.post("/console/escalations/{alert_id}/contact")
    def contact(
        alert_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        kind: Text = "",
        note: Text = "",
    ) -> Response:
        def keep(session: Session, staff: Staff) -> Escalation:
            machine.log_contact(system, session, alert_id, staff, kind, note)
            return session.get_one(Escalation, alert_id)

        return move(alert_id, who, "contact-noted", keep, Again({}, contact=(kind, note)))

    @router.post("/console/escalations/{alert_id}/resolve")
    def resolve(
        alert_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        disposition: Text = "",
        note: Text = "",
    ) -> Response:
        problems = _missing(disposition, note)
        if problems:
            form = Again(problems, note=note, disposition=disposition)
            return patients.show(desk, who, patient_of(alert_id), status=422, form=form)
        return move(
            alert_id,
            who,
            "resolved",
            lambda session, staff: machine.resolve(
                system, session, alert_id, staff, disposition, note
            ),
            Again({}, note=note, disposition=disposition),
        )

    def move(
        alert_id: str,
        who: Who,
        said: str,
        act: Callable[[Session, Staff], Escalation],
        form: Again | None = None,
    ) -> Response:
        patient_id = patient_of(alert_id)
        try:
            with desk.reading(who, patient_id or None) as (session, _):
                act(session, session.get_one(Staff, who.staff.id))
                because = person.messages_of(session, alert_id)
        except RefusedError as refused:
            refilled = replace(form or Again({}), problems={"acts": str(refused)})
            return patients.show(desk, who, patient_id, status=409, form=refilled)
        return back_to(
            patients.url(patient_id, said, f"#m-{because[-1][0]}" if because else "#end")
        )

    def patient_of(alert_id: str) -> str:
        with system.database.read() as session:
            alert = session.get(Escalation, alert_id)
        return alert.patient_id if alert else ""


def _missing(disposition: str, note: str) -> dict[str, str]:
    problems = {}
    if disposition not in policy.load()["dispositions"]:
        problems["disposition"] = "Choose an outcome."
    if not note.strip():
        problems["note"] = "Write what happened, in a sentence or more."
    return problems
