"""The times the companion comes by itself, as the desk tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.records.models import Patient, Touch
from clinic.system import System
from clinic.touches import plan, schedule


@dataclass(frozen=True)
class Visit:
    """One touch: what it is, when by the patient's clock, and what became of it."""

    name: str
    at: str
    state: str


def of(system: System, session: Session, patient: Patient, states: Iterable[str]) -> list[Visit]:
    zone = ZoneInfo(patient.timezone)
    return [
        Visit(
            _name(system, touch), wording.day_and_hour(touch.due_at.astimezone(zone)), _state(touch)
        )
        for touch in plan.of(session, patient)
        if touch.state in states
    ]


def coming(system: System, session: Session, patient: Patient) -> list[Visit]:
    """The next ones, for the page beside the transcript."""
    return of(system, session, patient, ("pending", "open"))[:3]


def been(
    system: System,
    session: Session,
    patient_id: str,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[tuple[Touch, str, datetime]]:
    """Those that came or should have, in words, each at the moment it belongs to."""
    moment = func.coalesce(Touch.opened_at, Touch.due_at)
    rows = select(Touch).where(
        Touch.patient_id == patient_id, Touch.state.in_(("open", "answered", "missed"))
    )
    if begin is not None:
        rows = rows.where(moment >= begin)
    if end is not None:
        rows = rows.where(moment < end)
    for touch in session.scalars(rows):
        words = f"{_name(system, touch)}. {_state(touch)}"
        yield touch, words, touch.opened_at or touch.due_at


def _name(system: System, touch: Touch) -> str:
    kind = schedule.load().kind(touch.kind)
    return system.words.item(kind.content).variants[0] if kind else touch.kind


def _state(touch: Touch) -> str:
    if touch.state == "pending" and touch.chosen:
        return wording.TOUCH_CHOSEN
    state = wording.TOUCHES[touch.state]
    if touch.reason:
        state += f": {wording.TOUCH_REASONS.get(touch.reason, touch.reason)}"
    return state
