"""The pages of an emergency opening: asking for it, ending it, and looking at it afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import glass
from clinic.console import relations
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.inbox import queue
from clinic.console.sign_in.access import Who
from clinic.glass import GlassError
from clinic.records.models import BrokenGlass, Clinic, Staff

Text = Annotated[str, Form()]
PAGE = f"{HOME}/glass"
_SHOWN = 100
_WHICH = "Choose why you need it."
_WHY = "Say in a sentence why you need it now."


@dataclass(frozen=True)
class Opening:
    """One emergency opening, as somebody who looks at it sees it."""

    id: str
    who: str
    initials: str
    #: For whoever may read the patient anyway; else None.
    patient_id: str | None
    reason: str
    why: str
    opened_at: datetime
    until: datetime
    seen_by: str
    seen_at: datetime | None
    mine: bool


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    def clinician(who: Annotated[Who, Depends(desk.signed_in)]) -> Who:
        return _only(who, glass.may_break(who.staff))

    def acting_clinician(who: Annotated[Who, Depends(desk.acting)]) -> Who:
        return _only(who, glass.may_break(who.staff))

    def reviewer(who: Annotated[Who, Depends(desk.signed_in)]) -> Who:
        return _only(who, glass.reviews(who.staff))

    def acting_reviewer(who: Annotated[Who, Depends(desk.acting)]) -> Who:
        return _only(who, glass.reviews(who.staff))

    @router.get(PAGE)
    def ask(who: Annotated[Who, Depends(clinician)]) -> Response:
        return form(who)

    @router.post(PAGE)
    def break_it(
        who: Annotated[Who, Depends(acting_clinician)],
        patient: Text = "",
        reason: Text = "",
        why: Text = "",
    ) -> Response:
        """Asks for everything before it looks for anybody: a form half filled in finds nobody."""
        problems = {}
        if not patient.strip():
            problems["patient"] = "Give the patient's full name or phone number."
        if reason not in glass.REASONS:
            problems["reason"] = _WHICH
        if len(why.strip()) < glass.SHORTEST:
            problems["why"] = _WHY
        opened = "" if problems else _open(who, patient, reason, why, problems)
        if problems:
            return form(who, 422, problems, {"patient": patient, "reason": reason, "why": why})
        return back_to(f"{HOME}/patients/{opened}#end")

    @router.post(f"{PAGE}/{{glass_id}}/close")
    def close(glass_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with system.database.write() as session:
            row = session.get(BrokenGlass, glass_id)
            if row is None or row.staff_id != who.staff.id:
                raise MissingError
            glass.close(system, session, who.staff, row)
        return back_to(f"{HOME}/patients")

    @router.get(f"{PAGE}/openings")
    def openings(who: Annotated[Who, Depends(reviewer)], said: str = "") -> Response:
        with system.database.read() as session:
            found = _openings(session, who.staff)
        done = "Noted that you have looked at it." if said == "seen" else ""
        return desk.page("openings.html", who, here="openings", openings=found, done=done)

    @router.post(f"{PAGE}/{{glass_id}}/seen")
    def seen(glass_id: str, who: Annotated[Who, Depends(acting_reviewer)]) -> Response:
        with system.database.write() as session:
            row = session.get(BrokenGlass, glass_id, with_for_update=True)
            if row is None or row.staff_id == who.staff.id:
                raise MissingError
            glass.see(system, session, who.staff, row)
        return back_to(f"{PAGE}/openings?said=seen")

    def _open(who: Who, patient: str, reason: str, why: str, problems: dict[str, str]) -> str:
        """The patient's id, or "" and a problem more. A miss commits its row too."""
        with system.database.write() as session:
            try:
                found = glass.find(system, session, who.staff, patient)
            except GlassError as error:
                problems["patient"] = str(error)
                return ""
            now = system.clock.now()
            if not relations.may_read(session, who.staff, found.id, now):
                glass.open_for(system, session, who.staff, found, reason, why[: glass.LONGEST])
            return found.id

    def form(
        who: Who,
        status: int = 200,
        problems: dict[str, str] | None = None,
        typed: dict[str, str] | None = None,
    ) -> Response:
        with system.database.read() as session:
            clinic = session.get(Clinic, 1)
        return desk.page(
            "glass.html",
            who,
            status,
            here="patients",
            problems=problems or {},
            typed=typed or {"patient": "", "reason": "", "why": ""},
            hours=glass.hours_set(clinic.settings if clinic else {}),
            longest=glass.LONGEST,
        )

    def _openings(session: Session, staff: Staff) -> list[Opening]:
        """Those nobody has looked at first, then the newest."""
        rows = session.scalars(
            select(BrokenGlass)
            .order_by(BrokenGlass.seen_at.is_not(None), BrokenGlass.opened_at.desc())
            .limit(_SHOWN)
        ).all()
        people = {p.id: p.name for p in session.scalars(select(Staff))}
        letters = queue.initials(system, session, [row.patient_id for row in rows])
        mine = relations.readable(session, staff, system.clock.now())
        vault = system.vault(session)
        return [
            Opening(
                id=row.id,
                who=people[row.staff_id],
                initials=letters[row.patient_id],
                patient_id=row.patient_id if row.patient_id in mine else None,
                reason=row.reason,
                why=vault.cipher(row.patient_id).open(
                    "broken_glass", "why", row.id, row.why_sealed
                ),
                opened_at=row.opened_at,
                until=row.until,
                seen_by=people[row.seen_by] if row.seen_by else "",
                seen_at=row.seen_at,
                mine=row.staff_id == staff.id,
            )
            for row in rows
        ]


def _only(who: Who, allowed: bool) -> Who:
    """A page of somebody else's work does not exist."""
    if not allowed:
        raise MissingError
    return who
