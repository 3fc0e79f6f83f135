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
