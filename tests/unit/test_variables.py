"""What is tracked: every row of the checklist has a place where it is asked or entered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot import variables
from bot.flows import flows
from bot.variables import BY_STAFF, COMPARED, TRACKED, VARIABLES, VariablesError
from clinic.records.models import Infusion

#: What the record holds by itself, and where.
IN_THE_RECORD = {
    "past": Infusion.number,
    "hour": Infusion.started_at,
    "number": Infusion.number,
    "minutes": Infusion.ended_at,
    "booster": Infusion.booster,
}


def test_all_32_rows_are_tracked():
    rows = {one.row for one in TRACKED.values()}
    assert {f"V{number:02d}" for number in range(1, 33)} <= rows


def test_each_has_a_unit_a_scale_and_a_moment():
    for one in TRACKED.values():
        assert one.unit and one.label and one.moment, one.name
        assert one.by == "record" or (one.unit != "none") == bool(one.scale), one.name


def test_each_is_asked_or_entered_where_it_says_and_nowhere_else():
    asked: dict[str, set[str]] = {}
    for flow in flows().values():
        for step in flow.steps:
            for name in (step.track, step.remember, step.record):
                if name in TRACKED:
                    asked.setdefault(name, set()).add(f"{flow.name}.{step.name}")
    for one in TRACKED.values():
        assert asked.get(one.name, set()) == set(one.asked), one.name
    assert set(IN_THE_RECORD) == {one.name for one in TRACKED.values() if one.by == "record"}
    # The form of an infusion is made from these (clinic/console/patient/infusions.py).
    assert set(BY_STAFF) == {one.name for one in TRACKED.values() if one.by == "staff"}
    assert not set(BY_STAFF) & set(VARIABLES), "a dose is never asked of a patient"


def test_what_is_compared_is_a_number():
    assert all(TRACKED[name].scale for name in COMPARED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "nobody"},
        {"moment": "whenever"},
        {"asked": []},
        {"colour": "blue"},
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, wrong: dict[str, object]):
    fine = {
        **{"name": "mood", "row": "V01", "label": "Mood", "by": "patient", "moment": "before"},
        **{"from": -4, "to": 4, "unit": "points", "asked": ["day_of.mood"]},
    }
    path = tmp_path / "variables.yml"
    path.write_text(yaml.safe_dump({"variables": [fine]}))
    assert variables.load(path)["mood"].scale == (-4, 4)
    path.write_text(yaml.safe_dump({"variables": [fine | wrong]}))
    with pytest.raises(VariablesError, match="mood"):
        variables.load(path)
