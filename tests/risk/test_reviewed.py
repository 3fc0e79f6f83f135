"""Messages that clinicians judged at the desk and reworded: a file of reviewed/ is an export."""

from __future__ import annotations

from pathlib import Path

import pytest
from phenomena import Case, grouped

from bot.risk import ruleset

FOLDER = Path(__file__).parent / "reviewed"
CASES = [case for path in sorted(FOLDER.glob("*.yml")) for case in grouped(path)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_gets_the_level_its_readers_gave_it(case: Case) -> None:
    """With the whole detector, second opinion and all: that is what the readers judged."""
    assert case.holds(ruleset())


def test_there_is_something_to_run() -> None:
    assert CASES
