"""Alerts over the channels, again on PostgreSQL: what locks, orders and counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.relay import RISK, Relay
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


def test_answers_reports_and_acts_at_once_do_not_wait_for_each_other(edge: Edge, relay: Relay):
    """Rows are locked in one order: with another one, PostgreSQL ends one of the two."""
    noor = relay.phone(edge.nurse, "+15550177001")
    edge.say(RISK)
    noor.expect_sms("alert 1")
    twilio = relay.providers.twilio
    statuses: list[int] = []

    def reply(number: int) -> None:
        answer = twilio.reply(edge.client, noor.number, "ack 1", MessageSid=f"SM{number % 3}")
        statuses.append(answer.status_code)

    def report(number: int) -> None:
        assert noor.last is not None
        status = ("delivered", "failed")[number % 2]
        statuses.append(twilio.report(edge.client, noor.last, status, "30003").status_code)

    acts = [threading.Thread(target=act, args=(n,)) for n in range(8) for act in (reply, report)]
    for act in acts:
        act.start()
    for act in acts:
        act.join()
    assert set(statuses) == {200, 204}
    assert relay.alert().state == "acked"
