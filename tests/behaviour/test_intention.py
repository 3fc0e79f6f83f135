"""The patient's intention, written down: a page of its own that prints (domain.md P05)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from clinic.settings import ROOT
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says
from tests.desk import shown


def writes(edge: Edge, kind: str, data: dict[str, str], key: str) -> None:
    """The patient says something that is kept."""
    record = {"kind": kind, "key": key, "data": data}

    def reply(turn: dict[str, Any]) -> dict[str, Any]:
        return says(turn, "conversation.greet_day", records=(record,))

    edge.peer.act = reply
    edge.say(data["text"])
    edge.world.clock.advance(timedelta(minutes=1))


def test_the_newest_words_stand_on_a_page_that_prints(edge: Edge):
    writes(edge, "intention", {"text": "be braver"}, "intention-1")
    writes(edge, "intention", {"text": "be <b>softer</b> with myself"}, "intention-2")
    writes(edge, "remembered", {"name": "let_go", "text": "like a leaf"}, "let_go")
    writes(edge, "remembered", {"name": "music", "text": "slow piano"}, "music")
    page = edge.client.get("/intention")
    assert page.headers["cache-control"] == "no-store"
    said = shown(page.text)
    assert "be <b>softer</b> with myself" in said and "<b>softer" not in page.text
    assert "My words for letting go like a leaf" in said
    assert "be braver" not in said and "slow piano" not in said
    assert 'href="/intention"' in edge.client.get("/days").text


def test_on_paper_only_the_words_are_left(edge: Edge):
    printed = (ROOT / "web/src/paper.css").read_text().partition("@media print")[2]
    assert ".paper__head" in printed.partition("display: none")[0]
    assert "<form" not in edge.client.get("/intention").text


def test_before_there_is_one_the_page_says_how_to_begin(edge: Edge):
    assert "There is no intention yet" in shown(edge.client.get("/intention").text)


def test_what_is_asked_of_later_is_the_intention_of_that_infusion(edge: Edge):
    """The companion asks what came of it on day 3; one set since is for the next."""
    writes(edge, "intention", {"text": "be braver"}, "intention-1")
    assert "intended" not in told(edge), "it was set after the only infusion"
    edge.world.clock.advance(timedelta(hours=3))
    edge.world.infusion(edge.patient, hours_ago=1)
    assert told(edge)["intended"] == "“be braver”"
    writes(edge, "intention", {"text": "let it be"}, "intention-2")
    held = told(edge)
    assert (held["intended"], held["intention"]) == ("“be braver”", "let it be")


def told(edge: Edge) -> dict[str, str]:
    """What the assistant hears of the record in the next turn."""
    edge.say("hello")
    known: dict[str, str] = edge.peer.turns[-1]["context"]["known"]
    return known
