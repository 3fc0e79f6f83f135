"""Pictures of measures over time, for the desk and for the patient's own pages alike.

A picture is a sentence first, then an SVG drawn on the server, then the same figures as a table: it
prints, needs no script, and says nothing by colour alone. Styles: ``.picture`` in tokens.css. Times
come as aware datetimes and are worded by whoever asks (their zone, their way to say a date). What
goes by steps, infusions or months, is drawn in clinic/pictures_by_step.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

Say = Callable[[datetime], str]

#: The drawing's size in its own units, about one CSS pixel each on a phone; and its margins.
WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 34, 12, 24, 24


@dataclass(frozen=True)
class Point:
    """One value. ``note`` says what it means; ``change`` is "up" or "down" where the step from the
    one before means something, else empty."""

    at: datetime
    value: float
    note: str = ""
    change: str = ""


@dataclass(frozen=True)
class Event:
    """Something to see the values against: an infusion, with its number as ``label``."""

    at: datetime
    label: str
    #: In full, for who hears it read.
    words: str


@dataclass(frozen=True)
class Line:
    """Values over time. ``low`` and ``high`` are the ends of the scale, whatever was reached;
    ``levels`` are lines across with a name, such as a cut-off."""

    name: str
    title: str
    sentence: str
    points: Sequence[Point]
    low: float
    high: float
    events: Sequence[Event] = ()
    levels: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Span:
    """Something that lasted between two lengths: seen until ``least``, gone by ``most`` (None:
    nobody knows when)."""

    label: str
    least: float
    most: float | None
    note: str


@dataclass(frozen=True)
class Spans:
    """Lengths side by side, in ``unit``, of which only a least and perhaps a most is known."""

    name: str
    title: str
    sentence: str
    spans: Sequence[Span]
    unit: str


@dataclass(frozen=True)
class Dot:
    """One infusion, by its number, at what was tracked and how it was rated."""

    label: str
    across: float
    up: float


@dataclass(frozen=True)
class Scatter:
    """One thing against another; ``wide`` and ``high`` are the ends of their scales."""

    name: str
    title: str
    sentence: str
    across: str
    up: str
    dots: Sequence[Dot]
    wide: tuple[float, float]
    high: tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """A picture ready for a page or for paper: what is inside the SVG, and the same as a table."""

    name: str
    title: str
    sentence: str
    drawn: Markup
    height: int
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def alone(self) -> str:
        """The SVG with its own style, for where no style sheet reaches (exports/pdf.py)."""
        return Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}"><style>{}</style>{}</svg>'
        ).format(WIDTH, self.height, _ON_PAPER, self.drawn)


#: The same as .picture in tokens.css, by day.
_ON_PAPER = Markup(
    "text{fill:#55646a;font-family:'Atkinson Hyperlegible Next','Noto Sans';font-size:11px}"
    "polyline{fill:none;stroke:#4b5a8a;stroke-width:2}circle{fill:#4b5a8a}"
    "polygon{fill:#2f6b5e;stroke:#ffffff}.picture__scale{stroke:#e4dfd8}"
    ".picture__level{stroke:#8a949a;stroke-dasharray:2 4}.picture__event{stroke:#8a949a}"
    ".picture__bar{fill:#4b5a8a}.picture__open{fill:none;stroke:#4b5a8a;stroke-dasharray:3 3}"
)


def line(picture: Line, say: Say) -> Markup:
    """The figure of a line. Without points there is nothing to draw: an empty string."""
    return figure(drawing(picture, say)) if picture.points else Markup("")


def drawing(picture: Line, say: Say) -> Drawing:
    """A line with at least one point."""
    axis = _Axis.of(picture)
    last = axis.y(picture.points[-1].value)
    levels = [_level(value, words, axis.y(value), last) for value, words in picture.levels]
    path = " ".join(f"{axis.x(p.at):.1f},{axis.y(p.value):.1f}" for p in picture.points)
    drawn = Markup("").join(
        [
            scale(axis.y(picture.low), f"{picture.low:g}"),
            scale(axis.y(picture.high), f"{picture.high:g}"),
            *levels,
            *(_event(event, axis.x(event.at)) for event in picture.events if axis.holds(event.at)),
            Markup('<polyline points="{}"/>').format(path),
            *(_point(point, axis, say) for point in picture.points),
            foot(LEFT, "start", say(axis.begin)),
            foot(WIDTH - RIGHT, "end", say(axis.end)),
        ]
    )
    rows = [
        (say(p.at), f"{p.value:g}", p.note, {"up": "Up", "down": "Down"}.get(p.change, ""))
        for p in picture.points
    ]
    heads = ("When", "Value", "Means", "Meaningful change")
    return Drawing(picture.name, picture.title, picture.sentence, drawn, HEIGHT, heads, rows)


def spans(picture: Spans) -> Markup:
    """The figure of lengths: a full bar as long as it was seen, an open one until it was gone."""
    if not picture.spans:
        return Markup("")
    longest = max([*(s.least for s in picture.spans), *(s.most or 0 for s in picture.spans), 1])
    step, left = 26, 84
    height = TOP + step * len(picture.spans) + BOTTOM
    wide = (WIDTH - left - RIGHT) / longest
    parts = []
    for number, span in enumerate(picture.spans):
        y = TOP + step * number
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                left - 6, y + 12, span.label
            )
        )
        if span.most is not None:
            parts.append(_bar("picture__open", left, y, span.most * wide))
        parts.append(_bar("picture__bar", left, y, span.least * wide))
    base = height - 8
    zero = Markup('<text x="{}" y="{}">0</text>').format(left, base)
    end = Markup('<text x="{}" y="{}" text-anchor="end">{:g} {}</text>').format(
        WIDTH - RIGHT, base, round(longest, 1), picture.unit
    )
    rows = [
        (s.label, f"{s.least:g}", "not known" if s.most is None else f"{s.most:g}", s.note)
        for s in picture.spans
    ]
    heads = ("Which", f"At least, {picture.unit}", f"At most, {picture.unit}", "What")
    drawn = Markup("").join([*parts, zero, end])
    return figure(
        Drawing(picture.name, picture.title, picture.sentence, drawn, height, heads, rows)
    )


def scatter(picture: Scatter) -> Markup:
    """The figure of dots, each with the number of its infusion. No line is drawn through them."""
    (left, right), (low, high) = picture.wide, picture.high

    def place(dot: Dot) -> tuple[float, float]:
        along = (dot.across - left) / (right - left) if right > left else 0.5
        above = (dot.up - low) / (high - low) if high > low else 0.5
        x = LEFT + 8 + along * (WIDTH - LEFT - RIGHT - 16)
        return x, HEIGHT - BOTTOM - above * (HEIGHT - TOP - BOTTOM)

    bottom = HEIGHT - BOTTOM
    upright = Markup('<line class="picture__scale" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
    named = Markup('<text x="{}" y="{}">{}</text>').format(LEFT, TOP - 10, picture.up)
    across = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, picture.across
    )
    drawn = Markup("").join(
        [
            scale(TOP, f"{high:g}"),
            scale(bottom, f"{low:g}"),
            upright.format(LEFT, TOP, bottom),
            named,
            across,
            foot(LEFT, "start", f"{left:g}"),
            foot(WIDTH - RIGHT, "end", f"{right:g}"),
            *(_dot(dot, *place(dot)) for dot in _apart(picture.dots)),
        ]
    )
    rows = [(dot.label, f"{dot.across:g}", f"{dot.up:g}") for dot in picture.dots]
    heads = ("Infusion", picture.across, picture.up)
    return figure(
        Drawing(picture.name, picture.title, picture.sentence, drawn, HEIGHT, heads, rows)
    )


@dataclass(frozen=True)
class _Axis:
    begin: datetime
    end: datetime
    low: float
    high: float

    @classmethod
    def of(cls, picture: Line) -> _Axis:
        times = [*(p.at for p in picture.points), *(e.at for e in picture.events)]
        values = [*(p.value for p in picture.points), picture.low, picture.high]
        return cls(min(times), max(times), min(values), max(values))

    def holds(self, at: datetime) -> bool:
        return self.begin <= at <= self.end

    def x(self, at: datetime) -> float:
        length = (self.end - self.begin).total_seconds()
        share = (at - self.begin).total_seconds() / length if length else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        length = self.high - self.low
        share = (value - self.low) / length if length else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def figure(picture: Drawing, wide: bool = False) -> Markup:
    """``wide``: with its table open, beside it where there is room."""
    heads = picture.heads
    table = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<th scope="row">{}</th>').format(cell)
                if place == 0
                else Markup('<td data-label="{}">{}</td>').format(heads[place], cell)
                for place, cell in enumerate(row)
            )
        )
        for row in picture.rows
    )
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(words) for words in heads)
    return Markup(
        '<figure class="picture{wide}" id="{name}" aria-labelledby="{name}-title">'
        '<figcaption><h3 id="{name}-title">{title}</h3><p>{sentence}</p></figcaption>'
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title">'
        "{drawn}</svg>"
        '<details{open}><summary>The figures<span class="unseen"> of {title}</span></summary>'
        '<div class="table-wrap"><table class="table table--stack"><thead><tr>{head}</tr></thead>'
        "<tbody>{table}</tbody></table></div></details></figure>"
    ).format(
        wide=" picture--wide" if wide else "",
        open=" open" if wide else "",
        name=picture.name,
        title=picture.title,
        sentence=picture.sentence,
        width=WIDTH,
        height=picture.height,
        drawn=picture.drawn,
        head=head,
        table=table,
    )


def _bar(kind: str, x: float, y: float, width: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="14"/>').format(
        kind, x, y, max(width, 2)
    )


def scale(y: float, words: str) -> Markup:
    return Markup(
        '<line class="picture__scale" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 5, y + 4, words)


def _level(value: float, words: str, y: float, last: float) -> Markup:
    """Its name stands on the other side of it than the line's end, at ``last``."""
    name = y + 12 if last <= y else y - 3
    return Markup(
        '<line class="picture__level" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text class="picture__name" x="{}" y="{:.1f}" text-anchor="end">{} {:g}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, WIDTH - RIGHT, name, words, value)


def _event(event: Event, x: float) -> Markup:
    return Markup(
        '<line class="picture__event" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{foot}">'
        "<title>{words}</title></line>"
        '<text x="{x:.1f}" y="{label}" text-anchor="middle">{said}</text>'
    ).format(x=x, top=TOP, foot=HEIGHT - BOTTOM, label=TOP - 8, words=event.words, said=event.label)


def _point(point: Point, axis: _Axis, say: Say) -> Markup:
    """A dot; a triangle that points the way where the step means something."""
    x, y = axis.x(point.at), axis.y(point.value)
    note = f" ({point.note})" if point.note else ""
    title = Markup("<title>{}: {:g}{}</title>").format(say(point.at), point.value, note)
    if not point.change:
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5">{}</circle>').format(x, y, title)
    tip = 6 if point.change == "down" else -6
    return Markup(
        '<polygon points="{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}">{}</polygon>'
    ).format(x - 6, y - tip, x + 6, y - tip, x, y + tip, title)


def _apart(dots: Sequence[Dot]) -> list[Dot]:
    """One dot a place; those that fall together share it, with all their numbers."""
    places: dict[tuple[float, float], list[str]] = {}
    for dot in dots:
        places.setdefault((dot.across, dot.up), []).append(dot.label)
    return [Dot(", ".join(labels), *place) for place, labels in places.items()]


def _dot(dot: Dot, x: float, y: float) -> Markup:
    return Markup(
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>Infusion {label}</title></circle>'
        '<text x="{beside:.1f}" y="{y:.1f}" text-anchor="{anchor}">{label}</text>'
    ).format(
        x=x,
        y=y,
        label=dot.label,
        beside=x - 7 if x > WIDTH - 40 else x + 7,
        anchor="end" if x > WIDTH - 40 else "start",
    )


def foot(x: float, anchor: str, words: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        x, HEIGHT - 6, anchor, words
    )
