"""The guided practice takes two to five minutes, and can be left at every step."""

from __future__ import annotations

import pytest

from bot.content import Item, registry
from bot.flows import flows

FLOW = flows()["relaxing"]
#: Words a minute of somebody who does what they read, and seconds of a breath that comes by itself.
SLOWLY, BREATH = 120, 5
SHORTEST, LONGEST = 120, 300


def walked(known: bool) -> list[Item]:
    context = {"known": {"safe_place": "a hut", "let_go": "let it be"} if known else {}}
    context |= {"risk": {"conversation_level": "none"}}  # type: ignore[dict-item]
    steps = [s for s in FLOW.steps if s.wanted({}, context)]
    return [registry().item(f"relaxing.{step.name}") for step in steps]


def seconds(item: Item, variant: int) -> float:
    """Reading it, breathing with it, and the breaths it asks for."""
    text = item.variants[variant]
    pace = item.breath
    breathing = (pace["in"] + pace["out"]) * pace["rounds"] if pace else 0
    breaths = 5 * BREATH if "5 " in text and "breath" in text.lower() and not pace else 0
    return len(text.split()) / SLOWLY * 60 + breathing + breaths


@pytest.mark.parametrize("known", [True, False], ids=["place and words known", "nothing known"])
@pytest.mark.parametrize("variant", range(4))
def test_it_takes_two_to_five_minutes(known: bool, variant: int):
    takes = sum(seconds(item, variant) for item in walked(known))
    assert SHORTEST <= takes <= LONGEST, takes


def test_the_place_and_the_words_that_are_known_are_used_and_asked_for_only_else():
    known = {item.id for item in walked(known=True)}
    unknown = {item.id for item in walked(known=False)}
    assert {"relaxing.place_known", "relaxing.words_known"} <= known
    assert {"relaxing.place", "relaxing.words"} <= unknown
    assert not known & {"relaxing.place", "relaxing.words"}


def test_every_step_of_it_can_be_skipped_and_most_stop_it_by_a_tap():
    for item in walked(known=True):
        payloads = {choice.payload for choice in item.choices}
        assert "/skip" in payloads, item.id
        if registry().item(item.id).choice("done"):
            assert "/stop_for_now" in payloads, item.id


def test_it_is_offered_when_getting_ready_and_on_the_day():
    leading = {flow.name for flow in flows().values() if flow.leads_to == "relaxing"}
    assert leading == {"preparation", "day_of"}
