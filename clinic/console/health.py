"""Two small calls an open page makes: is the alert engine alive, and is somebody still typing."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from clinic.console import access
from clinic.console.access import Who
from clinic.console.desk import Desk
from clinic.conversation import delivery


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/health")
    def engine(who: Annotated[Who, Depends(desk.signed_in)], silent: bool = False) -> Response:
        """The banner when it differs from what the page shows, else nothing to swap."""
        with system.database.read() as session:
            now_silent = not delivery.engine_alive(system, session, system.clock.now())
        if now_silent == silent:
            return Response(status_code=204)
        return desk.page("_engine.html", who)

    @router.post("/console/here")
    def here(who: Annotated[Who, Depends(desk.acting)]) -> Response:
        """Somebody is writing: that is not idle, though nothing was sent yet."""
        access.touch(system, who)
        return Response(status_code=204)
