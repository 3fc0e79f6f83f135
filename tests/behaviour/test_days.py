"""A patient sees when the companion comes by, and decides about each time."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Response

from clinic.records.models import Clinic, Patient, Touch
from clinic.touches import plan
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.test_touches import ENDED, NEW_YORK, at
from tests.builders import World


@pytest.fixture
def edge(tmp_path: Path, peer: Peer) -> Iterator[Edge]:
    """Somebody whose infusion ended at half past three in the afternoon, where they live."""
    world = World.make(tmp_path, assistant_url=peer.url)
    at(world, ENDED)
    with open_edge(world, peer, hours_ago=0, touches=True) as opened:
        yield opened
    world.system.database.close()


def days(edge: Edge) -> str:
    answer = edge.client.get("/days")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def touch(edge: Edge, kind: str) -> Touch:
    with edge.world.system.database.read() as session:
        return next(one for one in plan.of(session, edge.patient) if one.kind == kind)


def act(edge: Edge, kind: str, action: str, **fields: str) -> Response:
    address = f"/days/{touch(edge, kind).id}/{action}"
    return edge.client.post(address, data=fields, follow_redirects=False)


def local(edge: Edge, kind: str) -> str:
    return f"{touch(edge, kind).due_at.astimezone(NEW_YORK):%a %H:%M}"


def test_what_will_come_stands_there_by_the_patients_clock(edge: Edge):
    seen = days(edge)
    assert "The evening of the infusion Wed, Mar 11, 6:30 pm" in seen
    assert "The day after Thu, Mar 12, 10:00 am" in seen
    assert "America/New York" in seen
    assert "Infusion 1" in seen


def test_how_far_along_the_series_is_goes_by_the_clinics_own_length(edge: Edge):
    assert "1 of about 6 in the first series" in days(edge)
    with edge.world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | {"planned": 4}
    assert "1 of about 4 in the first series" in days(edge)
    with edge.world.system.database.write() as session:
        session.get_one(Patient, edge.patient.id).program = "maintenance"
    assert "first series" not in days(edge)


def test_moved_later_and_left_out(edge: Edge):
    assert act(edge, "day_1", "move", to="2026-03-12T14:30").headers["location"] == (
        "/days?said=moved"
    )
    assert local(edge, "day_1") == "Thu 14:30"
    act(edge, "day_2", "later")
    assert local(edge, "day_2") == "Fri 12:00"
    act(edge, "evening", "skip")
    assert "The evening of the infusion" not in days(edge)
    assert "Moved." in edge.client.get("/days?said=moved").text


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("2026-03-12T03:00", "at night"),
        ("2026-03-10T12:00", "two weeks"),
        ("2027-03-12T12:00", "two weeks"),
        ("tomorrow", "no date"),
        ("2026-03-12T12:00+00:00", "no date"),
    ],
)
def test_a_time_that_cannot_be_is_refused_in_words(edge: Edge, to: str, says: str):
    before = touch(edge, "day_1").due_at
    answer = act(edge, "day_1", "move", to=to)
    assert answer.status_code == 422
    assert says in answer.text
    assert touch(edge, "day_1").due_at == before


def test_stopped_and_begun_again(edge: Edge):
    edge.client.post("/days/visits", data={"wanted": "false"})
    assert "does not come by itself" in days(edge)
    assert touch(edge, "day_1").state == "cancelled"
    edge.client.post("/days/visits", data={"wanted": "true"})
    assert touch(edge, "day_1").state == "pending"


def test_one_that_passed_is_named_without_reproach(edge: Edge):
    at(edge.world, ENDED + timedelta(days=1, hours=8))
    edge.engine()
    assert "Passed by. That is fine." in days(edge)


def test_another_patients_time_cannot_be_touched(edge: Edge):
    stranger = edge.world.patient("Alex Stone")
    edge.world.infusion(stranger, hours_ago=0)
    with edge.world.system.database.read() as session:
        theirs = plan.of(session, stranger)[0].id
    answer = edge.client.post(f"/days/{theirs}/skip", follow_redirects=False)
    assert answer.status_code == 422
    with edge.world.system.database.read() as session:
        assert session.get_one(Touch, theirs).state == "pending"
