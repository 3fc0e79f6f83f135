"""Flagged words: cut at the right places, whatever the spans do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.console.patient.marks import cut


@pytest.mark.parametrize(
    ("text", "spans", "parts"),
    [
        ("nothing here", [], [("nothing here", ())]),
        ("a bad day", [(2, 5)], [("a ", ()), ("bad", (0,)), (" day", ())]),
        ("bad", [(0, 3)], [("bad", (0,))]),
        ("abcd", [(0, 3), (1, 4)], [("a", (0,)), ("bc", (0, 1)), ("d", (1,))]),
        ("abcd", [(1, 3), (1, 3)], [("a", ()), ("bc", (0, 1)), ("d", ())]),
        ("😶‍🌫️ gone", [(5, 9)], [("😶‍🌫️ ", ()), ("gone", (0,))]),
        ("short", [(2, 99)], [("sh", ()), ("ort", (0,))]),
        ("short", [(4, 2), (9, 12), (-3, 1)], [("s", (2,)), ("hort", ())]),
        ("", [(0, 0)], []),
    ],
)
def test_text_is_cut_where_a_span_begins_or_ends(
    text: str, spans: list[tuple[int, int]], parts: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert [(part.text, part.notes) for part in cut(text, spans)] == parts


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50)), max_size=6),
)
def test_no_span_ever_changes_or_loses_a_character(text: str, spans: list[tuple[int, int]]) -> None:
    assert "".join(part.text for part in cut(text, spans)) == text
