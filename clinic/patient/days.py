"""The calendar of a patient's window: what has been, what will come, and changing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from clinic import infusions
from clinic.conversation import whereabouts
from clinic.patient.pages import Pages, Token, back
from clinic.records.models import Clinic, Infusion, Patient, Touch
from clinic.system import System
from clinic.touches import plan, schedule

SAID = ("moved", "skipped", "changed")
_PAST = 12
Move = Callable[[System, Session, Patient, Touch], None]


@dataclass(frozen=True)
class Visit:
    """A touch as the page shows it. ``local``: its time by the patient's clock, for the field."""

    id: str
    name: str
    due: datetime
    local: str
    state: str


def router(system: System, pages: Pages) -> APIRouter:
    """Routes under /days."""
    routes = APIRouter()

    @routes.get("/days")
    def index(token: Token = None, said: str = "") -> Response:
        return show(token, said)

    @routes.post("/days/visits")
    def want(wanted: Annotated[bool, Form()], token: Token = None) -> Response:
        with system.database.write() as session:
            patient = pages.signed_in(session, token).patient
            plan.want(system, session, patient, wanted)
        return back("/days?said=changed")

    @routes.post("/days/{touch_id}/later")
    def later(touch_id: str, token: Token = None) -> Response:
        return act(token, touch_id, plan.later, "moved")

    @routes.post("/days/{touch_id}/skip")
    def skip(touch_id: str, token: Token = None) -> Response:
        return act(token, touch_id, plan.skip, "skipped")

    @routes.post("/days/{touch_id}/move")
    def move(touch_id: str, to: Annotated[str, Form()], token: Token = None) -> Response:
        def moved(system: System, session: Session, patient: Patient, touch: Touch) -> None:
            plan.move(system, session, patient, touch, _typed(to, patient))

        return act(token, touch_id, moved, "moved")

    def act(token: str | None, touch_id: str, change: Move, said: str) -> Response:
        try:
            with system.database.write() as session:
                patient = pages.signed_in(session, token).patient
                touch = session.get(Touch, touch_id, with_for_update=True)
                if touch is None or touch.patient_id != patient.id:
                    raise plan.NotMovedError("come")
                change(system, session, patient, touch)
        except plan.NotMovedError as error:
            return show(token, error=error.code)
        return back(f"/days?said={said}")

    def show(token: str | None, said: str = "", error: str = "") -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            patient = conversation.patient
            visits = [_visit(system, touch, patient) for touch in plan.of(session, patient)]
            now = system.clock.now()
            return pages.page(
                session,
                conversation,
                "days.html",
                "days",
                status=422 if error else 200,
                coming=[visit for visit in visits if visit.state in ("pending", "open")],
                been=[v for v in visits if v.state in ("answered", "missed") and v.due <= now][
                    : -_PAST - 1 : -1
                ],
                infusions=_held(session, patient),
                series=_series(session, patient),
                wanted=patient.touches_wanted,
                now=now,
                zone=patient.timezone.replace("_", " "),
                said=said if said in SAID else "",
                error=error,
            )

    return routes


def _visit(system: System, touch: Touch, patient: Patient) -> Visit:
    kind = schedule.load().kind(touch.kind)
    name = system.words.item(kind.content).variants[0] if kind else touch.kind
    local = touch.due_at.astimezone(ZoneInfo(patient.timezone))
    return Visit(touch.id, name, touch.due_at, f"{local:%Y-%m-%dT%H:%M}", touch.state)


def _held(session: Session, patient: Patient) -> list[Infusion]:
    held = [one for one in infusions.of(session, patient) if not one.cancelled]
    return held[::-1]


def _series(session: Session, patient: Patient) -> dict[str, str] | None:
    """How far along the first series is, by the clinic's own length; None after it."""
    if patient.program != "induction":
        return None
    length = whereabouts.clock(session.get_one(Clinic, 1)).planned
    done = sum(one.ended_at is not None and not one.booster for one in _held(session, patient))
    return {"done": str(done), "length": str(length)} if 0 < done <= length else None


def _typed(to: str, patient: Patient) -> datetime:
    """A time of the patient's clock, as the browser's field gives it."""
    try:
        naive = datetime.fromisoformat(to)
    except ValueError:
        raise plan.NotMovedError("no_time") from None
    if naive.tzinfo is not None:
        raise plan.NotMovedError("no_time")
    return schedule.on_the_wall(naive.date(), naive.time(), ZoneInfo(patient.timezone))
