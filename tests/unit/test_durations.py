"""How long something has lasted, as people write it."""

from __future__ import annotations

import pytest

from bot import durations
from bot.content import question, registry

HOW_LONG = registry().item(question("medical_check", "4"))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2 hours", 2),
        ("about an hour", 1),
        ("like 3 hrs now", 3),
        ("half an hour", 0.5),
        ("for 90 min", 1.5),
        ("an hour and a half", 1.5),
        ("two and a half hours", 2.5),
        ("1.5 hours", 1.5),
        ("3h", 3),
        ("2-3 hours", 3),
        ("4 to 5 hours.", 5),
        ("a day or two", None),
        ("a day", 24),
        ("two weeks", 336),
        ("more than 4 hours", 4),
        ("since forever", None),
        ("2", None),
        ("2 hours and my chest hurts", None),
    ],
)
def test_a_length_of_time_is_read_when_nothing_else_is_said(text: str, hours: float | None):
    assert durations.hours(text) == (None if hours is None else pytest.approx(hours))


@pytest.mark.parametrize(
    ("text", "limit", "choice"),
    [
        ("less than 4 hours", 4, "short"),
        ("3 hours", 4, "short"),
        ("4 hours", 4, "hours"),
        ("Four hours or so", 4, "hours"),
        ("an hour", 2, "short"),
        ("2 hours", 2, "hours"),
        ("just now", 2, "short"),
        ("all day", 4, "hours"),
        ("a day", 4, "days"),
        ("since yesterday", 4, "days"),
        ("it comes and goes", 4, None),
    ],
)
def test_it_answers_how_long_by_the_clinics_own_hours(text: str, limit: float, choice: str | None):
    found = HOW_LONG.choice_typed(text, {"after_effects_hours": limit})
    assert (found.id if found else None) == choice


def test_when_nobody_said_the_hours_are_four():
    assert HOW_LONG.choice_typed("3 hours") == HOW_LONG.choice("short")
    assert HOW_LONG.choice_typed("5 hours") == HOW_LONG.choice("hours")


def test_a_length_of_time_answers_no_other_question():
    assert registry().item(question("medical_check", "3")).choice_typed("2 hours") is None
