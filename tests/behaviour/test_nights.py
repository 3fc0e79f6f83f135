"""Many messages in the small hours are a reason to ask, whatever they say (domain.md 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic.escalation import policy
from clinic.records.models import Conversation, Escalation, RiskAssessment
from tests.behaviour import test_journal as journal
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.builders import World
from tests.desk import Browser, shown

#: Ten past one at night in New York, where the patient lives.
NIGHT = datetime(2026, 3, 12, 5, 10, tzinfo=UTC)
MANY = policy.load()["night"]["messages"]


@pytest.fixture
def night(tmp_path: Path, peer: Peer) -> Iterator[Edge]:
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    world.clock.advance(NIGHT - world.clock.now())
    peer.act = lambda turn: says(
        turn, "safety.ask" if turn["context"]["risk"]["level"] == "watch" else "conversation.heard"
    )
    with open_edge(world, peer, hours_ago=34) as edge:
        yield edge
    world.system.database.close()


def write(edge: Edge, times: int, every: timedelta = timedelta(minutes=2)) -> list[str]:
    """Calm words, one after another; the level of each."""
    for number in range(times):
        edge.say(f"the lamp is on, page {number}")
        edge.world.clock.advance(every)
    return [turn["context"]["risk"]["level"] for turn in edge.peer.turns]


def test_with_the_twelfth_of_a_night_the_companion_asks_and_only_once(night: Edge) -> None:
    assert write(night, MANY) == ["none"] * (MANY - 1) + ["watch"]
    night.tap("no")
    assert "watch" not in write(night, MANY)[MANY:]
    with night.world.system.database.read() as session:
        assert session.get_one(Conversation, night.conversation).risk_level == "none"
        assert session.scalars(select(Escalation)).all() == []


def test_a_question_of_the_night_that_nobody_answers_calls_a_human(night: Edge) -> None:
    write(night, MANY)
    night.world.clock.advance(timedelta(minutes=policy.load()["watch_minutes"]))
    night.engine()
    with night.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().level == "urgent"


def test_the_desk_says_that_it_was_the_night(night: Edge) -> None:
    write(night, MANY)
    robin = Browser(night.world).sign_in(night.therapist)
    page = shown(robin.get(f"/console/patients/{night.patient.id}").text)
    assert "Many messages in the small hours of one night." in page


@pytest.mark.parametrize("hours", [-3, 5])
def test_as_many_by_evening_or_in_the_morning_are_ordinary(night: Edge, hours: int) -> None:
    night.world.clock.advance(timedelta(hours=hours))
    assert set(write(night, MANY + 1)) == {"none"}


def test_one_fewer_is_ordinary_and_each_night_is_counted_by_itself(night: Edge) -> None:
    write(night, MANY - 1)
    night.world.clock.advance(timedelta(days=1) - timedelta(minutes=2) * (MANY - 1))
    assert set(write(night, MANY - 1)) == {"none"}


def test_it_goes_by_the_patients_own_clock(night: Edge) -> None:
    with night.world.system.database.write() as session:
        session.get_one(Conversation, night.conversation).patient.timezone = "Europe/Paris"
    assert set(write(night, MANY + 1)) == {"none"}


def test_a_page_of_the_journal_counts_and_is_answered(night: Edge) -> None:
    write(night, MANY - 1)
    assert journal.write(night, "I cannot sleep and the street is quiet").status_code == 303
    night.settle()
    assert night.contents()[-1] == "safety.ask"
    with night.world.system.database.read() as session:
        levels = [row.level for row in session.scalars(select(RiskAssessment))]
    assert levels.count("watch") == 1
