"""Cuts a message into plain and flagged parts. Offsets count characters of the original text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Part:
    """A run of text; ``notes`` are the indices of the spans that cover it (none: plain text)."""

    text: str
    notes: tuple[int, ...]


def cut(text: str, spans: Sequence[tuple[int, int]]) -> list[Part]:
    """The whole text in order, cut wherever a span begins or ends. Spans may overlap.

    >>> [(part.text, part.notes) for part in cut("a bad day", [(2, 5), (4, 9)])]
    [('a ', ()), ('ba', (0,)), ('d', (0, 1)), (' day', (1,))]
    """
    held = [(max(0, start), min(len(text), end)) for start, end in spans]
    edges = sorted({0, len(text), *(edge for span in held if span[0] < span[1] for edge in span)})
    return [
        Part(
            text[start:end],
            tuple(n for n, (first, last) in enumerate(held) if first <= start and end <= last),
        )
        for start, end in pairwise(edges)
    ]
