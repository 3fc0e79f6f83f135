"""Questionnaires in the chat: offered when due, one tap a question, left and taken up at will."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Talk

BETWEEN = {"stage": "between"}
DUE = {"due_measures": ["phq2", "gad2"]}


@pytest.fixture
def due(talk: Talk) -> Talk:
    talk.stage, talk.hours = "between", 200.0
    return talk


def start(talk: Talk) -> None:
    assert talk.opens(after=4 * 3600, **DUE).ids == ["measures.offer"]
    assert talk.taps("start", **DUE).ids == ["measures.begin", "measure.phq2.1"]


def test_what_is_due_is_offered_and_walked_by_taps(due: Talk) -> None:
    start(due)
    assert due.taps("1", **DUE).ids == ["measure.phq2.2"]
    # The edge counts the first as finished now.
    assert due.taps("0", due_measures=["gad2"]).ids == ["measure.gad2.1"]
    assert due.taps("0", due_measures=["gad2"]).ids == ["measure.gad2.2"]
    last = due.taps("0", due_measures=[])
    assert last.ids[0] in ("measures.thanks", "measures.done")
    asked = [m["content"] for m in due.said if m["content"].startswith("measure.")]
    assert len(asked) == len(set(asked)) == 4


@pytest.mark.parametrize("words", ["yes", "ok", "sure"])
def test_a_plain_yes_to_the_offer_begins_it(due: Talk, words: str) -> None:
    assert due.opens(after=4 * 3600, **DUE).ids == ["measures.offer"]
    assert due.says(words, **DUE).ids == ["measures.begin", "measure.phq2.1"]


def test_no_score_is_ever_shown(due: Talk) -> None:
    start(due)
    due.taps("3", **DUE)
    said = due.taps("3", due_measures=["gad2"])
    assert "6" not in said.text


def test_an_offer_that_was_declined_is_not_made_again_at_once(due: Talk) -> None:
    due.opens(after=4 * 3600, **DUE)
    due.taps("later", **DUE)
    assert "measures.offer" not in due.says("hello", **DUE).ids


def test_a_typed_answer_is_taken_and_anything_else_is_asked_for_once_more(due: Talk) -> None:
    start(due)
    assert due.types("several days", **DUE).ids == ["measure.phq2.2"]
    again = due.says("it depends on the weather I think", **DUE)
    assert again.ids == ["measures.again", "measure.phq2.2"]


def test_it_can_be_left_and_is_gone_on_with_where_it_was(due: Talk) -> None:
    start(due)
    due.taps("1", **DUE)
    assert due.says("stop", **DUE).ids == ["measures.stopped"]
    assert due.taps("go_on", **DUE).ids == ["measure.phq2.2"]


def test_a_person_can_be_asked_for_in_the_middle(due: Talk) -> None:
    start(due)
    assert due.says("can I talk to a person please", **DUE).ids == ["conversation.human"]


def test_words_of_risk_in_the_middle_are_answered_as_risk(due: Talk) -> None:
    start(due)
    said = due.says("I want to kill myself", risk="emergency", categories=("suicide",), **DUE)
    assert said.last == "measure.cssrs_screener.1"


def test_item_nine_above_zero_leads_to_the_screener_at_once(due: Talk) -> None:
    due.measures["phq9"] = {
        "state": "draft",
        "asked": [str(n) for n in range(1, 9)],
        "answers": {str(n): 0 for n in range(1, 9)},
        "hours": 0.0,
    }
    assert due.says("my questionnaire", due_measures=["phq9"]).last == "measure.phq9.9"
    reply = due.taps("1", risk="watch", categories=("suicide",), due_measures=[])
    assert reply.ids == ["safety.screen_intro", "measure.cssrs_screener.1"]


def test_the_screener_at_the_beginning_is_a_questionnaire_like_the_others(due: Talk) -> None:
    baseline = {"due_measures": ["cssrs_screener"]}
    assert due.says("my questionnaire", **baseline).last == "measure.cssrs_screener.1"
    assert due.types("no", **baseline).last == "measure.cssrs_screener.2"
    assert due.says("stop for now", **baseline).ids == ["measures.stopped"]


def test_nothing_is_due_and_it_says_so(due: Talk) -> None:
    assert due.says("my questionnaire", due_measures=[]).ids == ["measures.none_due"]


@pytest.mark.parametrize("stage", ["recovery", "infusion"])
def test_nothing_is_asked_in_the_quiet_hours(talk: Talk, stage: str) -> None:
    talk.stage, talk.hours = stage, 0.5
    said = talk.says("my questionnaire", **DUE)
    assert not any(name.startswith("measure") for name in said.ids)


def test_onboarding_comes_before_the_first_questionnaire(talk: Talk) -> None:
    talk.stage, talk.hours, talk.infusion = "onboarding", None, None
    assert talk.opens(after=4 * 3600, **DUE).last == "onboarding.offer"


def test_words_that_are_no_answer_twice_end_it_kindly(due: Talk) -> None:
    start(due)
    due.says("it depends on the weather I think", **DUE)
    assert due.says("my sister has a green car", **DUE).ids == ["measures.stopped"]


def test_six_taps_asked_without_any_risk_stand_in_nobodys_way(due: Talk) -> None:
    assert due.says("is this normal").last == "measure.medical_check.1"
    assert not due.says("my sister has a green car").last.startswith("measure")
    assert due.says("is this normal").last == "measure.medical_check.1"
    assert due.types("no").last == "measure.medical_check.2"


def test_six_taps_passed_over_count_as_nothing_when_a_worry_comes(due: Talk) -> None:
    due.says("is this normal")
    due.says("my sister has a green car")
    reply = due.says("I threw up twice", risk="urgent", categories=("medical",))
    assert reply.ids == ["measure.medical_check.1"]
    assert reply.records == []


@pytest.mark.parametrize("stage", ["day_1", "day_2", "day_3"])
def test_in_the_window_the_dialogue_comes_first_and_the_questions_at_its_end(
    talk: Talk, stage: str
) -> None:
    talk.stage = stage
    now = {"due_measures": ["si", "mood"]}
    assert talk.opens(after=4 * 3600, **now).last != "measures.offer"
    talk.says("I want to write in my journal", **now)
    talk.says("the river was high today", **now)
    talk.taps("skip", **now)
    reply = talk.says("keep it private", **now)
    assert reply.ids == ["reflection.closed_private", "measures.offer"]
    assert talk.taps("start", **now).last == "measure.si.1"


@pytest.mark.parametrize(
    "context", [{"known": {"no_questions": "yes"}}, {"lasting": "urgent"}], ids=["no", "alert"]
)
def test_no_questions_follow_for_who_wants_none_or_while_an_alert_is_open(
    talk: Talk, context: dict[str, Any]
) -> None:
    talk.stage = "day_1"
    now = {"due_measures": ["si"]}
    talk.says("I want to write in my journal", **now)
    talk.says("the river was high today", **now)
    talk.taps("skip", **now)
    closed = talk.says("keep it private", **now, **context)
    assert closed.ids == ["reflection.closed_private"]
