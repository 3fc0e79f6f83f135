"""How far each measure has come from its baseline, infusion by infusion, and the risk in between.

The baseline is the last score before the first infusion: what was first asked later has nothing to
be compared with, and that is said. Where a response and a remission begin is the measure's own data
(data/measures), with its source; a measure without gets no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot import measures
from bot.measures import Measure
from bot.risk.levels import Level
from clinic.console import wording
from clinic.console.pictures.trends import DRAWN, Course
from clinic.pictures_by_step import Series, Step, Track

#: When it was finished, the score, what it means.
Scores = Sequence[tuple[datetime, float, str]]


def response(course: Course) -> Series:
    """The picture of one patient's series; without a second step there is nothing to draw."""
    stretches = course.stretches()
    known, said, tracks, levels = measures.measures(), [], [], []
    for measure in (known[name] for name in DRAWN):
        scores = course.finished.get(measure.id, [])
        begin = baseline(scores, course.infusions[0].started_at) if course.infusions else None
        if begin:
            found = [_last(scores, *stretch) for stretch in stretches]
            tracks.append(_track(measure, begin, [begin, *found[1:]]))
            levels += _cut_offs(measure, begin)
            said.append(_said(measure, begin, found[1:]))
        elif scores and course.infusions:
            said.append(
                f"{measure.name}: no score above 0 from before the first infusion, "
                "so nothing to compare with."
            )
    risks = [course.risk(*stretch) for stretch in stretches]
    steps = [
        Step(
            label=str(course.infusions[n - 1].number) if n else "before",
            words=f"Infusion {course.infusions[n - 1].number}" if n else "Before the first",
            level=level,
            alerts=alerts,
        )
        for n, (level, alerts) in enumerate(risks)
    ]
    return Series(
        name="response",
        title="Percent from the baseline, by infusion",
        sentence=" ".join([*said, _gravest(steps[1:])]),
        steps=steps,
        tracks=tracks,
        levels=levels,
        names=wording.LEVELS,
    )


def cut_offs() -> list[str]:
    """The cut-offs that are drawn, each with where it comes from."""
    said = []
    for measure in (measures.measures()[name] for name in DRAWN):
        if measure.response is not None:
            said.append(
                f"{measure.name} response: {100 * measure.response:g} % gone "
                f"({_short(measure.sources['response'])})"
            )
        if measure.remission is not None:
            said.append(
                f"{measure.name} remission: below {measure.remission:g} "
                f"({_short(measure.sources['remission'])})"
            )
    return said


def baseline(scores: Scores, first: datetime) -> float | None:
    """The last score before the first infusion; None without, and where there is nothing to lose:
    no share of 0 can be gone."""
    before = [value for at, value, _ in scores if at < first]
    return before[-1] if before and before[-1] > 0 else None


def _last(scores: Scores, begin: datetime, end: datetime) -> float | None:
    return next((value for at, value, _ in reversed(scores) if begin <= at < end), None)


def _percent(begin: float, value: float) -> float:
    return 100 * (value - begin) / begin


def _signed(begin: float, value: float) -> str:
    percent = round(_percent(begin, value))
    return f"{percent:+d}" if percent else "0"


def _track(measure: Measure, begin: float, found: Sequence[float | None]) -> Track:
    said = [
        "not asked" if v is None else f"{v:g}\u00a0({_signed(begin, v)}\u00a0%)" if n else f"{v:g}"
        for n, v in enumerate(found)
    ]
    return Track(measure.name, [None if v is None else _percent(begin, v) for v in found], said)


def _cut_offs(measure: Measure, begin: float) -> list[tuple[float, str]]:
    """Where this patient's response and remission lie, in percent of where they began."""
    levels = []
    if measure.response is not None:
        levels.append((-100 * measure.response, f"{measure.name} response"))
    if measure.remission is not None and begin >= measure.remission:
        levels.append((_percent(begin, measure.remission), f"{measure.name} remission"))
    return levels


def _said(measure: Measure, begin: float, found: Sequence[float | None]) -> str:
    asked = [(number, value) for number, value in enumerate(found, 1) if value is not None]
    if not asked:
        return f"{measure.name}: {begin:g} before, not asked since."
    number, value = asked[-1]
    percent = round(_percent(begin, value))
    way = f"{abs(percent)} % {'less' if percent < 0 else 'more'}" if percent else "no change"
    return f"{measure.name}: {begin:g} before, {value:g} after infusion {number}, {way}" + (
        f": {_reached(measure, begin, value)}." if measure.response is not None else "."
    )


def _reached(measure: Measure, begin: float, value: float) -> str:
    if measure.remission is not None and value < measure.remission:
        return "remission" if begin >= measure.remission else "below remission all along"
    if measure.response is not None and begin - value >= measure.response * begin:
        return "a response"
    return "no response yet"


def _gravest(steps: Sequence[Step]) -> str:
    worst = max(steps, key=lambda step: Level.of(step.level), default=None)
    if worst is None:
        return ""
    if worst.level == "none":
        return "Nothing was flagged since the first infusion."
    same = [step.label for step in steps if step.level == worst.level]
    after = f"infusion {same[0]}" if len(same) == 1 else f"infusions {', '.join(same)}"
    return f"Gravest risk: {wording.LEVELS[worst.level].lower()}, after {after}."


def _short(source: str) -> str:
    return source.partition(" (")[0]
