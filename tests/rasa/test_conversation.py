"""Around a reflection: hello, questions, asking for a person, not understanding, quiet hours."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT, Talk

from bot.stages import QUIET_WORDS


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("onboarding", "onboarding.offer"),
        ("preparation", "onboarding.offer"),
        ("day_of", "day_of.offer"),
        ("recovery", "conversation.recovery_body"),
        ("evening", "conversation.greet_evening"),
        ("day_1", "conversation.greet_day"),
        ("day_2", "reflection_2.offer"),
        ("day_3", "reflection_3.offer"),
        ("day_4_5", "practice.offer"),
        ("between", "between.offer"),
        ("pre_next", "review.offer"),
        ("end_of_induction", "outcome.offer"),
        ("maintenance", "keeping_well.offer"),
        ("ended", "farewell.offer"),
    ],
)
def test_a_greeting_offers_what_the_stage_is_for(talk: Talk, stage: str, said: str) -> None:
    talk.stage = stage
    assert talk.opens().ids == [said]
    assert talk.says("hello").ids == [said]


def test_during_an_infusion_it_is_silent_and_the_team_hears_of_it(talk: Talk) -> None:
    talk.stage = "infusion"
    opened = talk.opens()
    assert (opened.ids, opened.tasks()) == (["conversation.infusion_silent"], [])
    for words in ("hello", "I want to talk to a person", "it is all strange", "skip"):
        reply = talk.says(words)
        assert reply.ids == ["conversation.infusion_told"]
        assert reply.tasks() == [("human_request", "urgent")]


def test_it_says_what_it_is_when_it_says_hello(talk: Talk) -> None:
    assert "automated program" in talk.says("hi").text


@pytest.mark.parametrize(
    ("words", "said", "tasks"),
    [
        ("are you a real person?", "conversation.are_you_human", []),
        ("who can read this?", "conversation.who_reads", []),
        (
            "please delete all my data",
            "conversation.privacy",
            [("other", "routine")],
        ),
        ("can I drive tomorrow?", "conversation.driving", []),
        (
            "should I take my lexapro tonight?",
            "conversation.medication",
            [("medication", "routine")],
        ),
        ("can they raise my dose?", "conversation.dose", [("medication", "routine")]),
        ("tell me a joke", "conversation.out_of_scope", []),
        ("thank you", "conversation.thanks", []),
        ("bye", "conversation.goodbye", []),
    ],
)
def test_a_question_gets_its_answer(
    talk: Talk, words: str, said: str, tasks: list[tuple[str, str]]
) -> None:
    reply = talk.says(words)
    assert reply.ids == [said]
    assert reply.tasks() == tasks


@pytest.mark.parametrize("words", ["I have a headache", "is it normal to be so tired?"])
def test_nothing_is_soothed_before_the_red_flags_are_asked_about(talk: Talk, words: str) -> None:
    reply = talk.says(words)
    assert reply.last == "measure.medical_check.1"
    assert reply.tasks() == [("other", "routine")]
    assert "normal" not in reply.text.replace("what is normal for you", "")


@pytest.mark.parametrize("urgency", ["urgent", "routine"])
def test_a_person_is_asked_how_soon_and_the_request_is_passed_on(talk: Talk, urgency: str) -> None:
    assert talk.says("I want to talk to a person").ids == ["conversation.human"]
    reply = talk.taps(urgency)
    assert reply.ids == [f"conversation.human_{urgency}"]
    assert reply.tasks() == [("human_request", urgency)]


def test_how_soon_can_be_typed(talk: Talk) -> None:
    talk.says("I want to talk to a person")
    assert talk.says("It can wait").tasks() == [("human_request", "routine")]
    talk.says("human please")
    assert talk.says("yes").tasks() == [("human_request", "urgent")]


def test_not_understood_asks_once_and_then_offers_what_it_can_do(talk: Talk) -> None:
    assert talk.says("xqzt blorf").ids == ["conversation.rephrase"]
    assert talk.says("grmpf vlad znk").ids == ["conversation.choices"]
    assert talk.says("zzt zzt kwq").ids == ["conversation.choices"]
    assert talk.says("hi").ids == ["conversation.greet_day"]
    assert talk.says("xqzt blorf").ids == ["conversation.rephrase"]


def test_words_outside_a_reflection_are_kept_and_a_look_back_is_offered(talk: Talk) -> None:
    assert talk.says("I was flying over a dark forest with my sister").ids == ["conversation.heard"]
    assert talk.parts() == {
        "conversation.heard": ("answered", "I was flying over a dark forest with my sister")
    }
    assert talk.says("yes please").ids == ["reflection.start", "reflection.body"]


def test_a_yes_to_nothing_offers_the_choices(talk: Talk) -> None:
    assert talk.says("yes").ids == ["conversation.menu"]
    assert talk.says("thanks").ids == ["conversation.thanks"]


def test_a_typed_title_is_the_button(talk: Talk) -> None:
    talk.says("hi")
    assert talk.says("look back").ids == ["reflection.start", "reflection.body"]
    assert talk.says("Tired.").ids == ["reflection.image"]
    assert talk.record("check_in") == {"body": "tired"}


# ---- The first two hours: few words, one small question at a time ----


def test_recovery_asks_body_ride_and_a_word_and_then_lets_rest(talk: Talk) -> None:
    talk.stage, talk.hours = "recovery", 0.5
    assert talk.opens().ids == ["conversation.recovery_body"]
    assert talk.taps("fine").ids == ["conversation.recovery_ride"]
    assert talk.taps("yes").ids == ["conversation.recovery_word"]
    assert talk.says("ocean").ids == ["conversation.recovery_rest"]
    assert talk.record("check_in") == {"body": "fine"}
    assert talk.parts() == {"conversation.recovery_word": ("answered", "ocean")}


def test_recovery_without_a_ride_tells_the_staff(talk: Talk) -> None:
    talk.stage, talk.hours = "recovery", 0.5
    talk.opens()
    assert talk.taps("sick").ids == ["conversation.recovery_unwell", "conversation.recovery_staff"]
    assert talk.taps("yes").ids == ["conversation.recovery_ride"]
    reply = talk.taps("no")
    assert reply.ids == ["conversation.recovery_no_ride", "conversation.recovery_word"]
    assert reply.tasks() == [("ride", "urgent")]


@pytest.mark.parametrize("body", ["foggy", "sick"])
def test_foggy_without_staff_near_calls_them(talk: Talk, body: str) -> None:
    talk.stage, talk.hours = "recovery", 0.5
    talk.opens()
    assert talk.taps(body).last == "conversation.recovery_staff"
    alone = talk.taps("no")
    assert alone.ids == ["conversation.recovery_left", "conversation.recovery_ride"]
    assert alone.tasks() == [("human_request", "urgent")]


@pytest.mark.parametrize(
    "words", ["I left early and feel weird", "i snuck out", "left before they said i could"]
)
def test_leaving_early_calls_the_staff(talk: Talk, words: str) -> None:
    talk.stage, talk.hours = "recovery", 0.8
    talk.opens()
    reply = talk.says(words)
    assert reply.ids == ["conversation.recovery_left"]
    assert reply.tasks() == [("human_request", "urgent")]


@pytest.mark.parametrize("words", ["nothing left of it", "my friend left work early to get me"])
def test_other_words_with_left_do_not(talk: Talk, words: str) -> None:
    talk.stage, talk.hours = "recovery", 0.8
    talk.opens()
    assert talk.says(words).tasks() == []


def test_no_reflection_runs_in_recovery(talk: Talk) -> None:
    talk.stage, talk.hours = "recovery", 0.5
    assert talk.says("I want to reflect").ids == ["conversation.recovery_body"]
    talk.stage, talk.hours = "day_1", 24.0
    talk.says("I want to reflect")
    talk.says("calm")
    talk.stage, talk.hours, talk.infusion = "recovery", 0.5, 2
    assert talk.says("a cloud").ids == ["conversation.recovery_body"]


@pytest.mark.parametrize("words", ["I want to talk to a person", "human please"])
def test_a_person_can_be_asked_for_in_the_quiet_hours(talk: Talk, words: str) -> None:
    talk.stage, talk.hours = "recovery", 0.5
    assert talk.says(words).ids == ["conversation.recovery_human"]
    reply = talk.taps("urgent")
    assert reply.ids == ["conversation.recovery_human_sent"]
    assert reply.tasks() == [("human_request", "urgent")]


@pytest.mark.parametrize(
    ("words", "line", "tasks"),
    [
        ("should i take my ativan tonight", "team", [("medication", "routine")]),
        ("gabapentin now?", "team", [("medication", "routine")]),
        ("should they go higher next time", "team", [("medication", "routine")]),
        ("can i drive home", "driving", []),
        ("can i have a glass of wine tonight", "alcohol", []),
        ("i want to quit my job", "decision", []),
        ("i'm going to break up with my boyfriend", "decision", []),
        ("please delete all my data", "sharing", [("other", "routine")]),
        ("share this with my therapist", "sharing", [("other", "routine")]),
        ("what have you passed on", "ask_staff", []),
        ("are you a real person?", "program", []),
    ],
)
def test_in_recovery_a_question_gets_one_line_and_the_open_question_stands(
    talk: Talk, words: str, line: str, tasks: list[tuple[str, str]]
) -> None:
    talk.stage, talk.hours = "recovery", 0.8
    talk.opens()
    reply = talk.says(words)
    assert reply.ids == [f"conversation.recovery_{line}", "conversation.recovery_body"]
    assert reply.tasks() == tasks
    kept = [r["data"]["text"] for r in reply.records if r["kind"] == "parked_decision"]
    assert kept == ([words] if line == "decision" else [])
    assert talk.taps("fine").ids == ["conversation.recovery_ride"]


@pytest.mark.parametrize(
    "words",
    [
        "i'm panicking",
        "help me calm down",
        "is this normal?",
        "old memories came up and it was awful",
        "i am really scared",
    ],
)
@pytest.mark.parametrize("taps", [(), ("fine",), ("fine", "yes")])
def test_in_recovery_fear_leads_to_the_staff_and_to_no_routine_question(
    talk: Talk, words: str, taps: tuple[str, ...]
) -> None:
    talk.stage, talk.hours = "recovery", 0.8
    talk.opens()
    for tap in taps:
        talk.taps(tap)
    reply = talk.says(words)
    assert reply.ids == ["conversation.recovery_unwell", "conversation.recovery_staff"]
    assert reply.tasks() == [("human_request", "urgent")]


@pytest.mark.parametrize("words", ["a glass of wine", "driving", "ocean", "my mother"])
def test_in_recovery_an_image_is_kept_whatever_it_shows(talk: Talk, words: str) -> None:
    talk.stage, talk.hours = "recovery", 0.8
    talk.opens()
    talk.taps("fine")
    talk.taps("yes")
    assert talk.says(words).ids == ["conversation.recovery_rest"]
    assert talk.parts() == {"conversation.recovery_word": ("answered", words)}


def _one_of_each() -> list[str]:
    """The first example of every intent there are any of."""
    files = sorted((ROOT / "data" / "nlu").glob("*.yml"))
    blocks = [b for f in files for b in yaml.safe_load(f.read_text(encoding="utf-8"))["nlu"]]
    mine = [b for b in blocks if "intent" in b and not b["intent"].startswith("safety")]
    return [block["examples"].splitlines()[0].removeprefix("- ") for block in mine]


@pytest.mark.parametrize("stage", ["infusion", "recovery"])
def test_in_the_quiet_hours_nothing_is_longer_than_twelve_words(talk: Talk, stage: str) -> None:
    talk.stage, talk.hours = stage, 0.8
    said = _one_of_each()
    assert len(said) > 50
    for words in said:
        reply = talk.says(words)
        for line in reply.text.splitlines():
            assert len(line.split()) <= QUIET_WORDS, (words, reply.ids)


@pytest.mark.parametrize("stage", ["recovery", "day_1"])
@pytest.mark.parametrize("words", ["...", ".", "…", " - ", "!!"])
def test_dots_are_no_answer(talk: Talk, stage: str, words: str) -> None:
    talk.stage, talk.hours = stage, 0.8 if stage == "recovery" else 24.0
    talk.opens()
    if stage == "day_1":
        talk.taps("reflect")
    asked = talk.said[-1]["content"]
    assert talk.says(words).last in (asked, f"{asked}_again")
    assert not [kind for kind, _ in talk.records if kind == "check_in"]


@pytest.mark.parametrize(
    ("words", "said", "tasks"),
    [
        ("can i eat before it and can i bring my music", ["faq.eating", "faq.music"], []),
        ("who reads this and can i drive", ["conversation.who_reads", "conversation.driving"], []),
        (
            "should i stop my lexapro and how long do the effects last?",
            ["conversation.medication", "faq.duration"],
            [("medication", "routine")],
        ),
    ],
)
def test_two_questions_in_one_message_are_both_answered(
    talk: Talk, words: str, said: list[str], tasks: list[tuple[str, str]]
) -> None:
    reply = talk.says(words)
    assert sorted(reply.ids) == sorted(said)
    assert reply.tasks() == tasks


def test_of_two_questions_the_one_with_red_flags_comes_first(talk: Talk) -> None:
    reply = talk.says("can i drive tomorrow and is this normal?")
    assert reply.ids == ["conversation.normal", "measure.medical_check.1"]


def test_in_a_dialogue_both_are_answered_and_the_question_stands(talk: Talk) -> None:
    talk.says("I want to reflect")
    reply = talk.says("who reads this and can i drive")
    assert sorted(reply.ids[:2]) == ["conversation.driving", "conversation.who_reads"]
    assert reply.last.startswith("reflection.body")
