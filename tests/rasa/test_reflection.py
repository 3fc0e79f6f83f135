"""The guided reflection of day 1, walked through in every hard way."""

from __future__ import annotations

import pytest
from conftest import Talk

from bot import content
from bot.flows import flows

#: One answer to each question, so that a test can walk to the one it is about.
ANSWERS = {
    "body": "calm",
    "image": "a warm light over the sea",
    "stayed": "my dad's hands",
    "expected": "it was softer than I thought",
    "tone": "peaceful",
    "pointing": "maybe it is about letting go",
    "keep": "that warm light",
    "noticed": "the hum of the lamp",
    "hoped": "some kind of answer",
    "sits": "a little flat",
    "kind": "you did well, rest now",
    "distress": "3",
    "after": "4",
    "person": "no, go on",
    "recap": "that's all",
    "sharing": "keep it private",
}


def question(talk: Talk) -> str:
    """The question that is open now."""
    name = talk.said[-1]["content"].removeprefix("reflection.")
    return name.removesuffix("_again").removesuffix("_words").removesuffix("_empty")


def walk(talk: Talk, until: str | None = None) -> Talk:
    """Answer each question until ``until`` is asked, or to the end."""
    if not talk.said:
        talk.says("I would like to reflect")
    for _ in range(30):
        if question(talk) == until:
            return talk
        if question(talk).startswith("closed"):
            assert until is None, f"{until} was never asked"
            return talk
        talk.says(ANSWERS[question(talk)])
    raise AssertionError("the reflection does not end")


def test_it_begins_by_stage_and_asks_one_question_at_a_time(talk: Talk) -> None:
    assert talk.says("hi").ids == ["conversation.greet_day"]
    assert talk.taps("reflect").ids == ["reflection.start", "reflection.body"]
    assert talk.says("calm").ids == ["reflection.image"]
    assert talk.says("a warm light over the sea").ids == ["reflection.stayed"]
    assert talk.says("my dad's hands").ids == ["reflection.expected"]
    assert talk.says("it was softer than I thought").ids == ["reflection.tone"]
    pointing = talk.taps("peaceful")
    assert pointing.ids == ["reflection.pointing_words"]
    assert "“my dad's hands”" in pointing.text
    assert talk.says("maybe it is about letting go").ids == ["reflection.keep"]
    assert talk.says("that warm light").ids == ["reflection.kind"]
    recap = talk.says("you did well, rest now")
    assert recap.ids == ["reflection.recap"], "peaceful: nobody is asked how hard it is"
    assert "“a warm light over the sea”" in recap.text
    assert talk.taps("all").ids == ["reflection.sharing"]
    closed = talk.taps("shared")
    assert closed.ids == ["reflection.closed_shared"]
    entry = talk.record("journal_entry")
    assert (entry["state"], entry["sharing"]) == ("complete", "shared")
    assert (entry["stage"], entry["infusion_number"]) == ("day_1", 1)
    assert talk.parts()["stayed"] == ("answered", "my dad's hands")


def test_every_answer_is_kept_as_it_comes_under_one_key(talk: Talk) -> None:
    walk(talk, "stayed")
    drafts = [key for kind, key in talk.records if kind == "journal_entry"]
    assert drafts == [f"reflection-{talk.name}-1"]
    assert talk.record("journal_entry")["state"] == "draft"
    assert list(talk.parts()) == ["body", "image"]


def test_a_hard_one_is_asked_about_and_a_calm_number_goes_on(talk: Talk) -> None:
    walk(talk, "tone")
    talk.taps("hard")
    walk(talk, "distress")
    assert talk.says("maybe a 3").ids == ["reflection.recap"]
    assert talk.record("check_in") == {"tone": "hard", "distress": 3}


@pytest.mark.parametrize("words", ["8", "7/10", "a ten", "6 or 7", "about seven i think"])
def test_a_high_number_brings_grounding_and_then_a_person(talk: Talk, words: str) -> None:
    walk(talk, "tone")
    talk.taps("mixed")
    walk(talk, "distress")
    assert talk.says(words).ids == [
        "reflection.ground_first",
        "conversation.grounding_script",
        "reflection.after",
    ]
    assert talk.says("5").ids == ["reflection.person"]
    accepted = talk.taps("human")
    assert accepted.ids == ["conversation.human_urgent", "reflection.recap"]
    assert accepted.tasks() == [("human_request", "urgent")]
    measured = [data for (kind, _), data in talk.records.items() if kind == "check_in"]
    assert measured[-1] == {"distress": 5}


def test_a_number_is_asked_for_once_more_and_then_let_be(talk: Talk) -> None:
    walk(talk, "tone")
    talk.taps("hard")
    walk(talk, "distress")
    assert talk.says("not so bad").ids == ["reflection.distress_again"]
    assert talk.says("somewhere in the middle").ids == ["reflection.recap"]
    assert talk.parts()["distress"] == ("unknown", "somewhere in the middle")


def test_skip_is_offered_on_every_question_and_ends_in_a_full_reflection(talk: Talk) -> None:
    talk.says("I would like to reflect")
    asked = []
    while not question(talk).startswith("closed"):
        asked.append(question(talk))
        talk.taps("skip")
    expected = ["body", "image", "stayed", "expected", "tone", "pointing", "keep", "kind", "recap"]
    assert asked == [*expected, "sharing"]
    assert talk.said[-2]["content"] == "reflection.sharing"
    entry = talk.record("journal_entry")
    assert (entry["state"], entry["sharing"]) == ("complete", "undecided")
    assert {state for state, _ in talk.parts().values()} == {"skipped"}


def test_i_do_not_know_is_a_full_answer_and_its_words_are_kept(talk: Talk) -> None:
    walk(talk, "image")
    assert talk.says("i don't know").ids == ["reflection.not_knowing", "reflection.stayed"]
    assert talk.parts()["image"] == ("unknown", "i don't know")
    assert talk.taps("dont_know").ids == ["reflection.not_knowing", "reflection.expected"]


@pytest.mark.parametrize(
    "step", ["body", "image", "stayed", "expected", "tone", "keep", "kind", "recap"]
)
def test_it_can_be_stopped_at_any_question_and_resumed_later(talk: Talk, step: str) -> None:
    walk(talk, step)
    kept = talk.parts() if talk.records else {}
    assert talk.says("stop for now").ids == ["reflection.stopped"]
    back = talk.opens(after=20 * 3600)
    if step == "body":
        assert back.ids == ["conversation.greet_day"], "nothing was begun, nothing to go on with"
        return
    assert back.ids == ["conversation.welcome_back"]
    resumed = talk.taps("go_on")
    assert resumed.ids[0] == "reflection.go_on"
    assert question(talk) == step
    assert kept.items() <= talk.parts().items()


def test_leaving_in_the_middle_and_coming_back_the_next_day_offers_to_go_on(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.opens(after=60).ids == [], "a glance a minute later is no coming back"
    assert talk.opens(after=22 * 3600).ids == ["conversation.welcome_back"]
    assert talk.taps("go_on").ids == ["reflection.stayed_again"]
    assert talk.says("my dad's hands").ids == ["reflection.expected"]


def test_coming_back_one_can_start_fresh(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.opens(after=22 * 3600)
    assert talk.taps("fresh").ids == ["reflection.start", "reflection.body"]
    talk.says("tired")
    entries = [key for kind, key in talk.records if kind == "journal_entry"]
    assert len(entries) == 2, "the first draft stays, the fresh one has a key of its own"


def test_after_the_next_infusion_the_old_draft_is_not_offered(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("stop for now")
    talk.infusion = 2
    assert talk.opens(after=72 * 3600).ids == ["conversation.greet_day"]
    assert talk.taps("reflect").ids == ["reflection.start", "reflection.body"]


def test_going_back_asks_again_and_the_new_answer_replaces_the_old(talk: Talk) -> None:
    walk(talk, "expected")
    assert talk.says("go back").ids == ["reflection.back", "reflection.stayed"]
    assert talk.says("the smell of rain").ids == ["reflection.expected"]
    assert talk.parts()["stayed"] == ("answered", "the smell of rain")


def test_going_back_twice_goes_two_questions_back(talk: Talk) -> None:
    walk(talk, "expected")
    talk.says("go back")
    assert talk.says("go back").ids == ["reflection.back", "reflection.image"]


def test_going_back_at_the_first_question_says_so(talk: Talk) -> None:
    walk(talk, "body")
    assert talk.says("go back").ids == ["reflection.back_at_start", "reflection.body_again"]


def test_the_recap_can_be_corrected(talk: Talk) -> None:
    walk(talk, "recap")
    assert talk.taps("change").ids == ["reflection.which"]
    assert talk.taps("image").ids == ["reflection.image"]
    again = talk.says("a cold light over a lake")
    assert again.ids == ["reflection.recap"]
    assert "a cold light over a lake" in again.text
    assert talk.parts()["image"] == ("answered", "a cold light over a lake")


def test_what_was_missed_is_added_in_the_patients_words(talk: Talk) -> None:
    walk(talk, "recap")
    assert talk.says("you missed the part with my sister singing").ids == ["reflection.sharing"]
    assert talk.parts()["recap"] == ("answered", "you missed the part with my sister singing")


@pytest.mark.parametrize(
    ("words", "sharing"),
    [
        ("only me please", "private"),
        ("don't share it with my therapist", "private"),
        ("you can share it with my therapist", "shared"),
        ("my therapist may see it", "shared"),
    ],
)
def test_sharing_is_understood_in_words_and_never_guessed(
    talk: Talk, words: str, sharing: str
) -> None:
    walk(talk, "sharing")
    assert talk.says("hmm purple").ids == ["reflection.sharing_again"]
    talk.says(words)
    assert talk.record("journal_entry")["sharing"] == sharing


def test_on_the_evening_of_an_infusion_nobody_is_asked_to_decide_about_sharing(talk: Talk) -> None:
    talk.stage, talk.hours = "evening", 6.0
    walk(talk)
    assert talk.record("journal_entry")["sharing"] == "undecided"
    assert "reflection.sharing" not in [message["content"] for message in talk.said]


# ---- "Nothing happened" ----


def test_nothing_happened_has_questions_of_its_own(talk: Talk) -> None:
    walk(talk, "image")
    assert talk.says("nothing happened").ids == ["reflection.nothing", "reflection.noticed"]
    assert talk.parts()["image"] == ("answered", "nothing happened")
    assert talk.says("the hum of the lamp").ids == ["reflection.hoped"]
    assert talk.says("some kind of answer").ids == ["reflection.sits"]
    assert talk.says("a little flat").ids == ["reflection.kind"]
    walk(talk)
    assert talk.record("check_in")["tone"] == "nothing"
    assert list(talk.parts()) == ["body", "image", "noticed", "hoped", "sits", "kind", "recap"]


@pytest.mark.parametrize("step", ["image", "stayed", "expected", "tone"])
def test_nothing_happened_can_be_said_at_each_question_about_it(talk: Talk, step: str) -> None:
    walk(talk, step)
    assert "reflection.noticed" in talk.says("honestly nothing much happened").ids


def test_going_back_over_nothing_happened_opens_the_other_branch_again(talk: Talk) -> None:
    walk(talk, "image")
    talk.taps("nothing")
    assert talk.says("go back").ids == ["reflection.back", "reflection.image"]
    assert talk.says("wait, a warm light").ids == ["reflection.stayed"]


def test_nothing_is_an_ordinary_answer_where_it_is_one(talk: Talk) -> None:
    walk(talk, "pointing")
    assert talk.says("nothing").ids == ["reflection.keep"]


# ---- Answers of every shape ----


@pytest.mark.parametrize(
    "words",
    [
        "blue",
        "🌊🌊",
        "I wanted to talk to a person in the dream",
        "I wanted to leave the room and then I did",
        "someone told me to go back to the house",
        "there was a person without a face",
        "i skipped over stones in a river",
        "{words} {clinic_name}",
        "<b>light</b>",
        "I was not sure if I was the room or the room was me",
        "ok so it was like a long hallway and at the end there was a door, and behind it the sea",
    ],
)
def test_words_that_look_like_commands_are_answers(talk: Talk, words: str) -> None:
    walk(talk, "stayed")
    assert talk.says(words).ids == ["reflection.expected"]
    assert talk.parts()["stayed"] == ("answered", words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("talk to a person", "conversation.human"),
        ("can I talk to a human", "conversation.human"),
        ("stop", "reflection.stopped"),
        ("skip this", "reflection.expected"),
    ],
)
def test_short_commands_are_commands(talk: Talk, words: str, said: str) -> None:
    walk(talk, "stayed")
    assert talk.says(words).ids == [said]


def test_five_thousand_words_are_kept_and_quoted_briefly(talk: Talk) -> None:
    walk(talk, "stayed")
    words = ("walking slowly " * 1400)[:20_000].strip()
    assert talk.says(words).ids == ["reflection.expected"]
    assert talk.parts()["stayed"] == ("answered", words)
    walk(talk, "tone")
    quoted = talk.taps("peaceful").text
    assert "“walking slowly walking slowly walking slowly…”" in quoted


def test_a_line_that_carries_on_is_added_to_the_answer_before(talk: Talk) -> None:
    walk(talk, "image")
    talk.says("a big door")
    added = talk.says("and it was made of light")
    assert added.ids == ["reflection.added", "reflection.stayed_again"]
    assert talk.parts()["image"] == ("answered", "a big door\nand it was made of light")


def test_three_messages_in_a_row_are_one_answer(talk: Talk) -> None:
    walk(talk, "image")
    talk.says("a big door")
    talk.says("made of light", after=1.2)
    talk.says("humming", after=0.9)
    assert talk.parts()["image"] == ("answered", "a big door\nmade of light\nhumming")
    assert question(talk) == "stayed"
    assert talk.says("the humming, mostly").ids == ["reflection.expected"]


def test_thanks_is_a_kind_line_and_elsewhere_the_question_stands(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says("thanks").ids == ["reflection.stayed_again"]
    walk(talk, "kind")
    talk.says("thank you")
    assert talk.parts()["kind"] == ("answered", "thank you")


@pytest.mark.parametrize("words", ["", "   ", "\u200b\u200b", "\u2060"])
def test_an_empty_message_changes_nothing(talk: Talk, words: str) -> None:
    walk(talk, "stayed")
    before = talk.parts()
    assert talk.says(words).ids == ["reflection.stayed_again"]
    assert talk.parts() == before


def test_unwell_asks_what_is_wrong_and_does_not_soothe(talk: Talk) -> None:
    walk(talk, "body")
    reply = talk.taps("unwell")
    assert reply.ids == ["reflection.unwell"]
    assert "911" in reply.text
    assert talk.says("my stomach is a bit upset").ids == ["reflection.image"]
    assert talk.record("check_in")["body"] == "unwell"
    assert "my stomach is a bit upset" in str(talk.parts())


# ---- Questions in the middle ----


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("who reads this?", "conversation.who_reads"),
        ("wait, who is going to see what I write here?", "conversation.who_reads"),
        ("are you human?", "conversation.are_you_human"),
        ("can I drive?", "conversation.driving"),
        ("can I take my antidepressant tonight?", "conversation.medication"),
    ],
)
def test_a_question_in_the_middle_is_answered_and_the_question_asked_again(
    talk: Talk, words: str, answer: str
) -> None:
    walk(talk, "stayed")
    assert talk.says(words).ids == [answer, "reflection.stayed_again"]
    assert "stayed" not in talk.parts()
    assert talk.says("my dad's hands").ids == ["reflection.expected"]


def test_is_this_normal_is_screened_before_anything_else(talk: Talk) -> None:
    walk(talk, "stayed")
    asked = talk.says("is this normal?")
    assert asked.ids == ["conversation.normal", "measure.medical_check.1"]
    assert asked.tasks() == [("other", "routine")]


def test_a_person_can_be_asked_for_in_the_middle(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says("talk to a person").ids == ["conversation.human"]
    sent = talk.taps("routine")
    assert sent.ids == ["conversation.human_routine", "reflection.stayed_again"]
    assert sent.tasks() == [("human_request", "routine")]


def test_skipping_the_question_how_soon_does_not_skip_the_reflections_question(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("talk to a person")
    assert talk.taps("skip").ids == ["reflection.stayed_again"]
    assert "stayed" not in talk.parts()


def test_without_an_infusion_there_is_nothing_to_look_back_on(talk: Talk) -> None:
    talk.stage, talk.hours, talk.infusion = "preparation", None, None
    assert talk.says("I would like to reflect").ids == ["reflection.not_yet"]
    assert talk.says("hi").ids == ["onboarding.offer"]


# ---- Wording ----


def test_no_phrasing_is_repeated_while_another_is_left(talk: Talk) -> None:
    for _ in range(4):
        talk.says("start over")
        talk.says("stop for now")
    shown = [phrase for phrase in talk.phrases if phrase.startswith("reflection.stopped#")]
    assert len(set(shown)) == 4


def test_every_question_of_the_reflection_is_in_the_registry() -> None:
    items = content.registry()
    for step in flows()["reflection"].steps:
        # "keep" is asked in other dialogues too, each in its own words: asked again it has none.
        again = [f"reflection.{step.name}_again"] if step.name != "keep" else []
        for name in (f"reflection.{step.name}", *again):
            assert any(choice.payload == "/skip" for choice in items.item(name).choices), name
        assert items.item(f"reflection.{step.name}").kind == "ask"
