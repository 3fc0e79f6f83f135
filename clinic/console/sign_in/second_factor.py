"""What stands behind one's password: the phone that makes codes, security keys, and codes on paper.
What could let somebody in asks for the password once more."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.sign_in import access, keys, proofs, recovery, sign_in
from clinic.console.sign_in.access import Who

Text = Annotated[str, Form()]
PAGE = f"{HOME}/second-factor"
_NOT_THEIRS = (
    "That is not your password, or too many tries failed and sign-in waits. Nothing was changed."
)
_CODE = "That code is not the new phone's. Wait for the next one and type it."
_NO_KEY = (
    "That did not become a key of yours: it took too long, or the key is known already. Try again."
)
_SAID = {
    "phone": "The new phone counts from now on. Everywhere else you are signed out.",
    "key": "The key counts from now on.",
    "key-gone": "That key opens nothing any more.",
}


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

    @router.post(f"{PAGE}/keys")
    def new_key(
        who: Annotated[Who, Depends(desk.acting)], name: Text = "", password: Text = ""
    ) -> Response:
        if not keys.possible(system.settings):
            raise MissingError
        if not access.same_person(system, who, password):
            return _page(who, {"keys-password": _NOT_THEIRS})
        options = keys.ask_new(system, who.session, who.staff)
        return _page(who, making={"options": options, "name": name})

    @router.post(f"{PAGE}/keys/made")
    def key_made(
        who: Annotated[Who, Depends(desk.acting)], name: Text = "", made: Text = ""
    ) -> Response:
        if not access.add_key(system, who, name, made):
            return _page(who, {"name": _NO_KEY})
        return back_to(f"{PAGE}?said=key")

    @router.post(f"{PAGE}/keys/{{key_id}}/remove")
    def remove_key(key_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        if not access.remove_key(system, who, key_id):
            raise MissingError
        return back_to(f"{PAGE}?said=key-gone")

    def _page(
        who: Who,
        problems: dict[str, str] | None = None,
        done: str = "",
        making: dict[str, Any] | None = None,
    ) -> Response:
        with system.database.read() as session:
            left = recovery.left(session, who.staff.id)
            known = keys.of(session, who.staff.id)
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
            keys=known,
            keys_possible=keys.possible(system.settings),
            most_name=keys.MOST_NAME,
            making=making,
            problems=problems or {},
            done=done,
        )
