"""A light day in the patient's own calendar (domain.md P10): the day of an infusion, and no more.

Calendars are shared, shown on locked phones and read by whoever stores them. So the entry is a
whole day with a title that says nothing: no time, no place, no clinic, no name of this program.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response

from clinic.patient.pages import Pages, Token, back
from clinic.records.models import Infusion
from clinic.system import System

#: Of one infusion always the same, so that a day that was moved replaces the one there was.
_NAMES = uuid.UUID("6f0d6a5e-2f0b-4a57-9a3b-6d1f6c1b7c2e")
#: Octets of a line (RFC 5545, 3.1).
_LINE = 75


def router(system: System, pages: Pages) -> APIRouter:
    """The file, for whoever is signed in."""
    routes = APIRouter()

    @routes.get("/days/light/{infusion_id}")
    def light_day(infusion_id: str, token: Token = None) -> Response:
        with system.database.read() as session:
            patient = pages.signed_in(session, token).patient
            infusion = session.get(Infusion, infusion_id)
            if infusion is None or infusion.patient_id != patient.id or infusion.cancelled:
                return back("/days")
            day = infusion.started_at.astimezone(ZoneInfo(patient.timezone)).date()
            file = entry(
                system.words.render("light_day.title"), day, infusion.id, system.clock.now()
            )
        headers = {"Content-Disposition": 'attachment; filename="light-day.ics"'}
        return Response(file, media_type="text/calendar; charset=utf-8", headers=headers)

    return routes


def entry(title: str, day: date, about: str, now: datetime) -> bytes:
    """One whole day as an iCalendar file (RFC 5545); ``about`` is told to nobody."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Calendar//Day//EN",
        "BEGIN:VEVENT",
        f"UID:{uuid.uuid5(_NAMES, about)}",
        f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}",
        # What was fetched last counts, should the day have been moved.
        f"SEQUENCE:{int(now.timestamp()) // 60}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped(title)}",
        "CLASS:PRIVATE",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return b"".join(_folded(line) + b"\r\n" for line in lines)


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return "\\n".join(text.splitlines())


def _folded(line: str) -> bytes:
    """No line longer than 75 octets, and no letter torn in two."""
    found, length = b"", 0
    for letter in line:
        octets = letter.encode()
        if length + len(octets) > _LINE:
            found, length = found + b"\r\n ", 1
        found, length = found + octets, length + len(octets)
    return found
