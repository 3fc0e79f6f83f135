"""Crashes on PostgreSQL: the kills at each edge, any order of events, a server that restarts."""

from __future__ import annotations

import itertools
import random
import signal
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from clinic.supervisor import Supervisor
from tests.behaviour.conftest import open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.test_failing_database import RISK, expect_honest_refusal
from tests.behaviour.test_failpoints import *  # noqa: F403 - runs them here
from tests.behaviour.test_failpoints import alert, expect_whole
from tests.behaviour.test_kill import kill_a_part, storm, whole_system
from tests.behaviour.test_lifecycle import PLAY, Lifecycle
from tests.builders import World
from tests.postgres import Server

pytestmark = pytest.mark.services


def test_whatever_happens_in_any_order_holds_here_too(postgres: Server):
    class OnPostgres(Lifecycle):
        def found(self, home: Path) -> World:
            return World.make(home, database_url=postgres.fresh())

    run_state_machine_as_test(OnPostgres, settings=settings(PLAY, max_examples=4))


def test_nothing_is_lost_when_parts_and_the_server_itself_go_down_at_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As test_kill.py, and every other strike is the database: stopped fast, or as by a crash."""
    server = Server()
    url = f"postgresql+psycopg://afterglow@{server.address}/postgres"
    monkeypatch.setenv("AFTERGLOW_DATABASE_URL", url)
    turns = itertools.cycle(["part", "stopped", "part", "crashed"])

    def strike(keeper: Supervisor, chance: random.Random) -> None:
        what = next(turns)
        if what == "part":
            kill_a_part(keeper, chance)
            return
        server.stop(signal.SIGQUIT if what == "crashed" else signal.SIGINT)
        time.sleep(chance.uniform(0, 0.3))
        server.start()

    try:
        with whole_system(tmp_path, monkeypatch) as (world, keeper):
            storm(world, keeper, strike)
    finally:
        server.remove()


def test_a_full_disk_refuses_whole_and_loses_nothing(tmp_path: Path, peer: Peer):
    """The database can write no further byte, not even of its log: it goes down by itself. Nothing
    is claimed meanwhile; with room again, the words are taken once and the alert calls."""
    server = Server()
    try:
        server.prepare()
        world = World.make(
            tmp_path, database_url=server.fresh(), assistant_url=peer.url, turn_deadline=2.0
        )
        with open_edge(world, peer) as edge:
            edge.say("the light stayed with me")
            server.fill()
            expect_honest_refusal(edge, "the-same-key")
            server.make_room()
            answer = edge.post({"text": RISK}, "the-same-key")
            assert answer.status_code == 202
            edge.settle()
            assert [m["text"] for m in edge.shown()].count(RISK) == 1
            edge.engine()
            assert alert(edge).state == "open"
            expect_whole(edge)
        world.system.database.close()
    finally:
        server.remove()
