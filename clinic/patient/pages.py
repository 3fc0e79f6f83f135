"""What the patient's own pages share: who is signed in, how a page is made, what it says.

They are plain pages with forms: they work without a script, print, and are read aloud well. Where a
script is there, a form that cannot be saved keeps its words on the page (web/src/room/pages.ts).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Cookie
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.orm import Session

from clinic.conversation import delivery, whereabouts
from clinic.patient import access
from clinic.records.models import Clinic, Conversation
from clinic.settings import ROOT
from clinic.system import System

Token = Annotated[str | None, Cookie(alias=access.COOKIE)]
#: The pages in the bar; each one's address is its name.
BAR = ("chat", "journal", "steps", "days", "changes", "plan", "team", "settings")


class Pages:
    """Renders patients' pages. One for all of them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._templates = Environment(
            loader=FileSystemLoader(ROOT / "clinic" / "patient" / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["lang"] = system.settings.locale

    def signed_in(self, session: Session, token: str | None) -> Conversation:
        """The conversation of whoever is signed in. Raises NotSignedInError."""
        found = access.conversation_of(self.system, session, token)
        if found is None:
            raise NotSignedInError
        return found

    def impaired(self, session: Session, patient_id: str) -> bool:
        """Whether the medicine works: nobody decides about consent, sharing or deleting while it
        does (domain.md R09). To take something back is no such decision."""
        return whereabouts.place(session, patient_id, self.system.clock.now()).impaired

    def page(
        self,
        session: Session,
        conversation: Conversation,
        template: str,
        current: str,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """``current``: the page in the bar it belongs to; its words in the registry begin
        with that name."""
        patient, now = conversation.patient, self.system.clock.now()
        known = whereabouts.settings(session.get_one(Clinic, 1))
        html = self._templates.get_template(template).render(
            say=self._say(current),
            pages=self._say("pages"),
            room=self._say("page"),
            bar=BAR,
            current=current,
            clinic_name=known["clinic_name"],
            help=delivery.help_lines(self.system, known),
            time=lambda at: whereabouts.clock_time(at, patient, now),
            day=lambda at: day(at.astimezone(ZoneInfo(patient.timezone))),
            new_key=lambda: secrets.token_urlsafe(12),
            asset=lambda name: f"/static/{name}",
            **values,
        )
        return HTMLResponse(html, status)

    def bare(self, template: str, current: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for somebody who is not signed in: it knows nobody."""
        html = self._templates.get_template(template).render(
            say=self._say(current), asset=lambda name: f"/static/{name}", **values
        )
        return HTMLResponse(html, status)

    def _say(self, topic: str) -> Callable[..., str]:
        return lambda name, **values: self.system.words.render(f"{topic}.{name}", 0, values)


class NotSignedInError(Exception):
    """Nobody is signed in, or no longer; the conversation's page knows what to do."""


def day(local: datetime) -> str:
    """A day and a time as people say them: "Thu, Mar 12, 10:00 am"."""
    return f"{local:%a, %b} {local.day}, {whereabouts.hour(local)}"


def to_the_door(*_: Any) -> Response:
    return RedirectResponse("/chat", 303)


def back(address: str) -> Response:
    """After a form: the page again, so that reloading repeats nothing."""
    return RedirectResponse(address, 303)
