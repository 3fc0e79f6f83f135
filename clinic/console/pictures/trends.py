"""One patient over time: measures, mood, after-effects and their length, the series at a glance.

Only a step that means something is called a change (domain.md 3.3); where nobody asked, nothing is
said. What is tracked comes from check-ins, which hold codes and numbers, never words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import measures
from bot.measures import Measure
from bot.risk.levels import Level
from clinic.console import wording
from clinic.console.patient import safety
from clinic.console.wording import When
from clinic.pictures import Event, Line, Point, Span, Spans
from clinic.records.models import (
    Conversation,
    Escalation,
    Infusion,
    Message,
    Record,
    RiskAssessment,
)
from clinic.system import System

#: Drawn when there is anything, in this order (domain.md 3.1).
DRAWN = ("phq9", "gad7", "peg", "pain_nrs", "pcl5")
#: After-effects belong to the infusion for so long, unless another comes before.
_AFTER = timedelta(days=3)
#: Before anybody was a patient.
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FELT = ("fog", "dizzy", "nausea")
#: What "how is your body" can be answered with, but "fine" (data/variables.yml).
_BODIES = {
    "foggy": "fog",
    "dizzy": "dizzy",
    "sick": "nausea",
    "tired": "tired",
    "unwell": "unwell",
}
_NAMES = {
    "fog": "fog",
    "dizzy": "dizziness",
    "nausea": "nausea",
    "tired": "tiredness",
    "unwell": "feeling unwell",
}


@dataclass(frozen=True)
class Row:
    """One infusion in the series: what came between it and the next."""

    number: int
    at: datetime
    #: (name, value) of each measure's last finished one in that time.
    scores: tuple[tuple[str, str], ...]
    mood: str
    intensity: str
    tone: str
    alerts: str
    #: The gravest level of a message, and how many were urgent or more.
    risk: str
    grave: int


@dataclass(frozen=True)
class CheckIn:
    at: datetime
    data: dict[str, Any]


class Course:
    """Everything the pictures of one patient need, opened once."""

    def __init__(self, system: System, session: Session, patient_id: str, when: When) -> None:
        self._session, self._patient_id, self._when = session, patient_id, when
        rows = session.scalars(
            select(Infusion)
            .where(
                Infusion.patient_id == patient_id,
                Infusion.cancelled.is_(False),
                Infusion.started_at <= when.now,
            )
            .order_by(Infusion.started_at)
        )
        self.infusions = list(rows)
        records = session.scalars(
            select(Record)
            .where(Record.patient_id == patient_id, Record.kind == "check_in")
            .order_by(Record.created_at, Record.key)
        )
        #: As kept, for what belongs to which infusion (conversation/known.py).
        self.held = list(system.vault(session).documents(records))
        self.check_ins = [CheckIn(row.created_at, data) for row, data in self.held]
        self.finished = safety.finished(system, session, patient_id)

    def measures(self) -> list[Line]:
        """A picture for each measure that was finished at least once."""
        known = measures.measures()
        return [
            _line(known[name], scores, self._events(), self._when)
            for name in DRAWN
            if (scores := self.finished.get(name))
        ]

    def tracked(self) -> list[Line]:
        """Mood, how open and ready before infusions, and how strong they were, as was said."""
        wanted = (
            ("mood", "Mood", -4, 4),
            ("openness", "How open before", 0, 10),
            ("readiness", "How ready before", 0, 10),
            ("intensity", "How strong it was", 0, 10),
        )
        return [
            Line(
                name=f"tracked-{name}",
                title=title,
                sentence=_span_of(points, low, high),
                points=points,
                low=low,
                high=high,
                events=self._events(),
            )
            for name, title, low, high in wanted
            if (points := self._points(name))
        ]

    def after_effects(self) -> Spans:
        """How long fog, dizziness, nausea, tiredness or feeling unwell lasted after each infusion,
        as far as was asked: seen at one check-in and gone at a later one, the end lies between the
        two."""
        found = [span for row in self.infusions if (span := self._lasted(row)) is not None]
        known = [span for span in found if span.most is not None]
        asked = any(_felt(one.data) is not None for one in self.check_ins)
        sentence = "None felt when asked." if asked else "Not asked about yet."
        if found:
            longest = max(span.least for span in found)
            sentence = (
                f"Felt up to {longest:g} hours after an infusion, at the times it was asked. "
                f"By when it had gone is known for {len(known)} of {len(found)}."
            )
        return Spans("after-effects", "After-effects", sentence, found, "hours")

    def series(self) -> list[Row]:
        """The infusions so far, each with what came until the next."""
        return [self._row(number) for number in range(len(self.infusions))]

    def stretches(self) -> list[tuple[datetime, datetime]]:
        """What came before the first infusion, and then from each until the next."""
        begins = [row.started_at for row in self.infusions]
        if not begins:
            return []
        ends = [self._until(number) for number in range(len(begins))]
        return [(_EVER, begins[0]), *zip(begins, ends, strict=True)]

    def risk(self, begin: datetime, end: datetime) -> tuple[str, str]:
        """The gravest level in that time, and the numbers of the alerts that opened in it. An alert
        is urgent at least; what made it graver later is a message of its own time."""
        alerts = self._alerts(begin, end)
        levels = [*self._levels(begin, end), *(["urgent"] if alerts else [])]
        return max(levels, key=Level.of, default="none"), ", ".join(map(str, alerts))

    def _row(self, number: int) -> Row:
        row = self.infusions[number]
        end = self._until(number)
        here = [one for one in self.check_ins if row.started_at <= one.at < end]
        known = measures.measures()
        scores = []
        for name in DRAWN:
            values = [v for at, v, _ in self.finished.get(name, []) if row.started_at <= at < end]
            if values:
                scores.append((known[name].name, f"{values[-1]:g}"))
        moods = [one.data["mood"] for one in here if "mood" in one.data]
        levels = self._levels(row.started_at, end)
        risk, alerts = self.risk(row.started_at, end)
        return Row(
            number=row.number,
            at=row.started_at,
            scores=tuple(scores),
            mood=f"{wording.signed(sum(moods) / len(moods), 1)} (n = {len(moods)})"
            if moods
            else "",
            intensity=_last(here, "intensity"),
            tone=wording.TONES.get(_last(here, "tone"), ""),
            alerts=alerts,
            risk=risk,
            grave=sum(Level.of(level) >= Level.urgent for level in levels),
        )

    def _until(self, number: int) -> datetime:
        later = self.infusions[number + 1 :]
        return later[0].started_at if later else self._when.now + timedelta(seconds=1)

    def _lasted(self, row: Infusion) -> Span | None:
        end = row.ended_at
        if end is None:
            return None
        until = min(self._until(self.infusions.index(row)), end + _AFTER)
        asked = [
            (one.at, felt)
            for one in self.check_ins
            if end <= one.at < until and (felt := _felt(one.data)) is not None
        ]
        seen = [at for at, felt in asked if felt]
        if not seen:
            return None
        gone = next((at for at, felt in asked if at > seen[-1] and not felt), None)
        kinds = sorted({kind for _, felt in asked for kind in felt})
        return Span(
            label=f"Infusion {row.number}",
            least=round((seen[-1] - end) / timedelta(hours=1), 1),
            most=round((gone - end) / timedelta(hours=1), 1) if gone else None,
            note=", ".join(_NAMES[kind] for kind in kinds),
        )

    def _events(self) -> list[Event]:
        return [
            Event(row.started_at, str(row.number), f"Infusion {row.number}")
            for row in self.infusions
        ]

    def _points(self, name: str) -> list[Point]:
        return [Point(one.at, one.data[name]) for one in self.check_ins if name in one.data]

    def _alerts(self, begin: datetime, end: datetime) -> list[int]:
        rows = self._session.scalars(
            select(Escalation.number)
            .where(
                Escalation.patient_id == self._patient_id,
                Escalation.opened_at >= begin,
                Escalation.opened_at < end,
            )
            .order_by(Escalation.number)
        )
        return list(rows)

    def _levels(self, begin: datetime, end: datetime) -> list[str]:
        rows = self._session.scalars(
            select(RiskAssessment.level)
            .join(Message, Message.id == RiskAssessment.message_id)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(
                Conversation.patient_id == self._patient_id,
                Message.created_at >= begin,
                Message.created_at < end,
            )
        )
        return list(rows)


def _line(
    measure: Measure,
    scores: Sequence[tuple[datetime, float, str]],
    events: Sequence[Event],
    when: When,
) -> Line:
    points, before = [], None
    for at, value, label in scores:
        step = measures.changed(measure, before, value) if before is not None else "same"
        points.append(Point(at, value, label.lower(), "" if step == "same" else step))
        before = value
    top = sum(item.highest for item in measure.items)
    high = top / len(measure.items) if measure.scoring == "mean" else top
    levels = [(measure.remission, "remission below")] if measure.remission is not None else []
    return Line(
        name=f"measure-{measure.id}",
        title=measure.name,
        sentence=_said(measure, scores, when),
        points=points,
        low=0,
        high=high,
        events=events,
        levels=levels,
    )


def _said(measure: Measure, scores: Sequence[tuple[datetime, float, str]], when: When) -> str:
    """The picture in a sentence: from the first to the last, and whether that means something."""
    (begin, first, _), (_, last, label) = scores[0], scores[-1]
    means = f" ({label.lower()})" if label else ""
    if len(scores) == 1:
        return f"Once so far: {last:g}{means}."
    step = measures.changed(measure, first, last)
    since = f"since {when.local(begin):%b} {when.local(begin).day}"
    if measure.change is None:
        return f"{first:g} at first, {last:g} now{means}, {since}."
    if step == "same":
        return f"About the same {since}: {first:g} at first, {last:g} now{means}."
    return f"{step.capitalize()} from {first:g} to {last:g}{means} {since}."


def _span_of(points: Sequence[Point], low: int, high: int) -> str:
    values = [point.value for point in points]
    said = wording.signed if low < 0 else "{:g}".format
    scale = f"on a scale from {said(low)} to {said(high)}"
    if len(values) == 1:
        return f"Asked once: {said(values[0])} {scale}."
    return (
        f"Asked {len(values)} times: between {said(min(values))} and {said(max(values))} {scale}."
    )


def _felt(data: dict[str, Any]) -> set[str] | None:
    """Which after-effects a check-in names; None when it asked about none."""
    body = data.get("body")
    if body is None and not any(name in data for name in _FELT):
        return None
    felt = {name for name in _FELT if data.get(name, 0) > 0}
    return felt | ({_BODIES[body]} if body in _BODIES else set())


def _last(check_ins: Sequence[CheckIn], name: str) -> str:
    return next((str(one.data[name]) for one in reversed(check_ins) if name in one.data), "")
