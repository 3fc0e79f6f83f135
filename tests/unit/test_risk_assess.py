"""What assess says besides the level: where, why, of which kind, and in which conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import risk
from bot.contract import RISK_CATEGORIES
from bot.risk import Context, Level, State, assess, next_state, ruleset


def spans(text: str) -> list[str]:
    return [text[item.start : item.end] for item in assess(text).evidence]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Well. I want to kill myself, today.", "I want to kill myself"),
        ("Well… I wan\u200bt to k\u0456ll  mуself, ok", "I wan\u200bt to k\u0456ll  mуself"),
        ("so k i l l m y s e l f", "k i l l m y s e l f"),
        ("  im gonna\nunalive myself!!", "im gonna\nunalive"),
        ("the ﬁrst: suicidal", "suicidal"),
        ("I’m so tired of being alive", "tired of being alive"),
    ],
)
def test_spans_point_at_the_original_words(text: str, words: str) -> None:
    assert words in spans(text)


def test_evidence_names_rule_version_and_reason_gravest_first() -> None:
    result = assess("my chest hurts and I feel hopeless and I want to kill myself")
    assert [item.level for item in result.evidence] == sorted(
        (item.level for item in result.evidence), reverse=True
    )
    for item in result.evidence:
        assert item.rule
        assert item.version >= 1
        assert item.reason.endswith((".", "?"))
        assert item.category in RISK_CATEGORIES
    assert set(result.categories) == {"medical", "suicide"}
    assert result.rules == risk.rules_version()
    assert result.score is not None
    assert 0 < result.score < 1


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("I want to die", "suicide"),
        ("I cut myself again last night", "self_harm"),
        ("I'm going to kill him", "harm_to_others"),
        ("my husband hits me", "abuse"),
        ("I keep hearing voices", "psychosis_mania"),
        ("I relapsed last night", "substance"),
        ("I can't breathe", "medical"),
    ],
)
def test_the_category_is_told(text: str, category: str) -> None:
    assert assess(text).categories == (category,)


@pytest.mark.parametrize(
    ("text", "hours", "level"),
    [
        ("I'm still dizzy", 2.0, Level.none),
        ("I'm still dizzy", 4.5, Level.urgent),
        ("I'm still dizzy", None, Level.none),
        ("I feel really confused", 2.0, Level.none),
        ("I feel really confused", 3.5, Level.urgent),
        ("I can't stay awake", 2.0, Level.emergency),
        ("I can't stay awake", 200.0, Level.watch),
        ("there is a rash on my arm", 20.0, Level.urgent),
        ("there is a rash on my arm", 900.0, Level.watch),
        ("my chest hurts", None, Level.emergency),
    ],
)
def test_hours_since_the_infusion_count(text: str, hours: float | None, level: Level) -> None:
    assert assess(text, context=Context(hours_since_infusion=hours)).level is level


@pytest.mark.parametrize(
    ("text", "setting", "chosen", "hours", "level"),
    [
        ("I'm still dizzy", "after_effects_hours", 2, 2.0, Level.none),
        ("I'm still dizzy", "after_effects_hours", 2, 2.1, Level.urgent),
        ("I'm still dizzy", "after_effects_hours", 24, 4.1, Level.urgent),
        ("I drove myself home", "driving_hours", 36, 36.0, Level.urgent),
        ("I drove myself home", "driving_hours", 36, 36.1, Level.none),
        ("I drove myself home", "driving_hours", 1, 24.0, Level.urgent),
    ],
)
def test_a_clinics_hours_make_a_rule_stricter_and_never_laxer(
    text: str, setting: str, chosen: float, hours: float, level: Level
) -> None:
    where = Context(hours_since_infusion=hours, limits={setting: chosen})
    alone = replace(ruleset(), opinions=())
    assert assess(text, context=where, using=alone).level is level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("I was suicidal ten years ago, not these days", Level.watch),
        ("I was suicidal in college but not now", Level.watch),
        ("ten years ago I tried to kill myself, not today though", Level.watch),
        ("I was suicidal ten years ago, and these days too", Level.urgent),
        ("I was suicidal ten years ago, not only these days", Level.urgent),
        ("I was suicidal ten years ago, not that these days are better", Level.urgent),
        ("I was suicidal years ago, not today, but soon", Level.urgent),
        ("I was suicidal ten years ago, not now, not until tonight", Level.emergency),
        ("I used to want to kill myself, not now but later", Level.emergency),
        ("I am suicidal these days, not ten years ago", Level.urgent),
    ],
)
def test_long_past_and_not_now_is_asked_about_and_a_not_yet_is_no_end(
    text: str, level: Level
) -> None:
    assert assess(text).level is level


# --- conversation --------------------------------------------------------------------------------


def talk(*messages: str) -> tuple[State, Level]:
    state = State()
    level = Level.none
    for message in messages:
        result = assess(message, state)
        level = result.conversation_level
        state = next_state(state, result, message)
    return state, level


@pytest.mark.parametrize(
    "denial", ["never mind, jk lol", "I was just kidding", "forget it", "I'm fine now", "haha ok"]
)
def test_a_denial_after_disclosure_never_lowers(denial: str) -> None:
    assert talk("I want to kill myself", denial)[1] is Level.emergency
    assert assess(denial).level <= Level.watch


def test_a_method_asked_after_a_disclosure_is_grave() -> None:
    _, level = talk(
        "I don't want to live anymore", "nice weather today", "where can I buy pesticide"
    )
    assert level is Level.emergency
    assert talk("nice weather today", "where can I buy pesticide")[1] is Level.none


def test_a_farewell_after_a_disclosure_is_grave() -> None:
    assert talk("I wish I was dead", "goodbye")[1] is Level.emergency
    assert talk("the session was good", "goodbye")[1] is Level.none


def test_being_asked_three_times_is_enough() -> None:
    assert talk("I feel hopeless", "I hate myself")[1] is Level.watch
    assert talk("I feel hopeless", "I hate myself", "there is no point anymore")[1] is Level.urgent


def test_history_alone_is_enough_to_weigh_together() -> None:
    state = State(level=Level.urgent, history=("I don't want to live anymore",))
    assert assess("where can I buy pesticide", state).level is Level.emergency


def test_history_alone_counts_what_was_asked() -> None:
    history = ("I feel hopeless", "I hate myself")
    assert assess("there is no point anymore", State(Level.watch, (), history)).notes
    lowered = State(Level.none, (), history)
    assert assess("there is no point anymore", lowered).conversation_level is Level.watch


@pytest.mark.parametrize(
    ("told", "felt"),
    [
        (
            "In the third song I had a crushing pressure in my chest, like a midwife at work, "
            "and since then I'm less afraid",
            "In the third song I had a crushing pressure in my chest and right now it is back",
        ),
        ("No body, no name, couldn't breathe, was carried", "No sleep, no rest, can't breathe"),
        ("Dough I was, and they punched me down", "I was in bed, and he punched me again"),
        ("My ribs opened like doors, couldn't breathe", "My ribs are sore, can't breathe"),
    ],
)
def test_an_image_told_pages_nobody_and_the_same_in_a_waking_body_does(
    told: str, felt: str
) -> None:
    assert assess(told).level <= Level.watch
    assert assess(felt).level >= Level.urgent


def test_a_phrase_is_not_its_own_second_sign() -> None:
    assert assess("I have made peace with everything").level is Level.watch
    both = "I have made peace with everything. I'm tired of surviving."
    assert assess(both).level is Level.urgent


# --- when it breaks ------------------------------------------------------------------------------


def test_a_failing_detector_counts_as_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(risk, "find", broken)
    result = assess("hello")
    assert result.unscreened
    assert result.level is Level.urgent
    assert result.conversation_level is Level.urgent


def test_a_failing_detector_never_lowers_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(risk, "find", broken)
    result = assess("hello", State(level=Level.emergency))
    assert result.conversation_level is Level.emergency


@pytest.mark.parametrize(
    "told",
    [
        "dizzy for the first hour like they said, then steady",
        "nausea lasted forty minutes, the nurse had warned me",
        "a bit woozy until about two, then I was out in the garden",
        "everything felt far away for maybe half an hour, as expected",
        "I always feel queasy in the back of a car",
        "the fog lifted before we got to the car",
    ],
)
def test_an_after_effect_that_went_as_announced_calls_nobody_the_next_day(told: str) -> None:
    assert assess(told, context=Context(hours_since_infusion=30)).level is Level.none


@pytest.mark.parametrize(
    "told",
    [
        "still dizzy, they said it would be the first hour",
        "nausea was gone by tea, now it's back and I'm queasy",
        "dizzy for an hour now",
        "queasy for ten minutes every time I sit up",
        "foggy like they said but it should be gone by now",
        "I was steady after an hour and then woozy again this morning",
        "the dizziness has not passed after two days",
        "chest pain for the first hour like they said",
    ],
)
def test_an_after_effect_that_stays_or_comes_back_is_for_the_same_day(told: str) -> None:
    assert assess(told, context=Context(hours_since_infusion=30)).level >= Level.urgent


#: Around one sentence: an entry about a day, told in the past.
DAY = "Rain all morning. {} Then we fed the hens and I made soup for everybody, and Mo read to us."


@pytest.mark.parametrize(
    ("moment", "alone"),
    [
        (
            "I had a nightmare and woke up screaming before dawn, and the cat fled from the bed.",
            "I had a nightmare and woke up screaming",
        ),
        (
            "I walked to the shop and was dizzy from the heat by the time I got the bread.",
            "I was dizzy from the heat",
        ),
        (
            "I heard a voice calling my name by the shed and it was the neighbour with my parcel.",
            "I heard a voice calling my name",
        ),
    ],
)
def test_a_moment_of_a_tale_is_asked_about_and_calls_nobody(moment: str, alone: str) -> None:
    def level(text: str) -> Level:
        return assess(text, context=Context(hours_since_infusion=30)).level

    assert level(DAY.format(moment)) is Level.watch
    assert level(alone) >= Level.urgent
    assert level(DAY.format(moment.replace("I ", "I still feel it, I ", 1))) >= Level.urgent


@pytest.mark.parametrize(
    "moment",
    [
        "My face drooped on one side and my words came out wrong for a while.",
        "My chest was crushed by a pain that went down my arm when we loaded the truck.",
        "I took all the tablets I had saved and slept until noon.",
        "I wanted to die when I stood on the bridge with the bags.",
        "He put his hands round my throat because the soup was late.",
        "I drank half a bottle of wine with my sister.",
    ],
)
def test_an_emergency_a_wish_to_die_violence_and_drink_count_in_a_tale_too(moment: str) -> None:
    told = DAY.format(moment)
    assert assess(told, context=Context(hours_since_infusion=30)).level >= Level.urgent
