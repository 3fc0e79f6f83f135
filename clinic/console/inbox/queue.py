"""What needs me: running alerts by severity then age, and who asked for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic import feed, glass
from clinic.console import relations, wording
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.patient import person
from clinic.console.sign_in.access import Who
from clinic.conversation import whereabouts
from clinic.escalation import on_call
from clinic.records.models import TASK_DONE, Escalation, Patient, Record, Staff
from clinic.records.vault import UNREADABLE, Vault
from clinic.system import System


@dataclass(frozen=True)
class Row:
    """One running alert, on one line."""

    id: str
    number: int
    patient_id: str
    initials: str
    level: str
    state: str
    stage: str
    opened_at: datetime
    holder: str | None
    mine: bool
    #: When it calls again (open) or opens again (acked).
    next_at: datetime
    unanswered: bool
    #: The newest message the alert stands for, as a place on the patient's page.
    anchor: str


@dataclass(frozen=True)
class Request:
    """A patient asked the team for something that is not an alert."""

    id: str
    patient_id: str
    initials: str
    name: str
    task: str
    urgent: bool
    text: str
    asked_at: datetime


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console")
    def front(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        now = system.clock.now()
        with system.database.read() as session:
            shift = on_call.on_call(session, now)
            found = rows(system, session, who.staff, now)
            asked = requests(system, session, who.staff, now)
            unseen = glass.unseen(session, who.staff)
        return desk.page(
            "queue.html",
            who,
            here="queue",
            open_row="",
            rows=found,
            requests=asked,
            shift=sorted(one.name for one in shift),
            on_call_now=any(one.id == who.staff.id for one in shift),
            unseen=unseen,
        )

    @router.get("/console/queue")
    def fresh_rows(who: Annotated[Who, Depends(desk.signed_in)], open: str = "") -> Response:
        """The rows alone, for a page that is already there."""
        now = system.clock.now()
        with system.database.read() as session:
            found = rows(system, session, who.staff, now)
        return desk.page("_rows.html", who, rows=found, open_row=open)

    @router.get("/console/requests")
    def fresh_requests(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        now = system.clock.now()
        with system.database.read() as session:
            found = requests(system, session, who.staff, now)
        return desk.page("_requests.html", who, requests=found)

    @router.post("/console/requests/{request_id}/done")
    def done(request_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with system.database.read() as session:
            asked = session.get(Record, request_id)
            known = asked is not None and asked.kind == "clinic_task"
        with desk.reading(who, asked.patient_id if asked and known else None) as (session, _):
            record = session.get(Record, request_id)
            if record is None:
                raise MissingError
            record.state = TASK_DONE
            system.audit.add(
                session,
                system.clock.now(),
                f"staff:{who.staff.id}",
                "request.done",
                f"record:{record.id}",
                record.patient_id,
            )
            feed.publish(system, session, feed.STAFF, "record", record.id)
        return back_to(f"{HOME}#requests")


def rows(system: System, session: Session, staff: Staff, now: datetime) -> list[Row]:
    """Alerts of patients this person may read: open ones first, then by severity, then by age."""
    mine = relations.readable(session, staff, now)
    running = session.scalars(
        select(Escalation).where(Escalation.state != "resolved", Escalation.patient_id.in_(mine))
    )
    found = [_row(system, session, alert, staff, now) for alert in running]
    return sorted(found, key=lambda r: (r.state != "open", -Level.of(r.level), r.opened_at, r.id))


def requests(system: System, session: Session, staff: Staff, now: datetime) -> list[Request]:
    """What patients asked of the team and nobody has marked done; urgent first, then oldest."""
    mine = relations.readable(session, staff, now)
    waiting = session.scalars(
        select(Record).where(Record.kind == "clinic_task", Record.patient_id.in_(mine))
    )
    # In Python: most rows have no state at all, and SQL's "not equal" skips those.
    found = [_request(system, session, record) for record in waiting if record.state != TASK_DONE]
    return sorted(found, key=lambda r: (not r.urgent, r.asked_at, r.id))


def initials(system: System, session: Session, patient_ids: Sequence[str]) -> dict[str, str]:
    vault = system.vault(session)
    return {
        patient.id: wording.initials(vault.shown_name(patient))
        for patient in session.scalars(select(Patient).where(Patient.id.in_(patient_ids)))
    }


def _row(system: System, session: Session, alert: Escalation, staff: Staff, now: datetime) -> Row:
    name = system.vault(session).shown_name(session.get_one(Patient, alert.patient_id))
    holds = alert.state == "acked"
    because = person.messages_of(session, alert.id)
    until = alert.ack_until if holds else alert.next_at
    return Row(
        id=alert.id,
        number=alert.number,
        patient_id=alert.patient_id,
        initials=wording.initials(name),
        level=alert.level,
        state=alert.state,
        stage=wording.STAGES[whereabouts.place(session, alert.patient_id, now).stage],
        opened_at=alert.opened_at,
        holder=session.get_one(Staff, alert.acked_by).name if holds and alert.acked_by else None,
        mine=holds and alert.acked_by == staff.id,
        next_at=until or now,
        unanswered=alert.unanswered,
        anchor=f"m-{because[-1][0]}" if because else "end",
    )


def _request(system: System, session: Session, record: Record) -> Request:
    vault = system.vault(session)
    data = _asked(vault, record)
    name = vault.shown_name(session.get_one(Patient, record.patient_id))
    return Request(
        id=record.id,
        patient_id=record.patient_id,
        initials=wording.initials(name),
        name=name,
        task=data["task"],
        urgent=data["urgency"] == "urgent",
        text=data.get("text", ""),
        asked_at=record.created_at,
    )


def _asked(vault: Vault, record: Record) -> dict[str, Any]:
    """What was asked. One that does not open was asked all the same: somebody has to find out."""
    for _, data in vault.documents([record]):
        return dict(data)
    return {"task": "human_request", "urgency": "urgent", "text": UNREADABLE}


def place(session: Session, patient_id: str, now: datetime) -> str:
    """Where the patient is now, in a clinician's words."""
    where = whereabouts.place(session, patient_id, now)
    return wording.PLACES[where.stage].format(number=where.number)
