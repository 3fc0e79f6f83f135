"""Pictures that go by steps: percent from the baseline by infusion, with the risk beneath; a column
for each week or month; how a question was answered, one bar a stretch of months.

Like those over time (clinic/pictures.py): a sentence, an SVG, the same figures as a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clinic.pictures import HEIGHT, LEFT, TOP, WIDTH, Drawing, figure

#: Room for the names at the ends of the lines, and under the plot for the marks and their words.
_NAMES, _MARKS, _ROW = 56, 22, 26
_BOTTOM = HEIGHT + 14
#: Names and numbers closer than this would lie over each other.
_APART = 12
#: How each line's points look, in their order; no two lines of one picture look alike.
_SHAPES = ("circle", "square", "diamond", "cross", "tick")


@dataclass(frozen=True)
class Step:
    """A place along the bottom. ``level`` is the gravest risk there: none, watch, urgent or
    emergency."""

    label: str
    words: str
    level: str
    alerts: str


@dataclass(frozen=True)
class Track:
    """One measure: at each step the percent it has changed by since the first, or None where nobody
    asked; ``said`` is the same in words."""

    name: str
    values: Sequence[float | None]
    said: Sequence[str]


@dataclass(frozen=True)
class Series:
    """``levels`` are lines across with a name; ``names`` says each level of risk in a word."""

    name: str
    title: str
    sentence: str
    steps: Sequence[Step]
    tracks: Sequence[Track]
    levels: Sequence[tuple[float, str]]
    names: dict[str, str]


@dataclass(frozen=True)
class Column:
    """One week or month; ``value`` None: nothing to count. ``open``: it is not over. ``counts`` go
    to the table."""

    label: str
    words: str
    value: float | None
    open: bool
    counts: Sequence[str]


@dataclass(frozen=True)
class Columns:
    """``top``: the end of the scale; None: whatever was reached. ``heads`` names the counts."""

    name: str
    title: str
    sentence: str
    unit: str
    top: float | None
    columns: Sequence[Column]
    heads: Sequence[str]


@dataclass(frozen=True)
class Share:
    """How often each rating was given, by so many patients."""

    words: str
    patients: int
    counts: Sequence[int]


@dataclass(frozen=True)
class Shares:
    """Three ratings, the best first."""

    name: str
    title: str
    sentence: str
    ratings: Sequence[str]
    shares: Sequence[Share]


def series(picture: Series) -> Markup:
    """The figure; with nothing to compare and no infusion there is none: an empty string."""
    if len(picture.steps) < 2:
        return Markup("")
    plot = _Plot.of(picture)
    drawn = Markup("").join(
        [
            *(_across(plot.y(value), f"{value:+g} %" if value else "0 %") for value in plot.ends),
            *_levels(picture.levels, plot),
            *_tracks(picture.tracks, plot),
            *_steps(picture.steps, plot),
            *_legend(picture),
        ]
    )
    heads = (
        "Infusion",
        *(track.name for track in picture.tracks),
        "Gravest until the next",
        "Alerts",
    )
    rows = [
        (
            step.words,
            *(track.said[place] for track in picture.tracks),
            picture.names[step.level],
            step.alerts,
        )
        for place, step in enumerate(picture.steps)
    ]
    height = _BOTTOM + _ROW + _MARKS
    return figure(
        Drawing(picture.name, picture.title, picture.sentence, drawn, height, heads, rows),
        wide=True,
    )


def columns(picture: Columns) -> Markup:
    """The figure of columns, each with its value above it."""
    known = [one.value for one in picture.columns if one.value is not None]
    top = picture.top or max([*known, 1])
    step = (WIDTH - LEFT - 12) / len(picture.columns)
    bottom = HEIGHT - 24
    drawn, free = [_line(bottom)], -math.inf
    for number, one in enumerate(picture.columns):
        x = LEFT + step * number
        if one.value is not None:
            tall = max(1.0, (bottom - TOP) * one.value / top)
            drawn.append(_column(one, x + step * 0.15, bottom - tall, step * 0.7, tall))
        middle, half = x + step / 2, 3 * len(one.label)
        if middle - half > free:
            drawn.append(_words(middle, bottom + 16, one.label))
            free = middle + half + 4
    value = f"Value, {picture.unit}" if picture.unit else "Value"
    heads = ("When", value, *picture.heads)
    rows = [
        (one.words, "none" if one.value is None else f"{one.value:.0f}", *one.counts)
        for one in picture.columns
    ]
    body = Markup("").join(drawn)
    return figure(Drawing(picture.name, picture.title, picture.sentence, body, HEIGHT, heads, rows))


def shares(picture: Shares) -> Markup:
    """The figure of bars: full, open, hatched, in the order of the ratings, each said above it."""
    step, wide = 38, WIDTH - 24
    hatch = f"{picture.name}-hatch"
    drawn = [
        Markup(
            '<defs><pattern id="{}" width="5" height="5" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><line class="picture__hatch" y2="5"/></pattern></defs>'
        ).format(hatch)
    ]
    for number, one in enumerate(picture.shares):
        y, x, answers = 8 + step * number, 12.0, sum(one.counts)
        said = ", ".join(f"{n} {r}" for n, r in zip(one.counts, picture.ratings, strict=True))
        drawn.append(Markup('<text x="12" y="{}">{}: {}</text>').format(y + 8, one.words, said))
        kinds = ("picture__bar", "picture__open picture__part", "picture__part")
        for kind, count in zip(kinds, one.counts, strict=True):
            part = wide * count / answers
            fill = Markup(' fill="url(#{})"').format(hatch) if kind == kinds[-1] else ""
            if count:
                drawn.append(
                    Markup(
                        '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="12"{}/>'
                    ).format(kind, x, y + 13, part, fill)
                )
            x += part
    heads = ("Months", "Patients", *(r.capitalize() for r in picture.ratings))
    rows = [(one.words, str(one.patients), *map(str, one.counts)) for one in picture.shares]
    height = 8 + step * len(picture.shares)
    body = Markup("").join(drawn)
    return figure(Drawing(picture.name, picture.title, picture.sentence, body, height, heads, rows))


def _line(y: float) -> Markup:
    return Markup('<line class="picture__scale" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
        LEFT, WIDTH - 12, y=y
    )


def _words(x: float, y: float, words: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(x, y, words)


def _column(one: Column, x: float, y: float, wide: float, tall: float) -> Markup:
    """Full, or open while it is going on."""
    kind = "picture__open" if one.open else "picture__bar"
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{}: {:.0f}</title></rect>{}"
    ).format(
        kind,
        x,
        y,
        wide,
        tall,
        one.words,
        one.value,
        _words(x + wide / 2, y - 4, f"{one.value:.0f}"),
    )


@dataclass(frozen=True)
class _Plot:
    steps: int
    top: float

    @classmethod
    def of(cls, picture: Series) -> _Plot:
        values = [v for track in picture.tracks for v in track.values if v is not None]
        return cls(len(picture.steps), 25 * math.ceil(max([0, *values]) / 25))

    @property
    def ends(self) -> tuple[float, ...]:
        return (self.top, 0, -100) if self.top else (0, -100)

    def x(self, step: int) -> float:
        return LEFT + 18 + step * (WIDTH - LEFT - _NAMES - 26) / (self.steps - 1)

    def y(self, value: float) -> float:
        return TOP + (self.top - value) / (self.top + 100) * (_BOTTOM - TOP - 24)


def _across(y: float, words: str) -> Markup:
    return Markup(
        '<line class="picture__scale" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT + 8, WIDTH - _NAMES, y, y, LEFT + 4, y + 4, words)


def _levels(levels: Sequence[tuple[float, str]], plot: _Plot) -> list[Markup]:
    """The upper one's name stands above it, the lower one's below: they may be close."""
    drawn = []
    for place, (value, words) in enumerate(sorted(levels, reverse=True)):
        y = plot.y(value)
        drawn.append(
            Markup(
                '<line class="picture__level" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="picture__name" x="{}" y="{:.1f}">{}</text>'
            ).format(LEFT + 8, WIDTH - _NAMES, y, y, LEFT + 11, y + 12 if place else y - 4, words)
        )
    return drawn


def _tracks(tracks: Sequence[Track], plot: _Plot) -> list[Markup]:
    drawn, ends = [], []
    for number, track in enumerate(tracks):
        found = [(n, value) for n, value in enumerate(track.values) if value is not None]
        path = " ".join(f"{plot.x(n):.1f},{plot.y(value):.1f}" for n, value in found)
        drawn.append(
            Markup('<polyline class="picture__track--{}" points="{}"/>').format(number, path)
        )
        drawn += [
            _mark(_SHAPES[number], plot.x(n), plot.y(value), f"{track.name}: {track.said[n]}")
            for n, value in found
        ]
        ends.append((plot.y(found[-1][1]), number, track.name))
    below = -math.inf
    for y, number, name in sorted(ends):
        below = max(y, below + _APART)
        drawn.append(_mark(_SHAPES[number], WIDTH - _NAMES + 9, below, ""))
        drawn.append(
            Markup('<text x="{}" y="{:.1f}">{}</text>').format(WIDTH - _NAMES + 16, below + 4, name)
        )
    return drawn


def _steps(steps: Sequence[Step], plot: _Plot) -> list[Markup]:
    """The number of each infusion, as far as there is room, and under it the mark of the risk."""
    drawn, free = [], -math.inf
    for number, step in enumerate(steps):
        x = plot.x(number)
        half = 3 * len(step.label)
        if x - half > free:
            drawn.append(
                Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    x, _BOTTOM, step.label
                )
            )
            free = x + half + 4
        drawn.append(_risk(step.level, x, _BOTTOM + _ROW - 10, f"{step.words}: {step.level}"))
    return drawn


def _legend(picture: Series) -> list[Markup]:
    """What the marks beneath mean, in words: those there are, the gravest last."""
    y, x, drawn = _BOTTOM + _ROW + 10, LEFT + 14, []
    here = {step.level for step in picture.steps}
    for level, words in picture.names.items():
        if level in here:
            drawn.append(_risk(level, x, y, ""))
            drawn.append(Markup('<text x="{}" y="{}">{}</text>').format(x + 9, y + 4, words))
            x += 26 + 6 * len(words)
    return drawn


def _mark(shape: str, x: float, y: float, words: str) -> Markup:
    paths = {
        "square": "M{0:.1f} {1:.1f}m-3.5-3.5h7v7h-7z",
        "diamond": "M{0:.1f} {1:.1f}m0-5l5 5-5 5-5-5z",
        "cross": "M{0:.1f} {1:.1f}m-4-4l8 8m0-8l-8 8",
        "tick": "M{0:.1f} {1:.1f}m0-5v10",
    }
    title = Markup("<title>{}</title>").format(words) if words else ""
    if shape == "circle":
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5">{}</circle>').format(x, y, title)
    return Markup('<path class="picture__mark" d="{}">{}</path>').format(
        paths[shape].format(x, y), title
    )


def _risk(level: str, x: float, y: float, words: str) -> Markup:
    """The shapes of the desk: ring, triangle, octagon; a dash for nothing flagged."""
    paths = {
        "none": "M{0:.1f} {1:.1f}m-4 0h8",
        "watch": "M{0:.1f} {1:.1f}m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0",
        "urgent": "M{0:.1f} {1:.1f}m0-5.5l5.5 10h-11z",
        "emergency": "M{0:.1f} {1:.1f}m-2.3-5.5h4.6l3.2 3.2v4.6l-3.2 3.2h-4.6l-3.2-3.2v-4.6z",
    }
    title = Markup("<title>{}</title>").format(words) if words else ""
    return Markup('<path class="picture__risk picture__risk--{}" d="{}">{}</path>').format(
        level, paths[level].format(x, y), title
    )
