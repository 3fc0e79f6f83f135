"""Who is on call in the coming week, gaps first; and standing in for a colleague."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console.desk import HOME, Desk, back_to, zone
from clinic.console.sign_in.access import Who
from clinic.escalation import on_call, rota
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Staff

Text = Annotated[str, Form()]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/on-call")
    def week(who: Annotated[Who, Depends(desk.signed_in)], said: str = "") -> Response:
        return show(who, done="You stand in for them." if said == "standing-in" else "")

    @router.post("/console/on-call/stand-in")
    def stand_in(
        who: Annotated[Who, Depends(desk.acting)],
        instead_of: Text = "",
        start: Text = "",
        until: Text = "",
    ) -> Response:
        """Only for oneself: nobody is put on call from this page without knowing it."""
        form = {"instead_of": instead_of, "start": start, "until": until}
        try:
            with system.database.write() as session:
                colleague = session.get(Staff, instead_of)
                if colleague is None:
                    raise NotPossibleError("Choose whom you stand in for.")
                rota.add_shift(
                    system,
                    session,
                    session.get_one(Staff, who.staff.id),
                    _local(session, start),
                    _local(session, until),
                    instead_of=colleague,
                    actor=f"staff:{who.staff.id}",
                )
        except NotPossibleError as error:
            return show(who, status=422, problems={"until": str(error)}, form=form)
        return back_to(f"{HOME}/on-call?said=standing-in")

    def show(
        who: Who,
        status: int = 200,
        done: str = "",
        problems: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Response:
        now = system.clock.now()
        with system.database.read() as session:
            spans = on_call.spans(session, now)
            fallback = [person.name for person in on_call.fallback(session)]
            rotation = {duty.staff_id for duty in on_call.duties(session, now, now + on_call.AHEAD)}
            colleagues = [
                person
                for person in session.scalars(select(Staff).where(Staff.active))
                if person.id in rotation and person.id != who.staff.id
            ]
        return desk.page(
            "on_call.html",
            who,
            status,
            here="on-call",
            spans=spans,
            gaps=[span for span in spans if not span.reachable],
            fallback=fallback,
            colleagues=colleagues,
            done=done,
            problems=problems or {},
            form=form or {"instead_of": "", "start": "", "until": ""},
        )


def _local(session: Session, text: str) -> datetime:
    """A browser's date and time, by the clinic's clock."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise NotPossibleError("Give both times.") from None
    return read.replace(tzinfo=zone(session.get(Clinic, 1))).astimezone(UTC)
