"""What a clinician wants beside an alert: the last screens, the safety plan, and whom to call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot import measures, stages
from bot.content import fill
from bot.measures import Measure
from bot.risk.levels import Level
from clinic import agreed, safety_plan
from clinic.conversation import measuring, whereabouts
from clinic.records.models import Infusion, Record
from clinic.safety_plan import Part
from clinic.system import System

_SHOWN = 6
#: What the questions named before the records kept it.
_FIRST_NAMED = {"after_effects": whereabouts.in_words(stages.AFTER_EFFECTS_MOST)}


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
    #: Beside the finished one before it; empty without one.
    change: str
    answers: tuple[Answer, ...]


def screens(system: System, session: Session, patient_id: str) -> list[Screen]:
    """The newest administrations with at least one answer, newest first."""
    return all_screens(system, session, patient_id, _SHOWN)


def all_screens(
    system: System, session: Session, patient_id: str, most: int | None = None
) -> list[Screen]:
    """Every administration with at least one answer, newest first."""
    found = _administrations(system, session, patient_id)
    return [_screen(*each, found[n + 1 :]) for n, each in enumerate(found[:most])]


def finished(
    system: System, session: Session, patient_id: str
) -> dict[str, list[tuple[datetime, float, str]]]:
    """(when, score, what it means) of every finished one with a score, by measure, oldest first."""
    found: dict[str, list[tuple[datetime, float, str]]] = {}
    for measure, data, row in reversed(_administrations(system, session, patient_id)):
        value = _value(data)
        if value is not None:
            label = measures.score(measure, data["answers"]).label or ""
            found.setdefault(measure.id, []).append((row.updated_at, value, label))
    return found


def responses(system: System, session: Session, patient_id: str) -> list[str]:
    """Measures that have fallen little by now, in words for the team (domain.md 3.3)."""
    held = session.scalars(
        select(func.count())
        .select_from(Infusion)
        .where(
            Infusion.patient_id == patient_id,
            Infusion.cancelled.is_(False),
            Infusion.ended_at <= system.clock.now(),
        )
    ).one()
    found = _administrations(system, session, patient_id)
    said = []
    for measure in measures.measures().values():
        scores = [
            v for m, data, _ in reversed(found) if m is measure and (v := _value(data)) is not None
        ]
        if measures.little_response(measure, scores, held):
            drop = f"{measure.early['drop']:.0%}"
            said.append(
                f"{measure.name}: no drop of {drop} after {held} infusions "
                f"({scores[0]:g} at first, {scores[-1]:g} now)"
            )
    return said


def _administrations(
    system: System, session: Session, patient_id: str
) -> list[tuple[Measure, dict[str, Any], Record]]:
    """Every one of a measure there still is, with an answer, newest first."""
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == measuring.KIND)
        .order_by(Record.updated_at.desc(), Record.key)
    )
    known = measures.measures()
    return [
        (known[data["measure"]], data, row)
        for row, data in system.vault(session).documents(rows)
        if data["measure"] in known and data["answers"]
    ]


def plan(system: System, session: Session, patient_id: str) -> list[Part]:
    return safety_plan.shown(system, session, patient_id)


def whom_to_call(system: System, session: Session, patient_id: str) -> str:
    """Name and number of the person the team may call when the patient cannot be reached."""
    return agreed.whom_to_call(session, system.vault(session), patient_id)


def _screen(
    measure: Measure,
    data: dict[str, Any],
    row: Record,
    older: Sequence[tuple[Measure, dict[str, Any], Record]],
) -> Screen:
    answers = {name: value for name, value in data["answers"].items() if _known(measure, name)}
    level = measures.level_of(measure, answers)
    return Screen(
        name=measure.name,
        at=row.updated_at,
        result=_result(measure, data, answers),
        level=level.name if level > Level.none else "",
        change=_change(measure, data, older),
        answers=tuple(
            Answer(item.text, _title(item, answers[item.id], data), item.id in data["unclear"])
            for item in measure.items
            if item.id in answers
        ),
    )


def _change(
    measure: Measure,
    data: dict[str, Any],
    older: Sequence[tuple[Measure, dict[str, Any], Record]],
) -> str:
    """Only a change that means something is called one (domain.md 3.3)."""
    now = _value(data)
    before = next(
        (v for m, each, _ in older if m is measure and (v := _value(each)) is not None), None
    )
    if now is None or before is None or measure.change is None:
        return ""
    said = measures.changed(measure, before, now)
    return f"about the same ({before:g} before)" if said == "same" else f"{said} from {before:g}"


def _value(data: dict[str, Any]) -> float | None:
    value: float | None = (data["score"] or {}).get("value")
    return value


def _result(measure: Measure, data: dict[str, Any], answers: dict[str, int]) -> str:
    kept = data["score"] or {}
    label = next((b.label for b in measure.bands if b.name == kept.get("band")), "")
    if kept.get("value") is not None:
        value = f"{kept['value']:g}"
        return f"{value} ({label.lower()})" if label else value
    return label or f"not finished, {len(answers)} answered"


def _known(measure: Measure, name: str) -> bool:
    return any(item.id == name for item in measure.items)


def _title(item: measures.Item, value: int, data: dict[str, Any]) -> str:
    """The answer as the patient read it, with the clinic's hours of that day."""
    title = next((o.title for o in item.scale if o.value == value), str(value))
    return fill(title, _FIRST_NAMED | data.get("named", {}))
