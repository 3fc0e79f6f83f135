"""What is told in passing is heard by its words, at the stages where the clinic has to know it."""

from __future__ import annotations

import pytest
from test_understanding import HELD, examples, held

from actions import routed
from bot import content
from bot.contract import STAGES
from bot.heard import elsewhere, tellings, wish

TOLD = {
    "told_eating": [
        "i had coffee an hour ago",
        "no I had toast",
        "coffee this morning",
        "i ate a banana",
        "i forgot i was supposed to fast",
    ],
    "told_drinking": [
        "i had 3 beers last night",
        "im hungover",
        "I've had a few drinks",
        "i smoked a joint to calm down",
    ],
    "told_no_ride": [
        "i missed my ride",
        "my sister can't drive me",
        "nobody can pick me up",
        "i dont have a ride",
    ],
    "told_sleepless": ["i cant sleep", "i couldn’t sleep at all", "awake all night", "slept badly"],
}
#: On the way, after it.
GOING = ["im on the bus home", "im driving home", "i went home alone", "im waiting for the bus"]


@pytest.mark.parametrize(
    ("intent", "words"), [(intent, words) for intent, lines in TOLD.items() for words in lines]
)
def test_on_the_day_it_is_heard(intent: str, words: str):
    assert wish(words, "day_of") == intent


@pytest.mark.parametrize("words", GOING)
@pytest.mark.parametrize("stage", ["recovery", "evening"])
def test_going_home_is_heard_while_it_works(words: str, stage: str):
    assert wish(words, stage) == "told_going_home"


@pytest.mark.parametrize("words", [*GOING, *(line for lines in TOLD.values() for line in lines)])
def test_between_infusions_it_is_talk(words: str):
    assert wish(words, "between") is None


@pytest.mark.parametrize(
    "words",
    [
        "I've had no coffee",
        "i had dinner last night",
        "i dreamt i had toast",
        "i want to have a beer",
        "i had tea with my grandmother as a child",
        "i didn't eat anything",
        "i drank water",
        "i had the feeling of falling asleep",
    ],
)
def test_what_keeps_to_the_rules_or_was_a_dream_is_not(words: str):
    assert wish(words, "day_of") is None


@pytest.mark.parametrize("words", ["im in the car home with my sister", "i saw a bus in it"])
def test_being_brought_home_is_not(words: str):
    assert wish(words, "evening") is None


@pytest.mark.parametrize("words", [*GOING, "on the train home from work", "walking home now"])
def test_the_way_home_names_no_other_place(words: str):
    assert not elsewhere(words)


def test_every_journey_somebody_wrote_down_names_another_place_or_time():
    written = [words for words, intent in examples() if intent == "report_travel"]
    for name in HELD:
        written += [words for words, intent in held(name) if intent == "report_travel"]
    assert len(written) > 60
    assert not [words for words in written if not elsewhere(words)]


def test_each_has_a_task_and_words_at_every_stage_it_is_heard_in():
    for told in tellings():
        assert told.stages <= set(STAGES)
        assert told.intent in routed.TASKS
        for stage in told.stages - {"recovery"}:
            assert content.registry().answer_to(told.intent, {"stage": stage}), (told.intent, stage)
