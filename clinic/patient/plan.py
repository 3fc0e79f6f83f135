"""The patient's safety plan as a page of its own: it needs no script, and it prints."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from clinic import safety_plan
from clinic.patient.pages import Pages, Token
from clinic.system import System


def router(system: System, pages: Pages) -> APIRouter:
    """The route of the plan."""
    routes = APIRouter()

    @routes.get("/plan")
    def index(token: Token = None) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            parts = safety_plan.shown(system, session, conversation.patient_id)
            return pages.page(session, conversation, "plan.html", "plan", parts=parts)

    return routes


def link(system: System) -> dict[str, str]:
    """Where "Help now" points to it."""
    return {"label": system.words.render("plan.title"), "note": "", "href": "/plan"}
