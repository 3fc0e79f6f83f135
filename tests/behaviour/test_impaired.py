"""While the medicine works nobody decides about consent or sharing, whatever a reply says (R09)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from clinic.records.models import Record
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.builders import World

CONSENT = {"kind": "consent", "key": "start", "data": {"scope": "start", "given": True}}
SHARED = {
    "kind": "journal_entry",
    "key": "entry-1",
    "data": {"state": "complete", "sharing": "shared", "parts": []},
}


def kept(edge: Edge) -> dict[str, str | None]:
    edge.peer.act = lambda turn: says(turn, "conversation.thanks", records=(CONSENT, SHARED))
    edge.say("yes, share it with everybody")
    with edge.world.system.database.read() as session:
        return {record.kind: record.sharing for record in session.scalars(select(Record))}


@pytest.mark.parametrize("hours", [1, 6])
def test_in_the_first_hours_consent_is_not_taken_and_nothing_is_shared(
    tmp_path: Path, peer: Peer, hours: float
):
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    with open_edge(world, peer, hours_ago=hours) as edge:
        assert kept(edge) == {"journal_entry": "undecided"}
    world.system.database.close()


@pytest.mark.parametrize("hours", [1, 6])
def test_on_the_page_too_nothing_is_shared_on_the_day_and_can_be_made_private(
    tmp_path: Path, peer: Peer, hours: float
):
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    with open_edge(world, peer, hours_ago=hours) as edge:
        words = {"prompt": "journal.free", "text": "the sea", "key": "key-1", "sharing": "shared"}
        page = edge.client.post("/journal", data=words)
        assert "private for now" in page.text
        entry = page.url.path
        for sharing, said in (("shared", "Nothing was changed"), ("private", "who may read it")):
            assert said in edge.client.post(f"{entry}/sharing", data={"sharing": sharing}).text
        with world.system.database.read() as session:
            assert [record.sharing for record in session.scalars(select(Record))] == ["private"]
    world.system.database.close()


def test_the_day_after_both_are(edge: Edge):
    assert kept(edge) == {"consent": None, "journal_entry": "shared"}
