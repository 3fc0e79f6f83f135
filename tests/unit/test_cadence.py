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
    asked = {"si": 0.1}
    assert due("day_of", 4.0, {**asked, "phq9": 6.5, "gad7": 6.5}) == ("phq2", "gad2")
    assert due("day_of", 4.0, {**asked, "phq9": 5.0}) == ()
    assert due("day_of", 4.0, {**asked, "phq9": 7.0, "phq2": 0.1, "gad2": 0.1}) == ()


def test_thoughts_of_death_are_asked_about_before_each_infusion_and_the_day_after():
    """domain.md 3.2, S2 and S6; not twice in a row, and not right after a longer form of it."""
    assert due("day_of", 4.0, {"phq9": 3.0}) == ("si",)
    assert due("day_1", 0.8, {"si": 0.9})[0] == "si"
    assert "si" not in due("day_1", 1.4, {"si": 0.6})
    assert "si" not in due("day_1", 1.0, {"cssrs_screener": 0.2})
    assert "si" not in due("day_of", 4.0, {"phq9": 0.2})
    assert all("si" not in due(stage, 2.0, {}) for stage in ("evening", "day_2", "between"))


def test_in_the_window_mood_and_tension_are_two_taps_and_pain_is_daily():
    assert due("day_2", 1.6, {}) == ("mood", "anxiety")
    assert due("day_3", 2.6, {"mood": 1.0, "anxiety": 1.0}, ["pain"]) == (
        *("mood", "anxiety", "pain_nrs"),
    )
    assert due("day_2", 1.6, {"mood": 0.5, "anxiety": 0.5, "pain_nrs": 0.5}, ["pain"]) == ()
    assert "pain_nrs" not in due("day_2", 1.6, {})


def test_at_the_end_of_the_series_the_whole_set_is_asked_again():
    """domain.md 3.2, S11: what was asked at the start, by indication."""
    first = set(due("onboarding", None, {}, cadence.INDICATIONS))
    assert first == set(due("end_of_induction", 8.0, {}, cadence.INDICATIONS))
    fresh = dict.fromkeys(first, 3.0)
    assert due("end_of_induction", 8.0, fresh, cadence.INDICATIONS) == ()


def test_every_measure_that_is_offered_stands_in_a_line():
    """But for the six taps about the body, which a report of symptoms begins."""
    lined = {name for line in cadence.load() for name in line.measures}
    assert set(cadence.measures.measures()) - lined == {"medical_check"}


def test_every_fourteen_days_for_eight_weeks_then_monthly():
    done = {"phq9": 14.0, "gad7": 13.0}
    assert due("between", 6.0, done) == ("phq9",)
    assert due("maintenance", 56.0, {"phq9": 14.0, "gad7": 14.0}) == ("phq9", "gad7")
    assert due("maintenance", 84.0, {"phq9": 14.0, "gad7": 14.0}) == ()
    assert due("maintenance", 84.0, {"phq9": 28.0, "gad7": 28.0}) == ("phq9",)


def test_what_the_treatment_is_for_adds_its_own():
    done = dict.fromkeys(BASELINE, 1.0)
    assert due("preparation", None, done, ["ptsd", "pain"]) == ("pcl5", "peg", "pain_nrs")
    assert due("between", 6.0, {**done, "peg": 7.0, "pcl5": 27.0}, ["ptsd", "pain"]) == ("peg",)


@pytest.mark.parametrize("stage", ["infusion", "recovery", "evening", "ended"])
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
