"""Alerts over the channels, again on PostgreSQL: what locks, orders and counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.test_channels import (
    all_providers as all_providers,
)
from tests.behaviour.test_channels import (
    relay as relay,
)
from tests.builders import World
from tests.providers import Providers

pytestmark = pytest.mark.services


@pytest.fixture
def edge(tmp_path: Path, peer: Peer, database_url: str, all_providers: Providers) -> Iterator[Edge]:
    world = World.make(
        tmp_path,
        database_url=database_url,
        assistant_url=peer.url,
        turn_deadline=2.0,
        **all_providers.settings(),
    )
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()
