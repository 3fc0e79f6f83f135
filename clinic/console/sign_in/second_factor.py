"""What stands behind one's password: the phone that makes codes, and codes on paper. Each change
asks for the password once more."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic.console.desk import HOME, Desk, back_to
from clinic.console.sign_in import access, proofs, recovery, sign_in
from clinic.console.sign_in.access import Who

Text = Annotated[str, Form()]
PAGE = f"{HOME}/second-factor"
_NOT_THEIRS = (
    "That is not your password, or too many tries failed and sign-in waits. Nothing was changed."
)
_CODE = "That code is not the new phone's. Wait for the next one and type it."
_SAID = {"phone": "The new phone counts from now on. Everywhere else you are signed out."}


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get(PAGE)
    def second_factor(who: Annotated[Who, Depends(desk.signed_in)], said: str = "") -> Response:
        return _page(who, done=_SAID.get(said, ""))

    @router.post(f"{PAGE}/codes")
    def fresh_codes(who: Annotated[Who, Depends(desk.acting)], password: Text = "") -> Response:
        if not access.same_person(system, who, password):
            return _page(who, {"codes-password": _NOT_THEIRS})
        with system.database.write() as session:
            codes = recovery.renew(system, session, who.staff.id)
        return desk.page("recovery_codes.html", codes=codes, next=PAGE)

    @router.post(f"{PAGE}/phone")
    def new_phone(who: Annotated[Who, Depends(desk.acting)], password: Text = "") -> Response:
        if not access.same_person(system, who, password):
            return _page(who, {"phone-password": _NOT_THEIRS})
        access.offer_phone(system, who)
        return _page(who)

    @router.post(f"{PAGE}/phone/code")
    def confirm_phone(who: Annotated[Who, Depends(desk.acting)], code: Text = "") -> Response:
        if not access.change_phone(system, who, code):
            return _page(who, {"code": _CODE})
        return back_to(f"{PAGE}?said=phone")

    def _page(who: Who, problems: dict[str, str] | None = None, done: str = "") -> Response:
        with system.database.read() as session:
            left = recovery.left(session, who.staff.id)
        coming = None
        if who.staff.totp_next_sealed is not None:
            issuer = sign_in.issuer(desk)
            address, key = proofs.setup_uri(system, who.staff, issuer, next_phone=True)
            coming = {"picture": sign_in.picture(address), "key": sign_in.spaced(key)}
        return desk.page(
            "second_factor.html",
            who,
            422 if problems else 200,
            here="team",
            left=left,
            count=recovery.COUNT,
            coming=coming,
            problems=problems or {},
            done=done,
        )
