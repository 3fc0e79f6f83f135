"""The stage follows from infusions and the hour, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.contract import STAGES
from bot.stages import AFTER, Infusion, Settings, place

END = datetime(2026, 3, 10, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ended(number: int = 1, end: datetime = END) -> Infusion:
    return Infusion(number, end - HOUR, end)


@pytest.mark.parametrize(
    ("hours", "stage"),
    [
        (0, "recovery"),
        (1.99, "recovery"),
        (2, "evening"),
        (17.99, "evening"),
        (18, "day_1"),
        (36, "day_2"),
        (60, "day_3"),
        (84, "day_4_5"),
        (131.9, "day_4_5"),
        (132, "between"),
        (24 * 60, "between"),
    ],
)
def test_each_stage_begins_where_the_table_says(hours: float, stage: str):
    found = place(END + hours * HOUR, [ended()])
    assert (found.stage, found.number) == (stage, 1)
    assert found.hours_since == pytest.approx(hours)


def test_before_any_infusion_it_is_onboarding_and_with_one_planned_preparation():
    assert place(END, []).stage == "onboarding"
    assert place(END, [Infusion(1, END + 30 * HOUR)]).stage == "preparation"
    assert place(END, [Infusion(1, END + 11 * HOUR)]).stage == "day_of"


def test_while_it_runs_the_companion_is_told():
    running = Infusion(2, END - HOUR / 2)
    assert place(END, [ended(1, END - 200 * HOUR), running]).stage == "infusion"


def test_the_next_infusion_brings_its_own_stages():
    coming = Infusion(2, END + 200 * HOUR)
    assert place(END + 160 * HOUR, [ended(), coming]).stage == "pre_next"
    assert place(END + 190 * HOUR, [ended(), coming]).stage == "day_of"


def test_a_cancelled_infusion_never_was():
    cancelled = Infusion(2, END + 3 * HOUR, END + 4 * HOUR, cancelled=True)
    assert place(END + 20 * HOUR, [ended(), cancelled]) == place(END + 20 * HOUR, [ended()])


def test_after_the_last_of_the_series_comes_its_end_and_then_maintenance():
    last = ended(number=6)
    assert place(END + 140 * HOUR, [last]).stage == "end_of_induction"
    assert place(END + 15 * 24 * HOUR, [last]).stage == "maintenance"
    assert place(END + 140 * HOUR, [last], Settings(planned=8)).stage == "between"


def test_a_night_when_the_clocks_change_has_its_real_length():
    """Elapsed time is real time: 23 wall hours over the night of 8 March 2026 are 22."""
    zone = ZoneInfo("America/New_York")
    end = datetime(2026, 3, 7, 20, tzinfo=zone)
    now = datetime(2026, 3, 8, 19, tzinfo=zone)
    assert place(now, [ended(1, end.astimezone(UTC))]).hours_since == pytest.approx(22)


@given(st.floats(min_value=0, max_value=24 * 400), st.integers(min_value=1, max_value=8))
def test_every_moment_has_a_stage_the_contract_knows(hours: float, number: int):
    assert place(END + hours * HOUR, [ended(number)]).stage in STAGES


def test_the_table_only_goes_forward():
    limits = [limit for _, limit in AFTER]
    assert limits == sorted(set(limits))
