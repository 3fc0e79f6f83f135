"""How long ago a meal was, as people write it; what could be morning or evening is not guessed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from actions import ago

#: Five past eight in the morning, four hours behind UTC.
NOW = datetime(2026, 3, 16, 8, 5, tzinfo=timezone(timedelta(hours=-4)))


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ("13", 13),
        ("about 12", 12),
        ("twelve hours", 12),
        ("8 hours ago", 8),
        ("4.5 hours", 4),
        ("an hour and a half ago", 1),
        ("half an hour ago", 0),
        ("10 minutes ago", 0),
        ("just now", 0),
        ("2 days ago", 48),
        ("7pm", 13),
        ("7:30 pm", 12),
        ("8.30pm", 11),
        ("19:30", 12),
        ("12am", 8),
        ("around midnight", 8),
        ("noon yesterday", 20),
        ("8 last night", 12),
        ("last night at eight", 12),
        ("last night at 1", 7),
        ("dinner at 6", 14),
        ("yesterday at 7 am", 25),
        ("at 6 this morning", 2),
        ("3 eggs at 7am", 1),
    ],
)
def test_hours_and_times_are_read_and_rounded_down(words: str, hours: int):
    assert ago.hours(words, NOW, 72) == hours


@pytest.mark.parametrize(
    ("words", "hours"), [("8-10 hours", 8), ("6 or 7", 6), ("10 to 12 hours ago", 10)]
)
def test_of_two_numbers_the_stricter_counts(words: str, hours: int):
    assert ago.hours(words, NOW, 72) == hours


@pytest.mark.parametrize(
    "words",
    ["at 7", "7:30", "8 o'clock", "yesterday", "a few hours ago", "3 eggs", "99", "25:10", "soup"],
)
def test_what_is_not_clear_is_no_number(words: str):
    assert ago.hours(words, NOW, 72) is None
