"""Measures as a table other programs open: CSV, with a guard against cells that begin a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

#: What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
_BEGINS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """A number as it stands; words that would begin a formula with an apostrophe before them.

    >>> cell(-3), cell("=1+1"), cell("fine")
    ('-3', "'=1+1", 'fine')
    """
    if isinstance(value, int | float):
        return f"{value:g}"
    words = str(value)
    return f"'{words}" if words.startswith(_BEGINS) else words


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole file, with a mark of UTF-8 so that spreadsheets read it right."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([cell(value) for value in row] for row in rows)
    return "\ufeff" + file.getvalue()
