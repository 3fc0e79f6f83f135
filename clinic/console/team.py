"""Where one is signed in, with a way to end it; and for administrators who works here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.console import access
from clinic.console.access import Who
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.conversation import handoff
from clinic.escalation import machine
from clinic.records.models import Conversation, Escalation, Staff, StaffSession
from clinic.system import System

PAGE = f"{HOME}/team"
#: Enough of a session's keyed hash to name it on a page; it opens nothing.
_NAME = 16
SAID = {
    "ended": "Signed out there.",
    "left": "They are signed out everywhere and can sign in no longer. What they held calls again.",
    "returned": "They can sign in again.",
}


@dataclass(frozen=True)
class SignedIn:
    id: str
    since: datetime
    seen_at: datetime
    here: bool


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    def admin(who: Annotated[Who, Depends(desk.acting)]) -> Who:
        if "admin" not in who.staff.roles:
            raise MissingError
        return who

    @router.get(PAGE)
    def team(who: Annotated[Who, Depends(desk.signed_in)], said: str = "") -> Response:
        leads = "admin" in who.staff.roles
        with system.database.read() as session:
            found = _signed_in(system, session, who)
            people = session.scalars(select(Staff).order_by(Staff.active.desc(), Staff.name)).all()
        return desk.page(
            "team.html",
            who,
            here="team",
            sessions=found,
            people=people if leads else [],
            done=SAID.get(said, ""),
        )

    @router.post(f"{PAGE}/sessions/{{session_id}}/end")
    def end_one(session_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        """One's own, by name; ``others``: all but the one this form comes from."""
        with system.database.write() as session:
            mine = _signed_in(system, session, who)
            ending = [
                one.id
                for one in mine
                if one.id == session_id or (session_id == "others" and not one.here)
            ]
            if not ending and session_id != "others":
                raise MissingError
            access.end_sessions(system, session, who.staff.id, ending)
            feed.publish(system, session, feed.STAFF, "session", who.staff.id)
        return back_to(f"{PAGE}?said=ended")

    @router.post(f"{PAGE}/{{staff_id}}/leave")
    def leave(staff_id: str, who: Annotated[Who, Depends(admin)]) -> Response:
        with system.database.write() as session:
            person = session.get(Staff, staff_id, with_for_update=True)
            if person is None or person.id == who.staff.id:
                raise MissingError
            let_go(system, session, person, f"staff:{who.staff.id}")
        return back_to(f"{PAGE}?said=left")

    @router.post(f"{PAGE}/{{staff_id}}/return")
    def come_back(staff_id: str, who: Annotated[Who, Depends(admin)]) -> Response:
        with system.database.write() as session:
            person = session.get(Staff, staff_id, with_for_update=True)
            if person is None:
                raise MissingError
            person.active = True
            actor, now = f"staff:{who.staff.id}", system.clock.now()
            system.audit.add(session, now, actor, "staff.return", f"staff:{person.id}")
        return back_to(f"{PAGE}?said=returned")


def let_go(system: System, session: Session, person: Staff, actor: str) -> None:
    """Somebody works here no longer: signed out everywhere, and nothing stays with them. Alerts
    they hold call again, conversations they hold go back to the companion."""
    held = session.scalars(
        select(Escalation.id).where(Escalation.acked_by == person.id, Escalation.state == "acked")
    ).all()
    for alert_id in held:
        machine.release(system, session, alert_id, person)
    talks = session.scalars(select(Conversation.id).where(Conversation.held_by == person.id)).all()
    for conversation_id in talks:
        handoff.give_back(system, session, conversation_id, person)
    person.active = False
    access.end_sessions(system, session, person.id)
    system.audit.add(session, system.clock.now(), actor, "staff.leave", f"staff:{person.id}")
    feed.publish(system, session, feed.STAFF, "session", person.id)


def _signed_in(system: System, session: Session, who: Who) -> list[SignedIn]:
    """One's own sessions that live, the newest first."""
    now = system.clock.now()
    rows = session.scalars(
        select(StaffSession)
        .where(
            StaffSession.staff_id == who.staff.id,
            StaffSession.ended_at.is_(None),
            StaffSession.half.is_(False),
            StaffSession.expires_at > now,
            StaffSession.seen_at > now - access.IDLE,
        )
        .order_by(StaffSession.created_at.desc())
    )
    here = who.session.token_hash
    return [
        SignedIn(row.token_hash[:_NAME], row.created_at, row.seen_at, row.token_hash == here)
        for row in rows
    ]
