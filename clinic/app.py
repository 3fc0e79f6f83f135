"""The edge: one FastAPI application for patients and staff.

It answers before the assistant is up and when the assistant is gone. Its own errors end as
problem+json with the numbers that help; for a patient a page never just breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from bot import risk
from clinic import notify
from clinic.console.routes import router as console_router
from clinic.conversation import delivery, whereabouts
from clinic.conversation.turn import Assistant, Turns
from clinic.feed import Feed
from clinic.guards import Guard
from clinic.patient import (
    changes,
    days,
    history,
    intention,
    journal,
    light_day,
    pages,
    plan,
    steps,
    team,
)
from clinic.patient import settings as own_settings
from clinic.patient.api import router as patient_router
from clinic.problems import Problem, not_found
from clinic.records import schema
from clinic.records.models import Heartbeat
from clinic.system import System

#: How often the edge looks whether the engine lives, in seconds.
_ENGINE_LOOK = 2.0
#: How often it looks whether the database was migrated under it, in seconds.
_SCHEMA_LOOK = 2.0

log = logging.getLogger("afterglow.edge")


def create_app(system: System, assistant: Assistant | None = None) -> FastAPI:
    """Everything a browser can reach. ``assistant`` is given by tests that play one."""
    settings = system.settings
    peer = assistant or Assistant(
        settings.assistant_url, settings.secrets.assistant, settings.turn_deadline
    )
    live = Feed(system)
    turns = Turns(system, peer, live)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # A broken rule file stops the start, by name and line. And the first patient's message must
        # not pay for reading the rules, nor run past its deadline.
        await asyncio.to_thread(risk.ruleset)
        await asyncio.to_thread(risk.assess, "")
        # A thread for every page that asks at once; most of them wait for the database.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=32))
        background = [
            asyncio.create_task(live.run()),
            asyncio.create_task(turns.sweep()),
            asyncio.create_task(_watch_engine(system, live)),
            asyncio.create_task(_watch_schema(system)),
        ]
        yield
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await peer.close()

    app = FastAPI(
        title="Afterglow", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    app.state.turns, app.state.system = turns, system
    settings.static_dir.mkdir(parents=True, exist_ok=True)
    app.mount("/static", StaticFiles(directory=settings.static_dir), name="static")
    _add_health(app, system, peer)
    app.include_router(patient_router(system, live, turns))
    room = pages.Pages(system)
    app.include_router(journal.router(system, room, turns))
    app.include_router(steps.router(system, room, turns))
    app.include_router(days.router(system, room))
    app.include_router(light_day.router(system, room))
    app.include_router(changes.router(system, room))
    app.include_router(plan.router(system, room))
    app.include_router(intention.router(system, room))
    app.include_router(team.router(system, room))
    app.include_router(own_settings.router(system, room))
    app.include_router(history.router(system, room))
    app.include_router(console_router(system, live))
    for callbacks in notify.routers(system):
        app.include_router(callbacks)
    _add_errors(app)
    app.add_middleware(Guard, settings=settings, broken=lambda: _not_saved(system))
    return app


def _add_health(app: FastAPI, system: System, assistant: Assistant) -> None:
    @app.get("/")
    def front() -> RedirectResponse:
        return RedirectResponse("/chat", 303)

    @app.get("/embed.js")
    def embed() -> RedirectResponse:
        return RedirectResponse("/static/embed.js", 307)

    @app.get("/health")
    async def health() -> JSONResponse:
        """Red as soon as messages could not be stored or alerts would not go out."""
        found = await asyncio.to_thread(_health, system)
        found["assistant"] = "up" if await assistant.ready() else "down"
        sound = [found[part] for part in ("database", "engine", "audit")] == ["up", "up", "whole"]
        return JSONResponse(found, 200 if sound else 503)


def _health(system: System) -> dict[str, str]:
    try:
        with system.database.write() as session:
            now = system.clock.now()
            # Something is written: a full disk still lets a transaction without a word through.
            session.merge(Heartbeat(name="edge", at=now, detail={}))
            beating = delivery.engine_alive(system, session, now)
            chain = session.get(Heartbeat, "audit")
        return {
            "database": "up",
            "engine": "up" if beating else "down",
            "audit": "broken" if chain and not chain.detail["whole"] else "whole",
        }
    except SQLAlchemyError:
        return {"database": "down", "engine": "unknown", "audit": "unknown"}


def _add_errors(app: FastAPI) -> None:
    app.exception_handler(pages.NotSignedInError)(pages.to_the_door)

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        # The field and the rule, never the value.
        fields = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        return Problem(
            422, "not-valid", "That could not be read. Nothing was sent.", fields=fields
        ).response()

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return not_found().response()
        return Problem(error.status_code, "not-possible", str(error.detail)).response()


async def _watch_engine(system: System, live: Feed) -> None:
    """Tell every open page when the alert engine falls silent or comes back, until cancelled."""
    staffed: bool | None = None
    while True:
        with contextlib.suppress(SQLAlchemyError):
            alive = await asyncio.to_thread(_engine_alive, system)
            if staffed is not None and alive is not staffed:
                await asyncio.to_thread(live.tell_all, "state")
            staffed = alive
        await asyncio.sleep(_ENGINE_LOOK)


async def _watch_schema(system: System) -> None:
    """End this process in good order once the database is newer than its code."""
    while not await asyncio.to_thread(schema.moved_on, system.database):
        await asyncio.sleep(_SCHEMA_LOOK)
    log.error("the database is newer than this edge: it stops")
    signal.raise_signal(signal.SIGTERM)


def _engine_alive(system: System) -> bool:
    with system.database.read() as session:
        return delivery.engine_alive(system, session, system.clock.now())


def _not_saved(system: System) -> Problem:
    """The database is locked, full or gone: say so, and give what needs no database."""
    return Problem(
        503,
        "not-saved",
        "This could not be saved. Nobody at the clinic has seen it.",
        saved=False,
        help=delivery.help_lines(system, whereabouts.WITHOUT_DATABASE),
    )
