"""Two small calls an open page makes: is the alert engine alive, and is somebody still typing."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from clinic.console.desk import Desk
from clinic.console.sign_in import access
from clinic.console.sign_in.access import Who


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/health")
    def engine(who: Annotated[Who, Depends(desk.signed_in)], shown: str = "") -> Response:
        """The banners when they differ from what the page shows, else nothing to swap."""
        with system.database.read() as session:
            silent, trouble = desk.warnings(session)
        if shown.split() == [*(["silent"] if silent else []), *trouble]:
            return Response(status_code=204)
        return desk.page("_engine.html", who)

    @router.post("/console/here")
    def here(who: Annotated[Who, Depends(desk.acting)]) -> Response:
        """Somebody is writing: that is not idle, though nothing was sent yet."""
        access.touch(system, who)
        return Response(status_code=204)
