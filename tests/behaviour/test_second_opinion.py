"""What a second opinion leads to: questions, by the assistant or by the edge, and never a page."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import risk
from bot.risk import ruleset
from clinic.records.models import Conversation, Escalation, RiskAssessment
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.behaviour.test_medical_history import note
from tests.builders import World

#: No rule knows it; somebody who reads it would ask.
BODY = "something keeps jabbing me under the ribs and I am clammy and dripping with sweat"
CALM = ("no", "yes", "none", "short", "no", "no")


@pytest.fixture
def alone(edge: Edge) -> Edge:
    """The edge without its assistant."""
    edge.peer.act = lambda _turn: 500
    return edge


def alerts(edge: Edge) -> list[str]:
    with edge.world.system.database.read() as session:
        return [f"{one.level} {one.reason}" for one in session.scalars(select(Escalation))]


def level(edge: Edge) -> str:
    with edge.world.system.database.read() as session:
        return session.get_one(Conversation, edge.conversation).risk_level


def test_a_guess_about_the_body_leads_to_the_six_taps_and_pages_nobody(alone: Edge) -> None:
    message = alone.say(BODY)["message"]["id"]
    with alone.world.system.database.read() as session:
        found = session.get_one(RiskAssessment, message)
        assert [one["rule"] for one in found.evidence] == ["opinion.body"]
        assert (found.level, found.categories) == ("watch", ["medical"])
    assert alone.contents() == ["measure.medical_check.1"]
    assert (level(alone), alerts(alone)) == ("watch", [])


def test_six_calm_answers_end_the_worry_and_page_nobody(alone: Edge) -> None:
    alone.say(BODY)
    for number, choice in enumerate(CALM, 1):
        following = f"measure.medical_check.{number + 1}"
        alone.peer.act = lambda turn, content=following: says(turn, content)
        if number == len(CALM):
            alone.peer.act = lambda _turn: 500
        alone.tap(choice)
    assert (level(alone), alerts(alone)) == ("none", [])


def test_a_grave_answer_to_the_first_tap_pages_as_it_does_for_a_rule(alone: Edge) -> None:
    alone.say(BODY)
    alone.tap("yes")
    assert level(alone) == "emergency"
    assert alerts(alone)[0].startswith("emergency ")


def test_words_instead_of_an_answer_count_as_yes(alone: Edge) -> None:
    alone.say(BODY)
    alone.say(f"{BODY} again")
    assert level(alone) == "emergency"


def test_a_medical_history_waits_for_the_taps_and_does_not_page_on_a_guess(alone: Edge) -> None:
    note(alone, "heart")
    alone.say(BODY)
    assert alone.contents() == ["measure.medical_check.1"]
    assert alerts(alone) == []


def test_one_that_hangs_fails_toward_a_human(
    tmp_path: Path, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    class Hanging:
        threshold = 0.5

        def __call__(self, text: object) -> None:
            over.wait(30)

    rules = replace(ruleset(), opinions=(*ruleset().opinions, Hanging()))  # type: ignore[arg-type]
    monkeypatch.setitem(risk._loaded, "en", rules)
    world = World.make(tmp_path, assistant_url=peer.url, screen_deadline=0.05)
    with open_edge(world, peer) as edge:
        edge.say("an ordinary sentence about the garden")
        assert alerts(edge) == ["urgent unscreened"]
        over.set()
    world.system.database.close()
