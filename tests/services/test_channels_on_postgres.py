"""Alerts over the channels, again on PostgreSQL: what locks, orders and counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.test_channels import (  # noqa: F401 - runs them here
    all_providers,
    relay,
    test_a_browser_that_is_gone_is_removed_and_the_alert_moves_on,
    test_a_contact_removed_while_an_alert_runs_gets_nothing_and_others_are_told,
    test_a_replayed_answer_prolongs_nothing,
    test_a_report_of_failure_moves_the_alert_on_at_once,
    test_a_report_that_comes_before_our_own_note_still_counts,
    test_a_text_message_is_answered_and_the_alert_is_taken,
    test_one_alert_among_three_hundred_codes_goes_first,
    test_pagerduty_follows_the_alert_to_its_end_and_a_new_round_is_a_new_incident,
    test_replayed_and_late_reports_change_nothing,
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
