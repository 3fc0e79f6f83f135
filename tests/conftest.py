"""Fixtures every suite shares."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.builders import World

# No test depends on how fast the machine is.
settings.register_profile("afterglow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("afterglow")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty clinic on a fresh database, at a fixed moment."""
    made = World.make(tmp_path)
    yield made
    made.system.database.close()


def pytest_collection_finish() -> None:
    """The collector need not look through the tests and the libraries again and again."""
    gc.collect()
    gc.freeze()
