"""Measures as data: bounds, missing items, skip logic, cut-offs, and what answers ask of people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import measures
from bot.contract import RISK_CATEGORIES
from bot.measures import Measure
from bot.risk.levels import Level

ALL = [pytest.param(measure, id=name) for name, measure in measures.measures().items()]
PHQ9 = measures.measures()["phq9"]
CSSRS = measures.measures()["cssrs_screener"]
MEDICAL = measures.measures()["medical_check"]
LOINC = re.compile(r"^\d{1,7}-\d$")


def answered(measure: Measure, draw: st.DataObject) -> dict[str, int]:
    """Answers as somebody would give them, following the skip logic to the end."""
    answers: dict[str, int] = {}
    while (item := measures.next_item(measure, answers)) is not None:
        answers[item.id] = draw.draw(st.sampled_from([o.value for o in item.scale]))
    return answers


def all_at(measure: Measure, value: int) -> dict[str, int]:
    return {item.id: value for item in measure.items}


@pytest.mark.parametrize("measure", ALL)
def test_every_measure_says_where_it_comes_from_and_waits_for_a_signature(measure: Measure):
    assert measure.source
    assert measure.licence
    assert measure.approver == "unsigned"
    assert all(LOINC.match(code) for code in measure.loinc.values())
    assert all(LOINC.match(item.loinc) for item in measure.items if item.loinc)
    assert all(rule.source for rule in measure.rules)
    asked = {category for item in measure.items for category in item.asks}
    assert asked <= set(RISK_CATEGORIES)
    known = set(measures.measures())
    assert all(rule.then in known for rule in measure.rules if rule.then)


def test_what_is_not_offered_has_a_reason_and_no_wording():
    assert measures.disabled()
    assert not set(measures.disabled()) & set(measures.measures())
    assert all(measures.disabled().values())


@pytest.mark.parametrize("measure", ALL)
@given(draw=st.data())
def test_a_score_stays_within_its_bounds_and_comes_out_the_same_again(measure, draw):
    answers = answered(measure, draw)
    first = measures.score(measure, answers)
    assert first.complete
    assert first == measures.score(measure, dict(reversed(answers.items())))
    if measure.scoring == "triage":
        assert first.value is None
        assert first.band in {band.name for band in measure.bands}
        return
    lowest, highest = (sum(getattr(i, n) for i in measure.items) for n in ("lowest", "highest"))
    per = len(measure.items) if measure.scoring == "mean" else 1
    assert lowest / per <= first.value <= highest / per


@pytest.mark.parametrize("measure", ALL)
@given(draw=st.data())
def test_a_missing_item_leaves_no_score(measure, draw):
    answers = answered(measure, draw)
    left_out = draw.draw(st.sampled_from(sorted(answers)))
    partial = {item: value for item, value in answers.items() if item != left_out}
    found = measures.score(measure, partial)
    if measures.next_item(measure, partial) is not None:
        assert found.value is None
        assert found.band is None
        assert found.missing


@pytest.mark.parametrize("measure", ALL)
@given(draw=st.data())
def test_a_higher_answer_never_lowers_the_level(measure, draw):
    answers = answered(measure, draw)
    item = measure.item(draw.draw(st.sampled_from(sorted(answers))))
    raised = answers | {item.id: item.highest}
    assert measures.level_of(measure, raised) >= measures.level_of(measure, answers)


@pytest.mark.parametrize("measure", ALL)
def test_a_value_the_item_does_not_have_is_refused(measure: Measure):
    with pytest.raises(measures.MeasureError):
        measures.score(measure, {measure.items[0].id: 99})
    with pytest.raises(measures.MeasureError):
        measures.score(measure, {"nothing": 0})


@pytest.mark.parametrize(
    ("name", "value", "total", "band"),
    [
        ("phq9", 0, 0, "minimal"),
        ("phq9", 3, 27, "severe"),
        ("phq2", 1, 2, "below"),
        ("gad7", 1, 7, "mild"),
        ("gad7", 3, 21, "severe"),
        ("gad2", 3, 6, "positive"),
        ("peg", 7, 7, None),
        ("pain_nrs", 10, 10, None),
        ("pcl5", 4, 80, "above"),
        ("pcl5", 1, 20, "below"),
    ],
)
def test_published_bounds_and_bands(name: str, value: int, total: float, band: str | None):
    measure = measures.measures()[name]
    found = measures.score(measure, all_at(measure, value))
    assert (found.value, found.band) == (total, band)


@pytest.mark.parametrize(
    ("total", "band"),
    [(4, "minimal"), (5, "mild"), (9, "mild"), (10, "moderate"), (15, "moderately_severe")],
)
def test_the_cut_offs_of_the_phq9_are_where_they_are(total: int, band: str):
    answers = dict.fromkeys((item.id for item in PHQ9.items), 0)
    for item in answers:
        answers[item] = min(3, total - sum(answers.values()))
    assert measures.score(PHQ9, answers).band == band


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(15, 11, "same"), (15, 10, "down"), (10, 15, "up"), (10, 10, "same")],
)
def test_only_a_meaningful_change_is_called_one(before: float, after: float, said: str):
    assert measures.changed(PHQ9, before, after) == said


# The screener.


def walk(measure: Measure, **given: int) -> list[str]:
    """The items that are asked when these are answered so and everything else with 0."""
    answers: dict[str, int] = {}
    while (item := measures.next_item(measure, answers)) is not None:
        answers[item.id] = given.get(f"q{item.id}", 0)
    return list(answers)


def test_the_screener_skips_as_it_should():
    assert walk(CSSRS) == ["1", "2", "6"]
    assert walk(CSSRS, q2=1) == ["1", "2", "3", "4", "5", "6"]
    assert walk(CSSRS, q6=1) == ["1", "2", "6", "6a"]


@pytest.mark.parametrize(
    ("answers", "band", "level"),
    [
        ({"1": 0, "2": 0, "6": 0}, "none", Level.none),
        ({"1": 1, "2": 0, "6": 0}, "low", Level.urgent),
        ({"1": 1, "2": 1, "3": 0, "4": 0, "5": 0, "6": 0}, "low", Level.urgent),
        ({"1": 1, "2": 1, "3": 1, "4": 0, "5": 0, "6": 0}, "moderate", Level.urgent),
        ({"1": 0, "2": 0, "6": 1, "6a": 0}, "moderate", Level.urgent),
        ({"1": 0, "2": 0, "6": 1, "6a": 1}, "high", Level.emergency),
        ({"1": 1, "2": 1, "3": 0, "4": 1, "5": 0, "6": 0}, "high", Level.emergency),
        ({"1": 1, "2": 1, "3": 0, "4": 0, "5": 1, "6": 0}, "high", Level.emergency),
    ],
)
def test_the_screener_sorts_as_columbia_does(answers, band: str, level: Level):
    assert measures.score(CSSRS, answers).band == band
    assert measures.level_of(CSSRS, answers) == level


def test_the_screener_counts_unclear_as_yes_and_names_no_method():
    for item in CSSRS.items:
        assert item.unclear == 1
        assert {o.value for o in item.scale if o.id in ("yes", "not_sure")} == {1}
        assert not re.search(r"pill|gun|rope|jump|cut|bridge|knife", item.text, re.IGNORECASE)


# The six taps.


def test_six_taps_and_no_more():
    assert walk(MEDICAL) == ["1", "2", "3", "4", "5", "6"]


def test_nothing_more_is_asked_once_it_is_an_emergency():
    assert walk(MEDICAL, q1=1) == ["1"]
    assert walk(MEDICAL, q3=3) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("given_", "band"),
    [({}, "tier_3"), ({"q3": 1}, "tier_3"), ({"q3": 2}, "tier_2"), ({"q4": 1}, "tier_2"),
     ({"q5": 1}, "tier_2"), ({"q5": 2}, "tier_1"), ({"q2": 1}, "tier_1"), ({"q6": 1}, "tier_2")],
)  # fmt: skip
def test_the_tiers(given_: dict[str, int], band: str):
    answers = {item: given_.get(f"q{item}", 0) for item in walk(MEDICAL, **given_)}
    assert measures.score(MEDICAL, answers).band == band


# What answers ask of people (domain.md 3.3).


def of(item9: int, rest: int = 0) -> dict[str, int]:
    return all_at(PHQ9, rest) | {"9": item9}


@pytest.mark.parametrize(
    ("now", "earlier", "level"),
    [
        (of(0), [], Level.none),
        (of(1), [], Level.urgent),
        (of(1), [of(0)], Level.urgent),
        (of(1), [of(1)], Level.watch),
        (of(2), [of(1)], Level.urgent),
        (of(1), [of(2)], Level.watch),
    ],
)
def test_item_nine_asks_and_its_rise_calls(now, earlier, level: Level):
    rules = measures.due_rules(PHQ9, now, earlier)
    assert max((rule.level for rule in rules), default=Level.none) == level
    if now["9"]:
        assert {rule.then for rule in rules} == {"cssrs_screener"}


@pytest.mark.parametrize(
    ("now", "earlier", "tasks"),
    [
        (of(0, 1), [], []),
        (of(0, 1), [of(0, 1)], []),
        (of(0, 2), [of(0, 1)], ["relapse_watch"]),
        (of(0, 2), [of(0, 2), of(0, 1), of(0, 2)], ["relapse_watch"]),
        (of(0, 2), [of(0, 0)], ["relapse_watch", "relapse_watch"]),
    ],
)
def test_a_rise_of_five_or_a_return_is_a_task(now, earlier, tasks):
    found = [rule.task for rule in measures.due_rules(PHQ9, now, earlier) if rule.task]
    assert found == tasks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("scoring: sum", "scoring"),
        ("id: wrong", "unknown keys"),
        ("ask_when: {}", "later item"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, change: str, said: str):
    text = (measures.ROOT / "cssrs_screener.yml").read_text()
    broken = {
        "scoring: sum": text.replace("scoring: triage", "scoring: guess"),
        "id: wrong": text + "\nsomething: else\n",
        "ask_when: {}": text.replace('{"2": 1}}', '{"6a": 1}}', 1),
    }[change]
    path = tmp_path / "broken.yml"
    path.write_text(broken)
    with pytest.raises(measures.MeasureError, match=rf"broken\.yml.*{said}"):
        measures.load(path)


@pytest.mark.parametrize(
    ("scores", "infusions", "little"),
    [
        ([20, 17], 4, True),
        ([20, 16], 4, False),
        ([20, 12, 19], 5, True),
        ([20, 19], 3, False),
        ([20], 4, False),
        ([0, 0], 6, False),
    ],
)
def test_a_fall_of_a_fifth_is_expected_by_the_fourth_infusion(scores, infusions: int, little: bool):
    assert measures.little_response(measures.measures()["phq9"], scores, infusions) is little
