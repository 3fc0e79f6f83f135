"""What a clinician wants beside an alert: the last screens and the safety plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from bot.measures import Measure
from bot.risk.levels import Level
from clinic import safety_plan
from clinic.conversation import measuring
from clinic.records.models import Record
from clinic.safety_plan import Part
from clinic.system import System

_SHOWN = 6


@dataclass(frozen=True)
class Answer:
    question: str
    said: str
    #: Words that were no answer, counted as this one.
    unclear: bool


@dataclass(frozen=True)
class Screen:
    """One administration of a measure. ``result``: a score with its meaning, or how far it got."""

    name: str
    at: datetime
    result: str
    level: str
    answers: tuple[Answer, ...]


def screens(system: System, session: Session, patient_id: str) -> list[Screen]:
    """The newest administrations with at least one answer, newest first."""
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == measuring.KIND)
        .order_by(Record.updated_at.desc(), Record.key)
    )
    vault = system.vault(session)
    found = []
    for row in rows:
        data = vault.data(row)
        measure = measures.measures().get(data["measure"])
        if measure is not None and data["answers"]:
            found.append(_screen(measure, data, row))
        if len(found) == _SHOWN:
            break
    return found


def plan(system: System, session: Session, patient_id: str) -> list[Part]:
    return safety_plan.shown(system, session, patient_id)


def _screen(measure: Measure, data: dict[str, Any], row: Record) -> Screen:
    answers = {name: value for name, value in data["answers"].items() if _known(measure, name)}
    level = measures.level_of(measure, answers)
    return Screen(
        name=measure.name,
        at=row.updated_at,
        result=_result(measure, data, answers),
        level=level.name if level > Level.none else "",
        answers=tuple(
            Answer(item.text, _title(item, answers[item.id]), item.id in data["unclear"])
            for item in measure.items
            if item.id in answers
        ),
    )


def _result(measure: Measure, data: dict[str, Any], answers: dict[str, int]) -> str:
    kept = data["score"] or {}
    label = next((b.label for b in measure.bands if b.name == kept.get("band")), "")
    if kept.get("value") is not None:
        value = f"{kept['value']:g}"
        return f"{value} ({label.lower()})" if label else value
    return label or f"not finished, {len(answers)} answered"


def _known(measure: Measure, name: str) -> bool:
    return any(item.id == name for item in measure.items)


def _title(item: measures.Item, value: int) -> str:
    return next((o.title for o in item.scale if o.value == value), str(value))
