"""Who else has this patient open now, and who is writing: so that two do not do the same unseen."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console.desk import Desk
from clinic.console.sign_in import access
from clinic.console.sign_in.access import Who
from clinic.conversation import delivery, handoff
from clinic.escalation.machine import RefusedError
from clinic.records.models import Conversation, Reader, Staff

#: A page says every 15 seconds that it is open; two silent rounds and it is not.
_HERE = timedelta(seconds=35)


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/looking")
    def looking(patient_id: str, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        """This page is open; who else has it open."""
        names: list[str] = []
        with desk.reading(who, patient_id) as (session, _):
            conversation = session.scalars(
                select(Conversation).where(Conversation.patient_id == patient_id)
            ).first()
            if conversation is not None:
                # No sequence number: an open page is no proof that somebody reads it.
                delivery.mark_read(system, session, conversation, who.staff.id, 0)
                names = others(session, conversation.id, who.staff, system.clock.now())
        return desk.page("_looking.html", who, patient_id=patient_id, looking=names)

    @router.post("/console/conversations/{conversation_id}/typing")
    def typing(conversation_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        """The holder writes: the patient sees it, the hold goes on, and nobody is idle."""
        access.touch(system, who)
        with system.database.read() as session:
            conversation = session.get(Conversation, conversation_id)
            patient_id = conversation.patient_id if conversation else None
        with desk.reading(who, patient_id) as (session, _):
            try:
                handoff.typing(system, session, conversation_id, who.staff)
            except RefusedError:
                return Response(status_code=409)
        return Response(status_code=204)


def others(session: Session, conversation_id: str, staff: Staff, now: datetime) -> list[str]:
    """Names of colleagues who have the patient's page open."""
    return list(
        session.scalars(
            select(Staff.name)
            .join(Reader, Reader.who == Staff.id)
            .where(
                Reader.conversation_id == conversation_id,
                Reader.here_at > now - _HERE,
                Staff.id != staff.id,
            )
            .order_by(Staff.name)
        )
    )
