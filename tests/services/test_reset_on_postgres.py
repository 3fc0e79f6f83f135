"""A colleague's sign-in is reset on PostgreSQL: the behaviour tests again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.test_reset_sign_in import *  # noqa: F403 - runs them here
from tests.builders import World

pytestmark = pytest.mark.services


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = World.make(tmp_path, database_url=database_url)
    yield made
    made.system.database.close()
