"""Which questionnaire is due when: stage, days and what was finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import cadence, contract
from bot.cadence import due

BASELINE = ("phq9", "gad7", "cssrs_screener")


def test_before_the_first_infusion_there_is_a_baseline_once():
    assert due("onboarding", None, {}) == BASELINE
    assert due("preparation", None, dict.fromkeys(BASELINE, 30.0)) == ()
    assert due("preparation", None, {"phq9": 1.0}) == ("gad7", "cssrs_screener")


def test_on_the_day_two_short_ones_unless_the_long_one_is_fresh():
    assert due("day_of", 4.0, {"phq9": 6.5, "gad7": 6.5}) == ("phq2", "gad2")
    assert due("day_of", 4.0, {"phq9": 5.0}) == ()
    assert due("day_of", 4.0, {"phq9": 7.0, "phq2": 0.1, "gad2": 0.1}) == ()


def test_every_fourteen_days_for_eight_weeks_then_monthly():
    done = {"phq9": 14.0, "gad7": 13.0}
    assert due("between", 6.0, done) == ("phq9",)
    assert due("maintenance", 56.0, {"phq9": 14.0, "gad7": 14.0}) == ("phq9", "gad7")
    assert due("maintenance", 84.0, {"phq9": 14.0, "gad7": 14.0}) == ()
    assert due("maintenance", 84.0, {"phq9": 28.0, "gad7": 28.0}) == ("phq9",)


def test_what_the_treatment_is_for_adds_its_own():
    done = dict.fromkeys(BASELINE, 1.0)
    assert due("preparation", None, done, ["ptsd", "pain"]) == ("pcl5", "peg")
    assert due("between", 6.0, {**done, "peg": 7.0, "pcl5": 27.0}, ["ptsd", "pain"]) == ("peg",)


@pytest.mark.parametrize("stage", ["infusion", "recovery", "evening", "day_1", "ended"])
def test_nothing_is_measured_in_the_first_hours_and_after_the_end(stage: str):
    assert due(stage, 0.5, {}) == ()


@pytest.mark.parametrize("stage", contract.STAGES)
def test_everything_due_is_a_measure_there_is(stage: str):
    assert set(due(stage, 7.0, {}, cadence.INDICATIONS)) <= set(cadence.measures.measures())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{measures: [phq9], stages: [between]}", "line 1: either once"),
        ("{measures: [phq10], stages: [between], once: true}", "line 1: unknown phq10"),
        ("{measures: [phq9], stages: [someday], once: true}", "line 1: unknown someday"),
        ("{measures: [phq9], stages: [between], once: true, often: 3}", "line 1: .*often"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path: Path, line: str, said: str):
    path = tmp_path / "measures.yml"
    path.write_text(f"lines:\n  - {line}\n")
    with pytest.raises(cadence.CadenceError, match=said):
        cadence.load(path)
