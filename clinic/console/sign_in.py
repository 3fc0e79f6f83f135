"""The sign-in pages: password, code, first-time set-up, and the way out."""

import base64
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from clinic.console import access
from clinic.console.access import Who
from clinic.console.desk import COOKIE, HOME, SIGN_IN, Desk, StaleFormError, back_to, inside
from clinic.records.models import Clinic

_REFUSED = (
    "That did not match. Check your e-mail address and password. After five tries in a row, "
    "sign-in pauses for five minutes."
)
_WRONG_CODE = (
    "That code does not match, or was used before. Wait for the next one and type it. After five "
    "tries in a row, sign-in pauses for five minutes."
)

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
        return desk.page("sign_in.html", next=inside(next), email="", refused="")

    # No form token here: there is no session yet, and the app refuses forms from other sites.
    @router.post("/console/sign-in")
    def take_password(
        request: Request, email: Text = "", password: Text = "", next: Text = HOME
    ) -> Response:
        token = access.begin(system, email, password)
        if token is None:
            return desk.page(
                "sign_in.html", status=422, next=inside(next), email=email, refused=_REFUSED
            )
        access.end(system, request.cookies.get(COOKIE, ""))
        who = access.find(system, token, half=True)
        step = "code" if who and who.enrolled else "enrol"
        return _with_cookie(f"{SIGN_IN}/{step}?next={inside(next)}", token)

    @router.get("/console/sign-in/code")
    def ask_code(who: Annotated[Who | None, Depends(half)], next: str = HOME) -> Response:
        if who is None or not who.enrolled:
            return back_to(SIGN_IN)
        return desk.page("code.html", form_token=who.session.csrf, next=inside(next), refused="")

    @router.post("/console/sign-in/code")
    def take_code(
        request: Request,
        who: Annotated[Who | None, Depends(half_acting)],
        code: Text = "",
        next: Text = HOME,
    ) -> Response:
        held = request.cookies.get(COOKIE, "")
        if who is None or not who.enrolled:
            return back_to(SIGN_IN)
        token = access.finish(system, held, code)
        if token is not None:
            return _with_cookie(inside(next), token)
        if access.find(system, held, half=True) is None:
            return desk.page(
                "sign_in.html", status=422, next=inside(next), email="", refused=_REFUSED
            )
        return desk.page(
            "code.html",
            status=422,
            form_token=who.session.csrf,
            next=inside(next),
            refused=_WRONG_CODE,
        )

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
            token = access.enrol(system, held, code, password)
        except access.EnrolError as error:
            if access.find(system, held, half=True) is None:
                return back_to(SIGN_IN)
            return _enrol_page(who, inside(next), error.problems, 422)
        return _with_cookie(inside(next), token)

    @router.post("/console/sign-out")
    def sign_out(request: Request, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        access.end(system, request.cookies.get(COOKIE, ""))
        response = back_to(f"{SIGN_IN}")
        response.delete_cookie(COOKIE, path=HOME)
        return response

    def _enrol_page(who: Who, next: str, problems: dict[str, str], status: int) -> Response:
        with system.database.read() as session:
            clinic = session.get(Clinic, 1)
        issuer = f"Afterglow {clinic.name}" if clinic else "Afterglow"
        address, key = access.setup_uri(system, who.staff, issuer)
        return desk.page(
            "enrol.html",
            status=status,
            form_token=who.session.csrf,
            next=next,
            picture=_picture(address),
            key=" ".join(key[n : n + 4] for n in range(0, len(key), 4)),
            email=who.staff.email,
            min_password=access.MIN_PASSWORD,
            problems=problems,
        )

    def _with_cookie(path: str, token: str) -> RedirectResponse:
        response = back_to(path)
        response.set_cookie(
            COOKIE,
            token,
            path=HOME,
            httponly=True,
            samesite="strict",
            secure=system.settings.https,
        )
        return response


def _picture(address: str) -> str:
    """The QR code as an image address: dark on light in both themes, or phones cannot read it."""
    svg = io.BytesIO()
    segno.make(address, error="m").save(
        svg, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.getvalue()).decode()
