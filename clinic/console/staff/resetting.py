"""An administrator takes a colleague's way in back, and sends them another. It is said first what
that means, and asked for with a fresh proof: it could let somebody else in as them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from clinic import invitations
from clinic.console.desk import Desk, MissingError, back_to
from clinic.console.sign_in import access, keys, setting_up
from clinic.console.sign_in.access import Who
from clinic.console.staff import colleague
from clinic.console.staff.team import PAGE
from clinic.records.models import Staff

Text = Annotated[str, Form()]
HERE = f"{PAGE}/{{staff_id}}/reset"


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get(HERE)
    def ask(staff_id: str, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        colleague.leads(who)
        return form(who, staff_id)

    @router.post(HERE)
    def reset(
        staff_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        code: Text = "",
        signed: Text = "",
    ) -> Response:
        colleague.leads(who)
        with system.database.read() as session:
            _theirs(session, who, staff_id)
        if not access.again(system, who, code, signed):
            return form(who, staff_id, {"code": access.NOT_PROVED})
        with system.database.write() as session:
            person, by = _theirs(session, who, staff_id), session.get_one(Staff, who.staff.id)
            setting_up.start_anew(system, session, person, by)
        return back_to(f"{PAGE}/{staff_id}?said=reset")

    def form(who: Who, staff_id: str, problems: dict[str, str] | None = None) -> Response:
        with system.database.read() as session:
            person = _theirs(session, who, staff_id)
        return desk.page(
            "reset.html",
            who,
            422 if problems else 200,
            here="team",
            person=person,
            days=invitations.LIFE.days,
            keyed=keys.has(system, who.staff),
            problems=problems or {},
        )


def _theirs(session: Session, who: Who, staff_id: str) -> Staff:
    """A colleague who works here. One's own sign-in is changed on one's own page."""
    person = colleague.somebody(session, staff_id, lock=False)
    if not person.active or person.id == who.staff.id:
        raise MissingError
    return person
