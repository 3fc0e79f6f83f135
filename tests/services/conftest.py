"""A real PostgreSQL, started and stopped by process id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.conftest import peer as peer
from tests.behaviour.peer import Peer
from tests.behaviour.test_escalation import engine as engine
from tests.behaviour.test_escalation import mailbox as mailbox
from tests.builders import World
from tests.postgres import MissingError, Server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server whose databases come migrated."""
    try:
        server = Server()
    except MissingError as error:
        pytest.fail(f"{error}. Or: make test-fast")
    try:
        server.prepare()
        yield server
    finally:
        server.remove()


@pytest.fixture
def database_url(postgres: Server) -> str:
    """A fresh, migrated database."""
    return postgres.fresh()


@pytest.fixture
def edge(tmp_path: Path, peer: Peer, database_url: str) -> Iterator[Edge]:
    world = World.make(
        tmp_path, database_url=database_url, assistant_url=peer.url, turn_deadline=2.0
    )
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()
