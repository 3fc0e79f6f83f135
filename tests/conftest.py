"""Fixtures every suite shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty clinic on a fresh database, at a fixed moment."""
    made = World.make(tmp_path)
    yield made
    made.system.database.close()
