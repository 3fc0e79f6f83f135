"""Crashes on PostgreSQL: the kills at each edge, any order of events, a server that restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.behaviour.test_failpoints import *  # noqa: F403 - runs them here
from tests.behaviour.test_lifecycle import PLAY, Lifecycle
from tests.builders import World
from tests.services.conftest import fresh_database

pytestmark = pytest.mark.services


def test_whatever_happens_in_any_order_holds_here_too(postgres: str):
    class OnPostgres(Lifecycle):
        def found(self, home: Path) -> World:
            return World.make(home, database_url=fresh_database(postgres))

    run_state_machine_as_test(OnPostgres, settings=settings(PLAY, max_examples=4))
