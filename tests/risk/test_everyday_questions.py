"""What patients ask and tell the companion every day wakes nobody, also the day after an infusion.

The rules of the triage ladder count when an infusion is near, so everyday talk from elsewhere,
which knows no hours (bench/risk.py), cannot tell what they cost. Paraphrases nobody trained on can.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.risk import Context, Level, assess

HELD = sorted((Path(__file__).parents[1] / "rasa").glob("holdout*.yml"))
#: A symptom told or asked about may well be for the same day.
OF_THE_BODY = {"report_side_effect", "ask_is_this_normal", "ask_grounding", "red_flags"}
#: Of a hundred, at most so many at urgent or more.
MOST = 1.0


def everyday() -> list[str]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in HELD]
    groups = [pair for file in files for pair in file.items() if pair[0] not in OF_THE_BODY]
    return [str(text) for _, texts in groups for text in texts]


@pytest.mark.parametrize("hours", [1, 20, 60])
def test_a_question_near_an_infusion_is_no_alert(hours: float):
    asked = everyday()
    near = Context(hours_since_infusion=hours)
    alarms = [text for text in asked if assess(text, context=near).level >= Level.urgent]
    assert len(asked) > 900
    assert len(alarms) <= MOST * len(asked) / 100, alarms
