"""The page of steps: what to do next, what is parked, what went well, and time spent on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from anyio import from_thread
from fastapi import APIRouter, Form
from fastapi.responses import Response

from clinic.conversation.turn import Turns
from clinic.conversation.typed import NotAcceptedError
from clinic.journal import steps
from clinic.journal.steps import KINDS_OF_PRACTICE, SETTLED, Steps
from clinic.patient.pages import Pages, Token, back
from clinic.people import NotPossibleError
from clinic.records.models import Conversation
from clinic.system import System

Text = Annotated[str, Form()]
SAID = ("kept", "settled", "spent", "booked")
_WINS, _WEEK = 20, timedelta(days=7)


def router(system: System, pages: Pages, turns: Turns) -> APIRouter:
    """Routes under /steps."""
    routes = APIRouter()

    @routes.get("/steps")
    def index(token: Token = None, said: str = "") -> Response:
        return show(token, said)

    @routes.post("/steps/write")
    def write(kind: Text = "", text: Text = "", key: Text = "", token: Token = None) -> Response:
        conversation = mine(token)
        try:
            worry = steps.write(system, conversation, kind, text, key)
        except NotPossibleError:
            return back("/steps")
        except NotAcceptedError as error:
            empty = error.code == "empty"
            says = system.words.render("steps.empty_words") if empty else error.says
            return show(token, error=says, kind=kind, text=text)
        if worry:
            # Where somebody answers, and where the numbers are.
            from_thread.run_sync(turns.wake, conversation.id)
            return back("/chat")
        return back("/steps?said=kept")

    @routes.post("/steps/spent")
    def spent(minutes: Text = "", what: Text = "", token: Token = None) -> Response:
        try:
            with system.database.write() as session:
                patient_id = pages.signed_in(session, token).patient_id
                number = int(minutes) if minutes.isdecimal() and len(minutes) < 5 else 0
                Steps(system, session, patient_id).spent(number, what)
        except NotPossibleError:
            return show(token, error=system.words.render("steps.no_minutes"))
        return back("/steps?said=spent")

    @routes.post("/steps/booked")
    def booked(yes: Text = "", token: Token = None) -> Response:
        with system.database.write() as session:
            patient_id = pages.signed_in(session, token).patient_id
            Steps(system, session, patient_id).booked(yes == "yes")
        return back("/steps?said=booked")

    @routes.post("/steps/{step_id}")
    def settle(step_id: str, state: Text = "", token: Token = None) -> Response:
        try:
            with system.database.write() as session:
                patient_id = pages.signed_in(session, token).patient_id
                Steps(system, session, patient_id).settle(step_id, state)
        except NotPossibleError:
            return back("/steps")
        return back("/steps?said=settled")

    def mine(token: str | None) -> Conversation:
        with system.database.read() as session:
            return pages.signed_in(session, token)

    def show(
        token: str | None, said: str = "", error: str = "", kind: str = "", text: str = ""
    ) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            kept = Steps(system, session, conversation.patient_id)
            every, parked = kept.of("small_step"), kept.of("parked_decision")
            practice = kept.practice()
            week = [one for one in practice if one.at > system.clock.now() - _WEEK]
            return pages.page(
                session,
                conversation,
                "steps.html",
                "steps",
                status=422 if error else 200,
                open_steps=[one for one in every if one.state not in SETTLED],
                past=[one for one in (*every, *parked) if one.state in SETTLED][:_WINS],
                parked=[one for one in parked if one.state not in SETTLED],
                wins=kept.of("win")[:_WINS],
                booked=kept.is_booked(),
                practice=practice[:_WINS],
                week=sum(one.minutes for one in week),
                kinds=KINDS_OF_PRACTICE,
                said=said if said in SAID else "",
                error=error,
                kind=kind,
                text=text,
            )

    return routes
