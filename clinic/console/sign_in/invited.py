"""Where an invitation leads: a password of one's own, a phone, and in."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from clinic.console.desk import HOME, Desk, problem
from clinic.console.sign_in import access, proofs, recovery, sign_in
from clinic.records.models import Staff

Text = Annotated[str, Form()]
PAGE = f"{HOME}/invited/{{link}}"


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get(PAGE)
    def invited(link: str) -> Response:
        person = access.welcome(system, link)
        return _nothing() if person is None else _page(person, link, {}, 200)

    # No form token: there is no session yet, the link is a secret, and the app refuses forms from
    # other sites.
    @router.post(PAGE)
    def join(request: Request, link: str, code: Text = "", password: Text = "") -> Response:
        try:
            token = access.join(system, link, code, password, sign_in.network(request))
        except access.EnrolError as error:
            person = access.welcome(system, link)
            return _nothing() if person is None else _page(person, link, error.problems, 422)
        if token is None:
            return _nothing()
        who = access.find(system, token)
        with system.database.write() as session:
            codes = recovery.renew(system, session, who.staff.id) if who else []
        answer = desk.page("recovery_codes.html", codes=codes, next=HOME)
        return sign_in.give(desk, answer, token)

    def _page(person: Staff, link: str, problems: dict[str, str], status: int) -> Response:
        address, key = proofs.setup_uri(system, person, sign_in.issuer(desk))
        return desk.page(
            "invited.html",
            status=status,
            person=person,
            link=link,
            picture=sign_in.picture(address),
            key=sign_in.spaced(key),
            min_password=proofs.MIN_PASSWORD,
            problems=problems,
        )


def _nothing() -> Response:
    """Used, over, withdrawn or never there: the same page."""
    return problem(
        404,
        "This link does not open anything",
        "An invitation works once and ends after some days. If you have set up your sign-in, sign "
        "in as usual. Otherwise ask whoever invited you for a new one.",
    )
