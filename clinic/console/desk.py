"""What every page of the desk shares: who is at the door, how a page is made, how it fails.

A page that fails says what happened and what to do; it never shows an exception's text, which may
hold a patient's words (invariant I9).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from clinic.console import relations, tour, wording
from clinic.console.review import judgements
from clinic.console.sign_in import access
from clinic.console.sign_in.access import Who
from clinic.conversation import delivery
from clinic.feed import Feed
from clinic.records.models import Clinic, Heartbeat
from clinic.system import System

log = logging.getLogger("afterglow.console")

#: Fields of forms that hold words, and those that are nobody's words or must not be shown.
_WORDS = ("note", "text", "why")
_NOT_SHOWN = ("csrf", "key", "next", "password", "code", "signed", "made", "base", "version")
#: Fields of forms that no page gives back.
_SECRET = ("csrf", "password", "code", "paper", "signed", "made")

COOKIE = "afterglow_staff"
HOME = "/console"
SIGN_IN = "/console/sign-in"

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["words"] = wording


class SignInNeededError(Exception):
    """Nobody is signed in, or no longer."""


class MissingError(Exception):
    """No such page, or not theirs: the same answer for both (invariant I10)."""


class StaleFormError(Exception):
    """The form's token is not this session's: nothing was done. ``who``: whose session this is, if
    it is a whole one."""

    def __init__(self, who: Who | None = None) -> None:
        super().__init__()
        self.who = who


class Desk:
    """Renders pages and guards them. One for the whole console."""

    def __init__(self, system: System, feed: Feed) -> None:
        self.system = system
        self.feed = feed

    # Who is at the door (used as FastAPI dependencies).

    def signed_in(self, request: Request) -> Who:
        """The signed-in person. A page that refreshes itself does not count as a person's act."""
        token = request.cookies.get(COOKIE, "")
        who = access.find(self.system, token, by_hand=not _by_itself(request))
        if who is None:
            raise SignInNeededError
        return who

    def acting(self, request: Request, csrf: Annotated[str, Form()] = "") -> Who:
        """The signed-in person behind a form that this session was given."""
        who = self.signed_in(request)
        if not access.same_csrf(who, csrf):
            raise StaleFormError(who)
        return who

    @contextmanager
    def reading(self, who: Who, patient_id: str | None) -> Iterator[tuple[Session, str]]:
        """One unit of work with a patient this person may read, and the reason why.

        Otherwise the refusal is recorded and the page does not exist. What is read inside commits
        together with its audit row: no row, no page.
        """
        now = self.system.clock.now()
        with self.system.database.write() as session:
            reasons = relations.readable(session, who.staff, now)
            if patient_id in reasons:
                yield session, reasons[patient_id]
                return
            self._refuse(session, who, patient_id)
        raise MissingError

    @contextmanager
    def inviting(self, who: Who, patient_id: str) -> Iterator[Session]:
        """One unit of work about the way into a patient's chat, for whoever may hand one out."""
        with self.system.database.write() as session:
            if relations.may_invite(session, who.staff, patient_id, self.system.clock.now()):
                yield session
                return
            self._refuse(session, who, patient_id)
        raise MissingError

    def _refuse(self, session: Session, who: Who, patient_id: str | None) -> None:
        known = patient_id and relations.exists(session, patient_id)
        self.system.audit.add(
            session,
            self.system.clock.now(),
            f"staff:{who.staff.id}",
            "access.denied",
            f"patient:{patient_id}" if known else "patient:unknown",
            patient_id if known else None,
        )

    def warnings(self, session: Session) -> tuple[bool, list[str]]:
        """Whether the alert engine is silent, and what else the auditor found (codes)."""
        now = self.system.clock.now()
        silent = not delivery.engine_alive(self.system, session, now)
        found = session.get(Heartbeat, "auditor")
        if found is None:
            return silent, []
        # An auditor that stopped knows nothing of now.
        late = now - found.at > timedelta(seconds=4 * self.system.settings.audit_every)
        codes = ["auditor_silent"] if late else found.detail["codes"]
        return silent, [code for code in codes if code != "engine_silent"]

    # Pages.

    def page(
        self, template: str, who: Who | None = None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page in the clinic's zone; for a signed-in person with the bar and its warnings."""
        now = self.system.clock.now()
        with self.system.database.read() as session:
            clinic = session.get(Clinic, 1)
            silent, trouble = self.warnings(session) if who is not None else (False, [])
            to_judge = judgements.count(session, who.staff, now) if who is not None else 0
        values |= {
            "who": who,
            "csrf": who.session.csrf if who else "",
            "clinic_name": clinic.name if clinic else "Afterglow",
            "when": wording.When(now, zone(clinic)),
            "tour": tour.shown(who.staff, _demo(clinic)) if who else None,
            "tour_steps": len(tour.STEPS),
            "to_judge": to_judge,
            "engine_silent": silent,
            "trouble": trouble,
        }
        return HTMLResponse(_TEMPLATES.get_template(template).render(values), status)

    def refused(self, says: str, kept: str) -> HTMLResponse:
        """What a form asked cannot be done; the words stay for whoever wrote them."""
        return problem(422, "That was not done", says, kept)


def _demo(clinic: Clinic | None) -> bool:
    return bool(clinic and clinic.settings.get("demo"))


def zone(clinic: Clinic | None) -> ZoneInfo:
    return ZoneInfo(clinic.timezone if clinic else "UTC")


def problem(status: int, title: str, says: str, kept: str = "") -> HTMLResponse:
    """A page that needs nothing, not even the database. ``kept``: what the person had written."""
    template = _TEMPLATES.get_template("problem.html")
    return HTMLResponse(template.render(title=title, says=says, kept=kept), status)


def route_class(feed: Feed) -> type[APIRoute]:
    """Routes that answer every failure with a page, and wake the live pages after a change."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await handle(request)
                except SignInNeededError:
                    return await _sign_in_needed(request)
                except (MissingError, RequestValidationError):
                    # A relation may have ended while somebody wrote.
                    return missing(await _written(request))
                except StaleFormError as error:
                    if request.url.path.startswith(SIGN_IN):
                        return problem(
                            403, "This page was too old", "Nothing was changed. Start again."
                        )
                    return await _send_again(request, error.who)
                except HTTPException:
                    raise
                except Exception as error:
                    log.error("%s %s: %s", request.method, self.path, _trace(error))
                    return problem(
                        500,
                        "This page could not be made",
                        "The fault is on our side and is in the log. Nothing you sent was saved "
                        "unless you find it there when you open the page again. If this lasts, "
                        "tell the person who runs Afterglow.",
                        await _written(request),
                    )
                if request.method == "POST":
                    feed.kick()
                return response

            return answer

    return PageRoute


def missing(kept: str = "") -> HTMLResponse:
    return problem(
        404,
        "There is nothing here for you",
        "The address is wrong, or you have no relation to this patient. If you need to see a "
        "patient, ask their clinician or the person who runs Afterglow at your clinic. In an "
        "emergency a clinician can open a patient from the foot of the page Patients.",
        kept,
    )


def inside(path: str) -> str:
    """``path`` if it is a page of the desk, else the front page: no way to be sent elsewhere."""
    parts = urlsplit(path)
    elsewhere = parts.scheme or parts.netloc or "\\" in path or not path.isprintable()
    return path if path.startswith(HOME) and not elsewhere else HOME


def back_to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _by_itself(request: Request) -> bool:
    """Whether a page asks on its own, without a person: fresh rows or the live stream."""
    streams = "text/event-stream" in request.headers.get("Accept", "")
    return streams or request.headers.get("HX-Request") == "true"


async def _sign_in_needed(request: Request) -> Response:
    if _by_itself(request):
        # The page's script loads the page again and so arrives at sign-in.
        return HTMLResponse("", 401, {"HX-Refresh": "true"})
    if request.method != "GET":
        return await _send_again(request, None)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        # A link in an e-mail: browsers hold a SameSite=Strict cookie back on the way in from
        # another site. Asking again from our own page brings it along.
        template = _TEMPLATES.get_template("arrive.html")
        return HTMLResponse(template.render(path=inside(request.url.path)))
    return back_to(f"{SIGN_IN}?next={quote(inside(request.url.path))}")


async def _send_again(request: Request, who: Who | None) -> HTMLResponse:
    """A form of a sign-in that is over: all it held stands on this page, to be sent by hand once
    somebody is signed in. Nothing is kept on the server, nor in the browser's storage."""
    template = _TEMPLATES.get_template("send_again.html")
    page = template.render(
        who=who,
        csrf=who.session.csrf if who else "",
        action=inside(request.url.path),
        fields=[(name, value) for name, value in await _fields(request) if name not in _SECRET],
        kept=await _written(request),
    )
    return HTMLResponse(page, 403 if who else 401)


async def _fields(request: Request) -> list[tuple[str, str]]:
    """What a form held, but for files."""
    if request.method != "POST":
        return []
    try:
        form = await request.form()
    except Exception:
        return []
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


async def _written(request: Request) -> str:
    """The words of a form that was not taken, so that nobody has to find them again."""
    return "\n".join(
        value if name in _WORDS else f"{name}: {value}"
        for name, value in await _fields(request)
        if value and name not in _NOT_SHOWN
    )


def _trace(error: BaseException) -> str:
    """Where it happened, without what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-6:]))
    return f"{type(error).__name__} at {places}"
