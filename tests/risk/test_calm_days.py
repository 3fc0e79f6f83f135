"""An ordinary day calls nobody: a clinic that is woken for nothing stops listening.

The sentences (data/risk/en/voices/calm.txt) are by people who knew no rule, full of words that mean
danger elsewhere. Rules were narrowed with them, so this says how well the rules remember; how they
do on calm sentences nobody has read stands in the safety report (held/unread_calm.yml).
"""

from __future__ import annotations

import pytest
from phenomena import RULES_ALONE, voices

from bot.risk import Context, Level, assess

CALM = voices("calm")
#: Of a hundred: that somebody is called for, and that the companion asks about.
MOST_CALLED, MOST_ASKED = 0.4, 1.5


def levels(hours: float | None) -> dict[str, Level]:
    near = Context(hours_since_infusion=hours)
    return {text: assess(text, context=near, using=RULES_ALONE).level for text in CALM}


@pytest.mark.parametrize("hours", [30, None], ids=["the day after", "between infusions"])
def test_a_calm_day_calls_hardly_anybody(hours: float | None) -> None:
    found = levels(hours)
    called = [text for text, level in found.items() if level >= Level.urgent]
    asked = [text for text, level in found.items() if level is Level.watch]
    assert len(found) > 4400
    assert len(called) <= MOST_CALLED * len(found) / 100, called
    assert len(asked) <= MOST_ASKED * len(found) / 100, asked
