"""When touches are due: in every time zone, on every night when the clocks change."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.clinic_settings import FIELDS
from clinic.touches import schedule
from clinic.touches.schedule import Quiet, TouchesError, on_the_wall

POLICY = schedule.load()
NEW_YORK = ZoneInfo("America/New_York")
#: Five years with every change of clocks that is still kept anywhere.
ENDED = st.integers(0, 5 * 365 * 24 * 60).map(
    lambda minute: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@lru_cache
def zones() -> list[str]:
    return sorted(available_timezones() - {"localtime"})


def planned(ended: datetime, zone: ZoneInfo) -> dict[str, schedule.Slot]:
    slots = {k.id: schedule.slot(k, ended, zone, POLICY.quiet) for k in POLICY.kinds}
    return {name: slot for name, slot in slots.items() if slot}


def local(moment: datetime, zone: ZoneInfo = NEW_YORK) -> str:
    return moment.astimezone(zone).strftime("%a %H:%M")


@given(st.sampled_from(zones()), ENDED)
def test_nothing_comes_at_night_too_early_or_without_room(zone: str, ended: datetime) -> None:
    there = ZoneInfo(zone)
    for name, slot in planned(ended, there).items():
        kind = POLICY.kind(name)
        assert kind is not None
        assert not POLICY.quiet.holds(slot.due.astimezone(there).time())
        assert slot.due - ended >= timedelta(hours=kind.after_hours)
        assert slot.due < slot.until


@given(st.sampled_from(zones()), ENDED, st.none() | st.integers(9, 18))
def test_touches_come_in_the_order_of_the_policy_whatever_hour_a_clinic_sets(
    zone: str, ended: datetime, hour: int | None
) -> None:
    kinds, there = POLICY.as_set({"visit_hour": hour}).kinds, ZoneInfo(zone)
    slots = [schedule.slot(kind, ended, there, POLICY.quiet) for kind in kinds]
    due = [slot.due for slot in slots if slot]
    assert due == sorted(due)


def test_the_hours_a_clinic_may_set_are_settings_of_that_name() -> None:
    kinds = (*POLICY.kinds, *POLICY.before, *POLICY.follow_ups)
    assert {kind.set_by for kind in kinds} - {""} == {"visit_hour", "reminder_hour"}
    assert {"visit_hour", "reminder_hour"} <= set(FIELDS)


@given(st.sampled_from(zones()), ENDED)
def test_before_an_infusion_nothing_comes_at_night_or_after_its_start(
    zone: str, start: datetime
) -> None:
    there = ZoneInfo(zone)
    for kind in POLICY.before:
        slot = schedule.slot(kind, start, there, POLICY.quiet)
        if slot is None:
            continue
        assert not POLICY.quiet.holds(slot.due.astimezone(there).time())
        assert slot.due - start >= timedelta(hours=kind.after_hours)
        assert slot.due < slot.until <= start


def test_every_hour_of_every_changing_day_is_found_in_order() -> None:
    for zone in zones():
        there = ZoneInfo(zone)
        for day in _changing_days(zone):
            found = [on_the_wall(day, time(hour), there) for hour in range(24)]
            assert found == sorted(found), (zone, day)
            # An hour missing up to midnight, as in Nuuk, becomes the next day's first moment.
            midnight = on_the_wall(day + timedelta(days=1), time(0), there)
            assert all(
                moment.astimezone(there).date() == day or moment == midnight for moment in found
            ), (zone, day)


def _changing_days(zone: str) -> list[date]:
    there, first = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=n) for n in range(366)]
    return [
        a.astimezone(there).date()
        for a, b in itertools.pairwise(days)
        if a.astimezone(there).utcoffset() != b.astimezone(there).utcoffset()
    ]


def test_a_usual_afternoon_infusion() -> None:
    slots = planned(datetime(2026, 3, 11, 15, 30, tzinfo=NEW_YORK), NEW_YORK)
    assert {name: local(slot.due) for name, slot in slots.items()} == {
        "rest": "Wed 17:30",
        "evening": "Wed 18:30",
        "day_1": "Thu 10:00",
        "day_2": "Fri 10:00",
        "day_3": "Sat 15:30",
        "day_4": "Sun 10:00",
        "day_5": "Mon 10:00",
        "week_1": "Wed 10:00",
        # The clocks went forward in between; ten in the morning stays ten.
        **{f"week_{n}": "Wed 10:00" for n in (2, 4, 6, 8, 12, 16)},
    }


def test_after_a_late_infusion_the_evening_is_left_alone_and_the_day_begins_later() -> None:
    slots = planned(datetime(2026, 3, 11, 19, 30, tzinfo=NEW_YORK), NEW_YORK)
    assert "rest" not in slots
    assert "evening" not in slots
    assert local(slots["day_1"].due) == "Thu 13:30"


def test_seventy_two_hours_are_real_hours_over_the_night_the_clocks_change() -> None:
    ended = datetime(2026, 3, 6, 13, 0, tzinfo=NEW_YORK)
    slots = planned(ended, NEW_YORK)
    assert slots["day_3"].due - ended.astimezone(UTC) == timedelta(hours=72)
    assert local(slots["day_3"].due) == "Mon 14:00"
    assert local(slots["day_2"].due) == "Sun 10:00"


def test_a_missing_hour_is_the_first_minute_after_it_and_a_doubled_one_comes_once() -> None:
    assert local(on_the_wall(date(2026, 3, 8), time(2, 30), NEW_YORK)) == "Sun 03:00"
    twice = on_the_wall(date(2026, 11, 1), time(1, 30), NEW_YORK)
    assert twice == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_day_that_a_country_left_out_ends_at_the_next_one() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert on_the_wall(date(2011, 12, 30), time(10), apia).astimezone(apia).day == 31


def test_quiet_hours_may_lie_within_one_day() -> None:
    nap = Quiet(time(13), time(15))
    assert local(nap.over(datetime(2026, 3, 11, 14, tzinfo=NEW_YORK), NEW_YORK)) == "Wed 15:00"
    assert local(nap.over(datetime(2026, 3, 11, 15, tzinfo=NEW_YORK), NEW_YORK)) == "Wed 15:00"


@pytest.mark.parametrize(
    "line",
    [
        "{id: x, content: c, after_hours: 2}",
        "{id: x, content: c, after_hours: 2, lasts_hours: 0}",
        "{id: x, content: c, after_hours: -1, lasts_hours: 2}",
        '{id: x, content: c, after_hours: 2, day: 1, at: "20:00", until: "10:00"}',
        '{id: x, content: c, after_hours: 2, day: 1, at: "25:00", until: "26:00"}',
        '{id: x, content: c, after_hours: 2, lasts_hours: 2, day: 1, at: "10:00", until: "12:00"}',
        "{id: x, after_hours: 2, lasts_hours: 2}",
        "{id: x, content: c, after_hours: 2, lasts_hours: 2, colour: red}",
        "{id: a, content: c, after_hours: 2, lasts_hours: 2}",
    ],
)
def test_a_policy_that_cannot_hold_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "touches.yml"
    good = "{id: a, content: c, after_hours: 1, lasts_hours: 1}"
    file.write_text(
        f'version: 1\nquiet: {{from: "21:00", until: "09:00"}}\ntouches:\n  - {good}\n  - {line}\n'
    )
    with pytest.raises(TouchesError):
        schedule.load(file)
