"""Who can see a patient's words, who has opened them, and all of the record to take along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.exports import pdf, record
from clinic.patient.pages import Pages, Token
from clinic.records.models import Audit, CareRelation, Patient, Staff
from clinic.system import System

#: What staff do that opens a patient's words to them (clinic/console), and who else takes a copy.
READING = ("transcript.read", "transcript.find", "measures.read", "summary.read", "record.export")
_SHOWN = 60


@dataclass(frozen=True)
class Opened:
    """One person on one day: when they last opened the patient's words, and whether that was
    in an emergency, without a relation (clinic/glass.py)."""

    who: str
    at: datetime
    emergency: bool


def router(system: System, pages: Pages) -> APIRouter:
    """Routes under /team."""
    routes = APIRouter()

    @routes.get("/team")
    def index(token: Token = None) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            return pages.page(
                session,
                conversation,
                "team.html",
                "team",
                members=_members(session, conversation.patient_id),
                opened=_opened(session, conversation.patient),
                ways_in=_ways_in(session, conversation.patient_id),
            )

    @routes.post("/team/download/pdf")
    def download_pdf(token: Token = None) -> Response:
        """The same to read and to print, with pictures."""
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            draw = pdf.gather(system, session, patient, f"patient:{patient.id}")
        today = system.clock.now().astimezone(ZoneInfo(patient.timezone))
        name = f"afterglow-{today:%Y-%m-%d}.pdf"
        return Response(
            draw(),
            media_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @routes.post("/team/download")
    def download(token: Token = None) -> Response:
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            whole = record.whole(system, session, patient, f"patient:{patient.id}")
        today = system.clock.now().astimezone(ZoneInfo(patient.timezone))
        return Response(
            json.dumps(whole, indent=2, ensure_ascii=False),
            media_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="afterglow-{today:%Y-%m-%d}.json"'
            },
        )

    return routes


def _members(session: Session, patient_id: str) -> list[tuple[str, str]]:
    """Names and kinds of everybody with a lasting relation to the patient."""
    rows = session.execute(
        select(Staff.name, CareRelation.kind)
        .join(CareRelation, CareRelation.staff_id == Staff.id)
        .where(CareRelation.patient_id == patient_id, Staff.active)
        .order_by(CareRelation.kind.desc(), Staff.name)
    )
    return [(name, kind) for name, kind in rows]


def _ways_in(session: Session, patient_id: str) -> list[tuple[str, datetime]]:
    """Who of the clinic has made a link into this chat, newest first: whoever holds one could come
    in as the patient."""
    rows = session.execute(
        select(Staff.name, Audit.at)
        .join(Audit, "staff:" + Staff.id == Audit.actor)
        .where(Audit.patient_id == patient_id, Audit.action == "patient.invite")
        .order_by(Audit.seq.desc())
        .limit(_SHOWN)
    )
    return [(name, at) for name, at in rows]


def _opened(session: Session, patient: Patient) -> list[Opened]:
    """Newest first, each person once a day: a page that is left open asks again and again. An
    emergency opening stands by itself, whatever else the person read that day."""
    zone = ZoneInfo(patient.timezone)
    rows = session.execute(
        select(Audit.at, Staff.name, Audit.detail)
        .join(Staff, "staff:" + Staff.id == Audit.actor)
        .where(Audit.patient_id == patient.id, Audit.action.in_(READING))
        .order_by(Audit.seq.desc())
        .limit(2000)
    )
    days: dict[tuple[str, str, bool], Opened] = {}
    for at, name, detail in rows:
        emergency = detail.get("reason") == "glass"
        day = f"{at.astimezone(zone):%Y-%m-%d}"
        days.setdefault((name, day, emergency), Opened(name, at, emergency))
    return list(days.values())[:_SHOWN]
