"""All pages under /console, put together."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from clinic.console import health, live, presence
from clinic.console.desk import Desk, missing, route_class
from clinic.console.inbox import alerts, caseload, following, queue
from clinic.console.patient import (
    erasing,
    find,
    glass,
    history,
    infusions,
    location,
    newcomers,
    patients,
    reads,
    summary,
    taking,
)
from clinic.console.pictures import picturing
from clinic.console.review import judging, margin, review
from clinic.console.sign_in import accounts, invited, second_factor, sign_in
from clinic.console.staff import (
    clinic_settings,
    colleague,
    reach,
    resetting,
    rota,
    team,
    touring,
)
from clinic.feed import Feed
from clinic.system import System


def router(system: System, feed: Feed) -> APIRouter:
    """Every page under /console."""
    routes = APIRouter(route_class=route_class(feed), include_in_schema=False)
    desk = Desk(system, feed)
    parts = (
        sign_in,
        accounts,
        invited,
        queue,
        glass,
        caseload,
        newcomers,
        patients,
        infusions,
        alerts,
        following,
        location,
        history,
        presence,
        review,
        margin,
        judging,
        find,
        picturing,
        summary,
        taking,
        erasing,
        rota,
        reads,
        reach,
        team,
        colleague,
        resetting,
        clinic_settings,
        second_factor,
        touring,
        health,
        live,
    )
    for part in parts:
        part.add(routes, desk)
    known = list(routes.routes)

    @routes.get("/console/{rest:path}")
    def anything_else(request: Request, rest: str) -> Response:
        """A page for a wrong address; an action's address asked for with GET stays a 405."""
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in known):
            raise HTTPException(405, headers={"Allow": "POST"})
        return missing()

    return routes
