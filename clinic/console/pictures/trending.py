"""The clinic's figures as pictures: a column a week or month, a bar for each pool of ratings.

What is still going on is drawn open: fewer days are in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from clinic.console import wording
from clinic.console.pictures.overview import Acknowledged, Figures, Part, Rate, Touched
from clinic.console.pictures.room import RATINGS, Rated
from clinic.pictures_by_step import Column, Columns, Share, Shares


def columns(figures: Figures) -> list[Columns]:
    """Every trend there is anything to draw of."""
    found = [
        _touches(figures.parts, figures.touched),
        *(_soon(level, figures.parts, held) for level, held in figures.soon.items()),
        _rates(figures.parts, figures.rates, figures.rate),
    ]
    return [one for one in found if any(column.value is not None for column in one.columns)]


def shares(rated: Sequence[Rated]) -> list[Shares]:
    """One picture for each aspect of the room that enough patients have rated."""
    return [_room(one) for one in rated if one.pools]


def _touches(parts: Sequence[Part], held: Sequence[Touched]) -> Columns:
    over, answered = sum(one.over for one in held), sum(one.answered for one in held)
    cells = [
        _column(part, None if one.share is None else 100 * one.share, one.answered, one.missed)
        for part, one in zip(parts, held, strict=True)
    ]
    share = f"{100 * answered / over:.0f} % of {over} were answered." if over else ""
    return Columns(
        name="touches",
        title="Visits of the companion that were answered",
        sentence=f"{share} {_between(cells, '%')}".strip(),
        unit="%",
        top=100,
        columns=cells,
        heads=("Answered", "Missed"),
    )


def _soon(level: str, parts: Sequence[Part], held: Sequence[Acknowledged]) -> Columns:
    cells = [
        _column(part, one.median, one.alerts, one.acknowledged)
        for part, one in zip(parts, held, strict=True)
    ]
    alerts, taken = sum(one.alerts for one in held), sum(one.acknowledged for one in held)
    return Columns(
        name=f"soon-{level}",
        title=f"Minutes to the first acknowledgement: {wording.LEVELS[level].lower()}",
        sentence=f"The median; {taken} of {alerts} were acknowledged. {_between(cells, 'min')}",
        unit="min",
        top=None,
        columns=cells,
        heads=("Alerts", "Acknowledged"),
    )


def _rates(parts: Sequence[Part], held: Sequence[Rate], whole: Rate) -> Columns:
    cells = [
        _column(part, one.per_hundred, one.alerts, one.infusions)
        for part, one in zip(parts, held, strict=True)
    ]
    said = "" if whole.per_hundred is None else f"{whole.per_hundred:.1f} over all. "
    return Columns(
        name="rate",
        title="Alerts for every hundred infusions",
        sentence=f"{said}{_between(cells, '')}".strip(),
        unit="",
        top=None,
        columns=cells,
        heads=("Alerts", "Infusions"),
    )


def _column(part: Part, value: float | None, *counts: int) -> Column:
    return Column(part.label, part.words, value, part.so_far, tuple(map(str, counts)))


def _between(cells: Sequence[Column], unit: str) -> str:
    """From the lowest to the highest of those that are whole; of one, nothing can be said."""
    whole = [one.value for one in cells if one.value is not None and not one.open]
    if len(whole) < 2:
        return "Too little yet for a trend."
    low, high = (f"{one:.0f}" for one in (min(whole), max(whole)))
    said = f"Each {low} {unit}" if low == high else f"Between {low} and {high} {unit}"
    return f"{said.rstrip()}, the one going on left out."


def _room(one: Rated) -> Shares:
    newest = one.pools[-1]
    return Shares(
        name=f"room-{one.name}",
        title=one.label,
        sentence=f"{newest.words}: {newest.counts['good']} of {newest.answers} answers were good.",
        ratings=RATINGS,
        shares=[
            Share(pool.words, pool.patients, [pool.counts[rating] for rating in RATINGS])
            for pool in one.pools
        ],
    )
