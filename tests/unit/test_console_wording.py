"""The desk's words: every code has some, and times read as people say them."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot import contract, measures
from clinic.console import wording
from clinic.console.wording import When, initials
from clinic.escalation import auditor, policy, welfare
from clinic.journal import steps

ROOT = Path(__file__).resolve().parents[2]

WHEN = When(datetime(2026, 3, 10, 23, 0, tzinfo=UTC), ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Sam Rivera", "SR"),
        ("sam", "S"),
        ("Ana María de la Cruz", "AC"),
        ("  Jo   (Joanna) Ek ", "JE"),
        ("李 小龍", "李小"),
        ("-", "-"),
        ("", "?"),
    ],
)
def test_initials_are_first_and_last(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_times_are_said_in_the_clinics_zone() -> None:
    assert WHEN.clock(datetime(2026, 3, 10, 4, 5, tzinfo=UTC)) == "12:05 am"
    assert WHEN.short(datetime(2026, 3, 10, 21, 4, tzinfo=UTC)) == "5:04 pm"
    assert WHEN.short(datetime(2026, 3, 10, 3, 59, tzinfo=UTC)) == "Mar 9, 11:59 pm"
    assert WHEN.short(datetime(2025, 12, 31, 17, 0, tzinfo=UTC)) == "Dec 31 2025, 12:00 pm"


def test_a_day_is_a_day_of_the_clinic_also_when_clocks_change() -> None:
    # Clocks went forward on March 8, 2026 in New York.
    before, after = (datetime(2026, 3, 8, hour, 30, tzinfo=UTC) for hour in (4, 5))
    assert WHEN.heading(before) == "Saturday, March 7"
    assert WHEN.heading(after) == "Sunday, March 8"
    assert WHEN.heading(datetime(2026, 3, 10, 3, tzinfo=UTC)) == "Yesterday, Monday, March 9"
    assert WHEN.heading(WHEN.now) == "Today, Tuesday, March 10"


def audited() -> set[str]:
    """What the code notes about a patient, where it is written out."""
    about = re.compile(r"(entry|step|wake|touch|touches|patient|infusion|relation)\.[a-z_]+")
    calls = [
        node
        for path in (ROOT / "clinic").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", ""))
        in ("add", "_note", "_audit", "_changed")
    ]
    values = [one.value for call in calls for one in call.args if isinstance(one, ast.Constant)]
    return {value for value in values if isinstance(value, str) and about.fullmatch(value)}


def test_what_is_noted_about_a_patient_is_shown_in_words() -> None:
    settled = {f"step.{state}" for states in steps.STATES.values() for state in states}
    assert {"step.practice", "wake.failed", "patient.indications"} <= audited()
    assert audited() | settled <= set(wording.ACTIONS)


def test_every_code_has_words() -> None:
    assert set(wording.PLACES) == set(contract.STAGES)
    assert set(wording.STAGES) == set(contract.STAGES)
    assert set(wording.LEVELS) == set(contract.RISK_LEVELS)
    assert set(wording.CATEGORIES) == set(contract.RISK_CATEGORIES)
    tasks = contract.RECORDS["clinic_task"]["properties"]["task"]["enum"]
    of_measures = {rule.task for m in measures.measures().values() for rule in m.rules if rule.task}
    assert set(wording.TASKS) == {*tasks, welfare.SILENT, welfare.MISSED, *of_measures}
    assert set(wording.TROUBLE) == {*auditor.CHECKS, "auditor_silent"}
    tones = contract.RECORDS["check_in"]["properties"]["tone"]["enum"]
    assert set(wording.TONES) == set(tones)
    steps = {s["to"] for level in policy.load()["levels"].values() for s in level["steps"]}
    assert steps <= set(wording.STEPS)


def test_a_middle_of_a_scale_is_neither_more_nor_less():
    assert [wording.signed(n) for n in (-2, 0, 3)] == ["-2", "0", "+3"]
    assert [wording.signed(n, 1) for n in (-0.04, 0.04, 0.5)] == ["0.0", "0.0", "+0.5"]
