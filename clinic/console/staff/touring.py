"""Going through the tour (console/tour.py): to a step and its page, or out of it for good."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic.console import relations, tour
from clinic.console.desk import HOME, Desk, back_to
from clinic.console.sign_in.access import Who
from clinic.records.models import Staff


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.post("/console/tour")
    def go(
        who: Annotated[Who, Depends(desk.acting)],
        to: Annotated[int, Form(ge=tour.OVER, lt=len(tour.STEPS))] = tour.OVER,
    ) -> Response:
        """To a step by its place, or out of the tour to what needs one."""
        with system.database.write() as session:
            session.get_one(Staff, who.staff.id).tour = to
            mine = relations.readable(session, who.staff, system.clock.now())
        if to == tour.OVER:
            return back_to(HOME)
        return back_to(tour.page(tour.STEPS[to], min(mine, default=None)))
