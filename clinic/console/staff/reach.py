"""How a clinician is reached: their own ways, each confirmed by a code that was sent there."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from clinic.console.desk import Desk, MissingError, back_to
from clinic.console.sign_in.access import Who
from clinic.escalation import on_call
from clinic.notify import Channels, contacts
from clinic.notify.push import public_key
from clinic.people import NotPossibleError
from clinic.records.models import Staff, StaffContact

Text = Annotated[str, Form()]
PAGE = "/console/reach"
_WRONG = "That code does not match or is over. Send a fresh one."
_ONLY_WAY = "You are on call, and this is the only way to reach you. Add another one first."
_SAID = {
    "sent": "A code is on its way. Enter it here within ten minutes.",
    "confirmed": "Confirmed. Alerts are sent there from now on.",
    "removed": "Removed. Nothing is sent there any more.",
}


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system
    channels = Channels(system)

    @router.get(PAGE)
    def reach(who: Annotated[Who, Depends(desk.signed_in)], said: str = "") -> Response:
        return _page(who, said=_SAID.get(said, ""))

    @router.post(PAGE)
    def add_way(
        who: Annotated[Who, Depends(desk.acting)], channel: Text = "", address: Text = ""
    ) -> Response:
        def act(session: Session, staff: Staff) -> None:
            contacts.add(system, session, channels, staff, channel, address, f"staff:{staff.id}")

        return _do(who, "sent", act, typed={"channel": channel, "address": address})

    @router.post(f"{PAGE}/code")
    def enter_code(who: Annotated[Who, Depends(desk.acting)], code: Text = "") -> Response:
        actor = f"staff:{who.staff.id}"
        with system.database.write() as session:
            waiting = contacts.waiting(session, who.staff.id)
            confirmed = contacts.confirm(system, session, waiting, code, actor)
        if confirmed is None:
            return _page(who, {"code": _WRONG}, status=422)
        return back_to(f"{PAGE}?said=confirmed")

    @router.post(f"{PAGE}/{{contact_id}}/code")
    def fresh_code(contact_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        def act(session: Session, staff: Staff) -> None:
            contacts.send_code(system, session, own(session, staff, contact_id), actor(staff))

        return _do(who, "sent", act)

    @router.post(f"{PAGE}/{{contact_id}}/remove")
    def remove(contact_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        def act(session: Session, staff: Staff) -> None:
            contact = own(session, staff, contact_id)
            counting = [way.id for way in on_call.contacts(session, staff.id)]
            on_duty = any(p.id == staff.id for p in on_call.on_call(session, system.clock.now()))
            if on_duty and counting == [contact.id]:
                raise NotPossibleError(_ONLY_WAY)
            contacts.remove(system, session, contact, actor(staff))

        return _do(who, "removed", act)

    # Not behind sign-in: the browser fetches it by itself, and it holds nothing.
    @router.get("/console/worker.js")
    def worker() -> Response:
        """The script that shows notifications; its place says which pages it may serve."""
        return FileResponse(system.settings.static_dir / "worker.js", media_type="text/javascript")

    def actor(staff: Staff) -> str:
        return f"staff:{staff.id}"

    def own(session: Session, staff: Staff, contact_id: str) -> StaffContact:
        contact = session.get(StaffContact, contact_id)
        if contact is None or contact.staff_id != staff.id or contact.removed_at is not None:
            raise MissingError
        return contact

    def _do(
        who: Who,
        said: str,
        act: Callable[[Session, Staff], None],
        typed: dict[str, str] | None = None,
    ) -> Response:
        try:
            with system.database.write() as session:
                act(session, session.get_one(Staff, who.staff.id))
        except NotPossibleError as refused:
            return _page(who, {"address": str(refused)}, typed, 409)
        return back_to(f"{PAGE}?said={said}")

    def _page(
        who: Who,
        problems: dict[str, str] | None = None,
        typed: dict[str, str] | None = None,
        status: int = 200,
        said: str = "",
    ) -> Response:
        with system.database.read() as session:
            ways = contacts.of(session, who.staff.id)
        offered = channels.configured()
        push = system.settings.push
        return desk.page(
            "reach.html",
            who,
            status,
            here="reach",
            ways=[(way, _shown(way)) for way in ways],
            waiting=any(way.verified_at is None for way in ways),
            offered=[name for name in offered if name != "push"],
            push_key=public_key(push) if "push" in offered else "",
            typed={"channel": "email", "address": ""} | (typed or {}),
            problems=problems or {},
            said=said,
        )


def _shown(way: StaffContact) -> str:
    """Enough to tell one's own apart; never a secret."""
    if way.channel == "push":
        return "a browser"
    if way.channel == "pagerduty":
        return f"key ending in {way.address[-4:]}"
    return way.address
