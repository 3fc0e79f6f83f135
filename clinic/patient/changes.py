"""How it goes over time, and "why was this one different?": for the patient, a sentence first.

A change is named only beyond what is known to mean something (data/measures, with its source). For
single ratings of an infusion nothing of the kind is published, so they are only laid side by side;
"further from your own usual" is said from four values on (domain.md 3.1: one's own baseline). No
cause is claimed, and few infusions are said to be few.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from bot.measures import Measure
from bot.variables import TRACKED, VARIABLES
from clinic import infusions as held_by
from clinic import pictures
from clinic.conversation import measuring
from clinic.conversation.known import cycles
from clinic.journal.steps import Steps
from clinic.patient.pages import Pages, Token
from clinic.pictures import Event, Line, Point
from clinic.records.models import Infusion, Patient, Record
from clinic.system import System

#: Columns of the table: the newest infusions.
_SIDE_BY_SIDE = 6
#: From so many values on, one's own usual is worth naming.
_ENOUGH = 4
#: Check-ins that are drawn over time.
_DRAWN = ("mood", "worry", "sleep_hours", "openness", "readiness")


@dataclass(frozen=True)
class Row:
    """One thing that was tracked: its name, and what was said of each infusion."""

    name: str
    values: list[str]
    #: The newest lies further from this person's usual than they usually vary.
    unusual: bool


def router(system: System, pages: Pages) -> APIRouter:
    """The route of the page."""
    routes = APIRouter()

    @routes.get("/changes")
    def index(token: Token = None) -> Response:
        with system.database.read() as session:
            conversation = pages.signed_in(session, token)
            patient = conversation.patient
            shown = Changes(system, session, patient)
            return pages.page(
                session,
                conversation,
                "changes.html",
                "changes",
                drawn=shown.drawn(),
                numbers=[one.number for one in shown.compared],
                rows=shown.rows(),
                few=len(shown.compared),
            )

    return routes


class Changes:
    """One patient's values, as their own pages and their download show them."""

    def __init__(self, system: System, session: Session, patient: Patient) -> None:
        self._system, self._session, self._patient = system, session, patient
        self._zone = ZoneInfo(patient.timezone)
        now = system.clock.now()
        self._infusions = [
            one
            for one in held_by.of(session, patient)
            if not one.cancelled and one.started_at <= now
        ]
        vault = system.vault(session)
        rows = session.scalars(
            select(Record)
            .where(Record.patient_id == patient.id, Record.kind == "check_in")
            .order_by(Record.created_at)
        )
        self._check_ins = list(vault.documents(rows))
        self._values = cycles(self._check_ins, self._infusions, tuple(VARIABLES))
        self.compared = [one for one in self._infusions if one.number in self._values][
            -_SIDE_BY_SIDE:
        ]

    def drawn(self) -> list[Markup]:
        return [pictures.line(line, self._say) for line in self.lines()]

    def lines(self) -> list[Line]:
        """Every line there are two values for."""
        found = [*self._measures(), *self._check_in_lines()]
        return [line for line in found if len(line.points) > 1]

    def rows(self) -> list[Row]:
        """What is known of the newest infusions, side by side."""
        found = []
        spent = self._minutes()
        if any(spent.values()):
            name = self._word("changes.minutes")
            found.append(self._row(name, [spent[one.number] for one in self.compared]))
        for name in VARIABLES:
            values = [self._values[one.number].get(name) for one in self.compared]
            if any(value is not None for value in values):
                found.append(self._row(self._word(f"changes.{name}"), values))
        return found

    def _row(self, name: str, values: Sequence[Any]) -> Row:
        numbers = [value for value in values if isinstance(value, int)]
        unusual = (
            len(numbers) >= _ENOUGH
            and isinstance(values[-1], int)
            and statistics.pstdev(numbers[:-1]) > 0
            and abs(values[-1] - statistics.mean(numbers[:-1])) > statistics.pstdev(numbers[:-1])
        )
        return Row(name, [self._said(value) for value in values], unusual)

    def _said(self, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, list):
            return ", ".join(self._said(one) for one in value)
        return self._word(f"changes.is_{value}") if isinstance(value, str) else str(value)

    def _minutes(self) -> dict[int, int]:
        """Minutes given to looking back, by the infusion they came after."""
        spent = {one.number: 0 for one in self._infusions}
        for practice in Steps(self._system, self._session, self._patient.id).practice():
            before = [i for i in self._infusions if i.ended_at and i.ended_at <= practice.at]
            if before:
                spent[before[-1].number] += practice.minutes
        return spent

    def _measures(self) -> list[Line]:
        found: dict[str, list[tuple[datetime, float]]] = {}
        vault = self._system.vault(self._session)
        for one in reversed(measuring.administrations(self._session, vault, self._patient.id)):
            score = (one.data.get("score") or {}).get("value")
            if one.state == "complete" and score is not None:
                found.setdefault(one.data["measure"], []).append((one.updated_at, float(score)))
        known = measures.measures()
        return [self._measure(known[name], at) for name, at in found.items() if name in known]

    def _measure(self, measure: Measure, scores: list[tuple[datetime, float]]) -> Line:
        changes = [
            "" if n == 0 else measures.changed(measure, scores[n - 1][1], value)
            for n, (_, value) in enumerate(scores)
        ]
        points = [
            Point(at, value, change="" if change == "same" else change)
            for (at, value), change in zip(scores, changes, strict=True)
        ]
        per_item = [max(option.value for option in item.scale) for item in measure.items]
        high = max(per_item) if measure.scoring == "mean" else sum(per_item)
        sentence = self._sentence(measure, scores[0][1], scores[-1][1])
        return Line(
            f"measure-{measure.id}", measure.name, sentence, points, 0, high, self._events()
        )

    def _sentence(self, measure: Measure, first: float, last: float) -> str:
        values = {"first": f"{first:g}", "last": f"{last:g}"}
        if measure.change is None:
            return self._word("changes.no_known_size", values)
        change = measures.changed(measure, first, last)
        return self._word(f"changes.went_{change}", values | {"points": f"{measure.change:g}"})

    def _check_in_lines(self) -> list[Line]:
        found = []
        for name in _DRAWN:
            points = [
                Point(row.created_at, data[name]) for row, data in self._check_ins if name in data
            ]
            low, high = TRACKED[name].scale or (0, 10)
            if points:
                values = {"first": f"{points[0].value:g}", "last": f"{points[-1].value:g}"}
                sentence = self._word("changes.no_known_size", values)
                title = self._word(f"changes.over_{name}")
                found.append(
                    Line(f"said-{name}", title, sentence, points, low, high, self._events())
                )
        return found

    def _events(self) -> list[Event]:
        return [
            Event(one.ended_at, str(one.number), self._infusion(one))
            for one in self._infusions
            if one.ended_at
        ]

    def _infusion(self, one: Infusion) -> str:
        return self._word("days.infusion", {"number": str(one.number)})

    def _say(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local:%b} {local.day}"

    def _word(self, item: str, values: Mapping[str, str] | None = None) -> str:
        said: str = self._system.words.render(item, 0, dict(values or {}))
        return said
