"""The stage follows from infusions and the hour, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.contract import STAGES
from bot.stages import AFTER, Infusion, Settings, driving_locked, place

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


def test_three_a_week_still_prepares_for_the_next_one():
    """Two or three days apart, days 2 and 3 would never end: the last day belongs to the next."""
    coming = Infusion(2, END + 68 * HOUR)
    assert place(END + 20 * HOUR, [ended(), coming]).stage == "day_1"
    assert place(END + 40 * HOUR, [ended(), coming]).stage == "day_2"
    close = place(END + 45 * HOUR, [ended(), coming])
    assert (close.stage, close.hours_until) == ("pre_next", 23)


def test_after_the_series_comes_its_end_and_maintenance_only_when_staff_say_so():
    last = ended(number=6)
    assert place(END + 140 * HOUR, [last]).stage == "end_of_induction"
    assert place(END + 60 * 24 * HOUR, [last]).stage == "end_of_induction"
    assert place(END + 140 * HOUR, [last], program="maintenance").stage == "maintenance"
    assert place(END + 20 * HOUR, [last], program="maintenance").stage == "day_1"
    assert place(END + 140 * HOUR, [last], Settings(planned=8)).stage == "between"


def test_a_booster_has_the_same_days_and_then_maintenance():
    booster = Infusion(7, END - HOUR, END, booster=True)
    assert place(END + 30 * HOUR, [booster]).stage == "day_1"
    assert place(END + 200 * HOUR, [booster]).stage == "maintenance"


def test_an_ended_program_is_over_once_its_last_days_are():
    assert place(END + HOUR, [ended()], program="ended").stage == "recovery"
    assert place(END + 200 * HOUR, [ended()], program="ended").stage == "ended"
    assert place(END, [], program="ended").stage == "ended"


def test_an_infusion_whose_end_nobody_recorded_does_not_silence_the_companion_for_ever():
    forgotten = Infusion(1, END)
    assert place(END + 3 * HOUR, [forgotten]).stage == "infusion"
    later = place(END + 5 * HOUR, [forgotten])
    assert (later.stage, later.hours_since, later.presumed) == ("evening", 4, True)


def test_nobody_decides_and_few_words_are_said_while_it_works():
    stages = {hours: place(END + hours * HOUR, [ended()]) for hours in (1, 5, 20)}
    assert [stages[h].impaired for h in (1, 5, 20)] == [True, True, False]
    assert [stages[h].words for h in (1, 5, 20)] == [12, 60, 60]


@pytest.mark.parametrize(
    ("zone", "hours", "locked"),
    [
        # It ends at 2 pm in New York and at 8 am in Honolulu; 24 hours are the longer wait.
        ("America/New_York", 23, True),
        ("America/New_York", 25, False),
        ("Pacific/Honolulu", 25, False),
    ],
)
def test_driving_waits_for_hours_and_for_a_morning(zone: str, hours: float, locked: bool):
    assert driving_locked(END + hours * HOUR, [ended()], Settings(), ZoneInfo(zone)) is locked


def test_a_clinic_that_counts_fewer_hours_still_waits_for_the_morning_where_the_patient_is():
    short = Settings(driving_hours=4)
    new_york, tokyo = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
    # Ten hours later it is midnight in New York. In Tokyo it ended at 3 am and is 1 pm that day.
    assert driving_locked(END + 10 * HOUR, [ended()], short, new_york)
    assert driving_locked(END + 10 * HOUR, [ended()], short, tokyo)
    # 18 hours later: 8 am of the next day in New York.
    assert not driving_locked(END + 18 * HOUR, [ended()], short, new_york)


def test_driving_is_locked_while_it_runs_and_before_the_first_one_nothing_is():
    running = Infusion(1, END - HOUR)
    assert driving_locked(END, [running], Settings(), UTC)
    assert not driving_locked(END, [Infusion(1, END + HOUR)], Settings(), UTC)


def test_a_clinic_sets_its_own_numbers_and_nonsense_is_named():
    chosen = Settings.of({"planned": "8", "driving_hours": "36", "phone": "+1"})
    assert (chosen.planned, chosen.driving_hours) == (8, 36)
    with pytest.raises(ValueError, match="planned"):
        Settings.of({"planned": "many"})
    with pytest.raises(ValueError, match="driving_hours"):
        Settings.of({"driving_hours": "-1"})


def test_a_night_when_the_clocks_change_has_its_real_length():
    """Elapsed time is real time: 23 wall hours over the night of 8 March 2026 are 22."""
    zone = ZoneInfo("America/New_York")
    end = datetime(2026, 3, 7, 20, tzinfo=zone)
    now = datetime(2026, 3, 8, 19, tzinfo=zone)
    assert place(now, [ended(1, end.astimezone(UTC))]).hours_since == pytest.approx(22)


@pytest.mark.parametrize(
    ("since", "until", "stage", "words"),
    [
        (1, 4, "recovery", 12),
        (1, 11.5, "recovery", 12),
        (4, 11, "evening", 60),
        (18, 3, "day_of", 60),
    ],
)
def test_the_last_one_still_works_however_close_the_next_one_is(
    since: float, until: float, stage: str, words: int
):
    coming = Infusion(2, END + (since + until) * HOUR)
    found = place(END + since * HOUR, [ended(), coming])
    assert (found.stage, found.words) == (stage, words)


EVENING_ENDS = dict(AFTER)["evening"]


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(30, 240)), min_size=1, max_size=6),
    st.floats(min_value=0, max_value=130),
    st.sampled_from(["induction", "maintenance", "ended"]),
)
def test_nobody_is_taken_for_clear_before_the_evening_is_over(rows, hour: float, program: str):
    infusions = [
        Infusion(number, END + start * HOUR, END + start * HOUR + timedelta(minutes=minutes))
        for number, (start, minutes) in enumerate(sorted(rows), 1)
    ]
    found = place(END + hour * HOUR, infusions, program=program)
    if found.hours_since is not None and found.hours_since < EVENING_ENDS:
        assert found.impaired


@pytest.mark.parametrize(
    ("night", "six"),
    # In New York the clocks go forward on 8 March 2026 and back on 1 November: six in the morning
    # after is ten, and eleven, in UTC.
    [
        (datetime(2026, 3, 8, 1, tzinfo=UTC), datetime(2026, 3, 8, 10, tzinfo=UTC)),
        (datetime(2026, 11, 1, 0, tzinfo=UTC), datetime(2026, 11, 1, 11, tzinfo=UTC)),
    ],
)
def test_the_morning_after_is_a_morning_where_the_clocks_have_changed(night, six):
    zone = ZoneInfo("America/New_York")
    end = night.astimezone(zone)
    short = Settings(driving_hours=4)
    assert driving_locked(six - timedelta(minutes=1), [ended(1, end)], short, zone)
    assert not driving_locked(six, [ended(1, end)], short, zone)


def test_hours_are_real_ones_in_local_times_too():
    zone = ZoneInfo("America/New_York")
    end = datetime(2026, 3, 7, 20, tzinfo=zone)
    assert place(datetime(2026, 3, 8, 19, tzinfo=zone), [ended(1, end)]).hours_since == 22
    day = Settings(driving_hours=24)
    # 24 real hours are over at nine in the evening: one hour of the night was left out.
    assert driving_locked(datetime(2026, 3, 8, 20, 30, tzinfo=zone), [ended(1, end)], day, zone)


@given(st.floats(min_value=0, max_value=24 * 400), st.integers(min_value=1, max_value=8))
def test_every_moment_has_a_stage_the_contract_knows(hours: float, number: int):
    assert place(END + hours * HOUR, [ended(number)]).stage in STAGES


def test_the_table_only_goes_forward():
    limits = [limit for _, limit in AFTER]
    assert limits == sorted(set(limits))


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(20, 400), st.booleans(), st.booleans()),
        max_size=8,
    ),
    st.integers(-100, 4000),
    st.sampled_from(["induction", "maintenance", "ended"]),
)
def test_whatever_is_on_the_calendar_there_is_a_stage(rows, hour: int, program: str):
    infusions = [
        Infusion(
            number,
            END + start * HOUR,
            None if open_end else END + start * HOUR + timedelta(minutes=minutes),
            cancelled,
        )
        for number, (start, minutes, open_end, cancelled) in enumerate(sorted(rows), 1)
    ]
    now = END + hour * HOUR
    found = place(now, infusions, program=program)
    assert found.stage in STAGES
    assert found.hours_since is None or found.hours_since >= 0
    assert found.hours_until is None or found.hours_until > 0
    begun = [i for i in infusions if not i.cancelled and i.start <= now]
    assert (found.number is None) == (not begun)
