"""The patient's safety plan as a page of its own: it needs no script, and it prints."""

from __future__ import annotations

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from clinic import safety_plan
from clinic.conversation import delivery, whereabouts
from clinic.patient import access
from clinic.records.models import Clinic
from clinic.system import System


def page(system: System, pages: Environment, token: str | None) -> Response:
    """The plan of whoever is signed in; anybody else is sent to the door."""
    with system.database.read() as session:
        conversation = access.conversation_of(system, session, token)
        if conversation is None:
            return RedirectResponse("/chat", 303)
        patient = conversation.patient
        known = whereabouts.settings(session.get_one(Clinic, 1), patient)
        now = system.clock.now()
        html = pages.get_template("plan.html").render(
            clinic_name=known["clinic_name"],
            say=lambda name, **values: system.words.render(f"plan.{name}", 0, values),
            parts=safety_plan.shown(system, session, patient.id),
            written=lambda at: whereabouts.clock_time(at, patient, now),
            help=delivery.help_lines(system, known),
            asset=lambda name: f"/static/{name}",
        )
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def link(system: System) -> dict[str, str]:
    """Where "Help now" points to it."""
    return {"label": system.words.render("plan.title"), "note": "", "href": "/plan"}
