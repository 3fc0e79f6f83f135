"""Where one is signed in, with a way to end it; and for administrators who works here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed, invitations
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.sign_in import access
from clinic.console.sign_in.access import Who
from clinic.records.models import Staff, StaffInvitation, StaffSession
from clinic.system import System

PAGE = f"{HOME}/team"
#: Enough of a session's keyed hash to name it on a page; it opens nothing.
_NAME = 16
SAID = {
    "ended": "Signed out there.",
    "left": "They are signed out everywhere and can sign in no longer. What they held calls again.",
    "returned": "They can sign in again.",
    "invited": "The invitation is on its way by mail.",
    "withdrawn": "The invitation opens nothing any more.",
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
            waiting = invitations.waiting(session)
            people = [
                one
                for one in session.scalars(select(Staff).order_by(Staff.active.desc(), Staff.name))
                if one.id not in waiting
            ]
            invited = [_invited(session, row) for row in invitations.all_open(session)]
        return desk.page(
            "team.html",
            who,
            here="team",
            sessions=found,
            people=people if leads else [],
            invited=invited if leads else [],
            now=system.clock.now(),
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

    @router.post(f"{PAGE}/{{staff_id}}/return")
    def come_back(staff_id: str, who: Annotated[Who, Depends(admin)]) -> Response:
        with system.database.write() as session:
            person = session.get(Staff, staff_id, with_for_update=True)
            if person is None or person.id in invitations.waiting(session):
                raise MissingError
            person.active = True
            actor, now = f"staff:{who.staff.id}", system.clock.now()
            system.audit.add(session, now, actor, "staff.return", f"staff:{person.id}")
        return back_to(f"{PAGE}?said=returned")


@dataclass(frozen=True)
class Invited:
    id: str
    person: Staff
    by: str
    until: datetime


def _invited(session: Session, row: StaffInvitation) -> Invited:
    by = session.get_one(Staff, row.created_by).name
    return Invited(row.id, session.get_one(Staff, row.staff_id), by, row.expires_at)


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
