"""The sign-in pages: password, code, first-time set-up, and the way out."""

import base64
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, Response

from clinic.console.desk import (
    COOKIE,
    HOME,
    SIGN_IN,
    Desk,
    SignInNeededError,
    StaleFormError,
    back_to,
    inside,
)
from clinic.console.sign_in import access, keys, proofs, recovery
from clinic.console.sign_in.access import Who
from clinic.records.models import Clinic

_WAITS = (
    "After five failed tries sign-in waits, longer each time, at most a quarter of an hour; what "
    "is typed meanwhile is not taken."
)
_REFUSED = f"That did not match. Check your e-mail address and password. {_WAITS}"
_WRONG_CODE = (
    f"That code does not match, or was used before. Wait for the next one and type it. {_WAITS}"
)
_WRONG_KEY = f"That key did not sign you in. Try again, or use the code from your phone. {_WAITS}"
_WRONG_RECOVERY = f"That is none of your recovery codes, or it was used before. {_WAITS}"

Text = Annotated[str, Form()]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    def half(request: Request) -> Who | None:
        return access.find(system, request.cookies.get(COOKIE, ""), half=True)

    def half_acting(request: Request, csrf: Text = "") -> Who | None:
        who = half(request)
        if who is not None and not access.same_csrf(who, csrf):
            raise StaleFormError
        return who

    @router.get("/console/sign-in", name="sign_in")
    def ask_password(request: Request, next: str = HOME) -> Response:
        if access.find(system, request.cookies.get(COOKIE, ""), by_hand=False):
            return back_to(inside(next))
        return _door(inside(next))

    # No form token here: there is no session yet, and the app refuses forms from other sites.
    @router.post("/console/sign-in")
    def take_password(
        request: Request, email: Text = "", password: Text = "", next: Text = HOME
    ) -> Response:
        token = access.begin(system, email, password, network(request))
        if token is None:
            return _door(inside(next), email, _REFUSED)
        access.end(system, request.cookies.get(COOKIE, ""))
        who = access.find(system, token, half=True)
        step = "code" if who and who.enrolled else "enrol"
        return _give(back_to(f"{SIGN_IN}/{step}?next={inside(next)}"), token)

    @router.get("/console/sign-in/code")
    def ask_code(who: Annotated[Who | None, Depends(half)], next: str = HOME) -> Response:
        if who is None or not who.enrolled:
            return back_to(SIGN_IN)
        return _code_page(who, inside(next), {}, 200)

    @router.post("/console/sign-in/code")
    def take_code(
        request: Request,
        who: Annotated[Who | None, Depends(half_acting)],
        code: Text = "",
        paper: Text = "",
        signed: Text = "",
        next: Text = HOME,
    ) -> Response:
        """With the phone's code, with one from paper, or with a security key."""
        held, place = request.cookies.get(COOKIE, ""), network(request)
        if who is None or not who.enrolled:
            return back_to(SIGN_IN)
        if paper and not code:
            token = access.recover(system, held, paper, place)
            wrong = {"paper": _WRONG_RECOVERY}
        else:
            token = access.finish(system, held, code, place, signed)
            wrong = {"code": _WRONG_KEY if signed else _WRONG_CODE}
        if token is not None:
            return _give(back_to(inside(next)), token)
        if access.find(system, held, half=True) is None:
            return _door(inside(next), refused=_REFUSED)
        return _code_page(who, inside(next), wrong, 422)

    @router.post("/console/sign-in/key")
    def ask_key(request: Request, csrf: Text = "") -> Response:
        """What one's security key is to sign: at sign-in, and again before what asks for it."""
        who = half(request) or access.find(system, request.cookies.get(COOKIE, ""))
        if who is None:
            raise SignInNeededError
        if not access.same_csrf(who, csrf):
            raise StaleFormError
        options = keys.ask(system, who.session) if keys.possible(system.settings) else None
        return JSONResponse(options, 200 if options else 409)

    @router.get("/console/sign-in/enrol")
    def ask_enrolment(who: Annotated[Who | None, Depends(half)], next: str = HOME) -> Response:
        if who is None or who.enrolled:
            return back_to(SIGN_IN)
        return _enrol_page(who, inside(next), {}, 200)

    @router.post("/console/sign-in/enrol")
    def take_enrolment(
        request: Request,
        who: Annotated[Who | None, Depends(half_acting)],
        code: Text = "",
        password: Text = "",
        next: Text = HOME,
    ) -> Response:
        held = request.cookies.get(COOKIE, "")
        if who is None or who.enrolled:
            return back_to(SIGN_IN)
        try:
            token = access.enrol(system, held, code, password, network(request))
        except access.EnrolError as error:
            if access.find(system, held, half=True) is None:
                return back_to(SIGN_IN)
            return _enrol_page(who, inside(next), error.problems, 422)
        with system.database.write() as session:
            codes = recovery.renew(system, session, who.staff.id)
        return _give(desk.page("recovery_codes.html", codes=codes, next=inside(next)), token)

    @router.post("/console/sign-out")
    def sign_out(request: Request, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        access.end(system, request.cookies.get(COOKIE, ""))
        response = back_to(f"{SIGN_IN}")
        response.delete_cookie(COOKIE, path=HOME)
        return response

    def _door(next: str, email: str = "", refused: str = "") -> Response:
        return door(desk, next, email, refused, 422 if refused else 200)

    def _code_page(who: Who, next: str, problems: dict[str, str], status: int) -> Response:
        return desk.page(
            "code.html",
            status=status,
            form_token=who.session.csrf,
            next=next,
            keyed=keys.has(system, who.staff),
            problems=problems,
        )

    def _enrol_page(who: Who, next: str, problems: dict[str, str], status: int) -> Response:
        address, key = proofs.setup_uri(system, who.staff, issuer(desk))
        return desk.page(
            "enrol.html",
            status=status,
            form_token=who.session.csrf,
            next=next,
            picture=picture(address),
            key=spaced(key),
            email=who.staff.email,
            min_password=proofs.MIN_PASSWORD,
            problems=problems,
        )

    def _give(response: Response, token: str) -> Response:
        return give(desk, response, token)


def door(desk: Desk, next: str, email: str = "", refused: str = "", status: int = 200) -> Response:
    """The page that asks for a password, or sends on to the clinic's own accounts."""
    with desk.system.database.read() as session:
        clinic = session.get(Clinic, 1)
    settings, account = clinic.settings if clinic else {}, desk.system.settings.openid
    return desk.page(
        "sign_in.html",
        status=status,
        next=next,
        email=email,
        refused=refused,
        phone=settings.get("phone", ""),
        staff_help=settings.get("staff_help", ""),
        by_text=bool(desk.system.settings.sms.account),
        account=account.label if account.issuer else "",
    )


def give(desk: Desk, response: Response, token: str) -> Response:
    """The session goes with the answer."""
    response.set_cookie(
        COOKIE,
        token,
        path=HOME,
        httponly=True,
        samesite="strict",
        secure=desk.system.settings.https,
    )
    return response


def issuer(desk: Desk) -> str:
    """What an authenticator app calls us."""
    with desk.system.database.read() as session:
        clinic = session.get(Clinic, 1)
    return f"Afterglow {clinic.name}" if clinic else "Afterglow"


def spaced(key: str) -> str:
    """In fours, for typing."""
    return " ".join(key[n : n + 4] for n in range(0, len(key), 4))


def picture(address: str) -> str:
    """The QR code as an image address: dark on light in both themes, or phones cannot read it."""
    svg = io.BytesIO()
    segno.make(address, error="m").save(
        svg, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.getvalue()).decode()


def network(request: Request) -> str:
    """Where it comes from, as far as we know."""
    return request.client.host if request.client else ""
