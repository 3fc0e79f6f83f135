"""My patients by what needs me: the list, its filters, and marking many as read."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from clinic import glass
from clinic.console import relations, wording
from clinic.console.desk import HOME, Desk, MissingError, back_to, zone
from clinic.console.inbox import cases, filters
from clinic.console.patient import newcomers
from clinic.console.review import review
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, SavedFilter

PAGE = f"{HOME}/patients"
#: Rows shown at first; whoever needs something stands at the top.
_SHOWN = 100


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get(PAGE)
    def caseload(
        request: Request,
        who: Annotated[Who, Depends(desk.signed_in)],
        marked: Annotated[int | None, Query(ge=0)] = None,
        left: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        done = "" if marked is None else _marked(marked, left)
        return show("patients.html", who, request.query_params, done=done)

    @router.get(f"{PAGE}/rows")
    def fresh_rows(request: Request, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        """The rows alone, for a page that is already there."""
        return show("_cases.html", who, request.query_params)

    @router.post(f"{PAGE}/read")
    def mark_read(
        who: Annotated[Who, Depends(desk.acting)],
        patient: Annotated[list[str] | None, Form()] = None,
        back: Annotated[str, Form()] = "",
    ) -> Response:
        """Mark as read what this person has opened, of the chosen patients and no others."""
        chosen = list(dict.fromkeys(patient or []))
        with system.database.read() as session:
            mine = relations.readable(session, who.staff, system.clock.now())
        for patient_id in chosen:
            if patient_id not in mine:
                with desk.reading(who, patient_id):
                    raise MissingError
        with system.database.write() as session:
            found = [review.mark_opened(system, session, who, one) for one in chosen]
        counts = f"marked={found.count('marked')}&left={found.count('left')}"
        return back_to(f"{PAGE}?{_kept(back)}{counts}")

    @router.post(f"{PAGE}/filters")
    async def save_filter(request: Request, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return await asyncio.to_thread(keep_filter, who, form)

    def keep_filter(who: Who, form: dict[str, str]) -> Response:
        with system.database.write() as session:
            mine = relations.readable(session, who.staff, system.clock.now())
            tags = cases.tags(session, system.vault(session), mine)
            chosen = filters.read(form, {tag for held in tags.values() for tag in held})
            try:
                now = system.clock.now()
                filters.save(session, who.staff.id, form.get("name", ""), chosen, now)
            except NotPossibleError as error:
                problem = str(error)
            else:
                return back_to(f"{PAGE}?{filters.query(chosen)}")
        return show("patients.html", who, chosen, 422, problem=problem)

    @router.post(f"{PAGE}/filters/{{filter_id}}/remove")
    def remove_filter(filter_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with system.database.write() as session:
            row = session.get(SavedFilter, filter_id)
            if row is None or row.staff_id != who.staff.id:
                raise MissingError
            session.delete(row)
        return back_to(PAGE)

    def show(
        template: str,
        who: Who,
        asked: Mapping[str, str],
        status: int = 200,
        done: str = "",
        problem: str = "",
    ) -> Response:
        with system.database.read() as session:
            when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
            visit = filters.last_visit(session, who, when)
            every = cases.of(system, session, who.staff, filters.reach(asked, visit))
            mine = filters.saved(session, who.staff.id)
        tags = sorted({tag for case in every for tag in case.tags}, key=str.casefold)
        chosen = filters.read(asked, tags)
        found = [case for case in every if filters.fits(case, chosen, visit)]
        return desk.page(
            template,
            who,
            status,
            here="patients",
            cases=found if "all" in asked else found[:_SHOWN],
            found=len(found),
            total=len(every),
            waiting=sum(bool(case.needs) for case in found),
            may_break=glass.may_break(who.staff),
            may_add=newcomers.may_add(who.staff),
            fields=filters.FIELDS,
            tags=tags,
            chosen=chosen,
            said=filters.say(chosen),
            query=filters.query(chosen),
            saved=[(row.id, row.name, filters.query(row.chosen)) for row in mine],
            visit=visit,
            news=sum(filters.fits(case, {"since": "visit"}, visit) for case in every),
            done=done,
            problem=problem,
        )


def _marked(marked: int, left: int) -> str:
    """What a mark over many patients came to."""
    said = f"{marked} {'patient' if marked == 1 else 'patients'} marked as read."
    if left:
        said += f" {left} hold words you have not opened yet; those stay unread."
    return said


def _kept(back: str) -> str:
    """The choice a form came with, as the beginning of an address; nothing else of it."""
    asked = {name: value for name, value in parse_qsl(back) if name in {*filters.FIELDS, "tag"}}
    return f"{urlencode(asked)}&" if asked else ""
