"""The page before a visit (patient/summary.py at the desk) as PDF/UA, with links to the sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.desk import zone
from clinic.console.patient import summary
from clinic.console.patient.own_words import Statement
from clinic.console.patient.summary import Section
from clinic.console.wording import When
from clinic.exports import typeset
from clinic.exports.typeset import Exact
from clinic.records.models import Clinic, Patient, Staff
from clinic.system import System

_SIGNS = "Where you see {sign}, there is a letter that could not be drawn here."
_KEPT = "The patient has not agreed that their words are copied."


def gather(
    system: System, session: Session, patient: Patient, staff: Staff, own_words: bool = True
) -> Callable[[], bytes]:
    """Read what stands in it; what comes back sets the PDF. Without ``own_words`` what the patient
    wrote is left out, and it says so."""
    found = summary.sheet(system, session, patient.id, staff)
    when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
    since = f"Since {when.date(found.begin)}" if found.begin else "Since the beginning"
    made = f"made {when.date(when.now)}, {when.clock(when.now)}"
    lead = [
        f"{found.place}. {since}; {made}.",
        wording.unopened(found.unreadable),
        "" if own_words else _KEPT,
    ]
    data = {
        "title": f"{found.name}: before the visit",
        "foot": f"Before the visit, {made}",
        "lead": [line for line in lead if line],
        "parts": [_part(system, section, own_words, when) for section in found.sections],
    }
    static = system.settings.static_dir
    return lambda: typeset.write("summary", data, static, when.now, _SIGNS)


def _part(system: System, section: Section, own_words: bool, when: When) -> dict[str, Any]:
    shown = [one for one in section.statements if own_words or not one.quoted]
    if shown and section.more:
        shown.append(section.more)
    items = [_statement(system, one, when) for one in shown]
    if items:
        return {"title": section.title, "blocks": [{"kind": "statements", "items": items}]}
    empty = "Not in this copy." if section.statements else section.empty
    return {"title": section.title, "blocks": [{"kind": "small", "words": empty}]}


def _statement(system: System, one: Statement, when: When) -> dict[str, Any]:
    return {
        "words": one.words,
        "quoted": one.quoted,
        "source": Exact(system.settings.public_url + one.source),
        "beside": one.beside,
        "at": when.short_day(one.at) if one.at else "",
    }
