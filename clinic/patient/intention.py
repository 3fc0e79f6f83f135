"""The patient's intention on a page of its own: it needs no script, and it prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.patient.pages import Pages, Token
from clinic.records.models import Record
from clinic.system import System

#: What was remembered while getting ready and helps on the day, in the page's order.
_REMEMBERED = ("hope", "let_go", "safe_place")


@dataclass(frozen=True)
class Line:
    """The patient's own words, and what they are about: a name in the registry."""

    about: str
    text: str
    at: datetime


def router(system: System, pages: Pages) -> APIRouter:
    """The route of the page."""
    routes = APIRouter()

    @routes.get("/intention")
    def index(token: Token = None) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            lines = _lines(system, session, conversation.patient_id)
            return pages.page(session, conversation, "intention.html", "intention", lines=lines)

    return routes


def _lines(system: System, session: Session, patient_id: str) -> list[Line]:
    """The newest of each."""
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind.in_(("intention", "remembered")))
        .order_by(Record.updated_at)
    )
    newest = {
        data.get("name", row.kind): Line(data.get("name", row.kind), data["text"], row.updated_at)
        for row, data in system.vault(session).documents(rows)
    }
    return [newest[name] for name in ("intention", *_REMEMBERED) if name in newest]
