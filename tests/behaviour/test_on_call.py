"""Who is on call: shifts, rotations over the change of clocks, overrides, gaps before they hurt."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clinic import cli
from clinic.cli import shared
from clinic.escalation import hours, on_call, rota
from clinic.people import NotPossibleError
from clinic.records.models import OnCallShift, Rotation, Staff, StaffContact
from tests.builders import NOW, World
from tests.desk import Browser, shown

ZONE = ZoneInfo("America/New_York")


def names(world: World, at: datetime | None = None) -> list[str]:
    with world.system.database.read() as session:
        return [person.name for person in on_call.on_call(session, at or world.clock.now())]


def weekly(world: World, *people: Staff, starts: date = date(2026, 3, 2)) -> None:
    with world.system.database.write() as session:
        rota.set_rotation(world.system, session, "nurses", people, starts, time(9))


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZONE).astimezone(UTC)  # type: ignore[arg-type,misc]


def test_a_weekly_rotation_hands_over_at_nine_by_the_wall_also_across_the_clock_change(
    world: World,
):
    """Clocks in New York go forward on Sunday, March 8, 2026, and back on November 1."""
    weekly(world, world.staff("Ada"), world.staff("Ben"))
    for monday, before, after in [
        (local(2026, 3, 9, 9), "Ada", "Ben"),
        (local(2026, 3, 16, 9), "Ben", "Ada"),
        (local(2026, 11, 2, 9), "Ada", "Ben"),
    ]:
        assert names(world, monday - timedelta(seconds=1)) == [before]
        assert names(world, monday) == [after]


def test_before_its_first_hand_over_a_rotation_covers_nothing(world: World):
    weekly(world, world.staff("Ada"), starts=date(2026, 3, 16))
    assert names(world) == []
    assert names(world, local(2026, 3, 16, 8, 59)) == []
    assert names(world, local(2026, 3, 16, 9)) == ["Ada"]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(sorted(available_timezones())),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 30]),
    days=st.integers(1, 14),
    members=st.integers(1, 4),
    start=st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    later=st.integers(0, 400 * 24),
)
def test_at_every_moment_exactly_one_member_has_the_turn(
    zone: str, hour: int, minute: int, days: int, members: int, start: date, later: int
):
    """In every zone of the world, on every night the clocks change: no hole and no overlap."""
    rotation = Rotation(
        name="r",
        members=[str(n) for n in range(members)],
        starts_on=start,
        ends_on=None,
        hand_over=time(hour, minute),
        days=days,
    )
    where = ZoneInfo(zone)
    first = datetime.combine(start, rotation.hand_over, where).astimezone(UTC)
    at = first + timedelta(hours=later)
    found = on_call.turns(rotation, where, at, at + timedelta(days=30))
    assert len([turn for turn in found if turn.covers(at)]) == 1
    for turn, following in pairwise(found):
        assert turn.ends_at == following.starts_at
        assert int(following.staff_id) == (int(turn.staff_id) + 1) % members


def test_an_override_stands_in_for_one_person_for_a_time(world: World):
    ada, ben = world.staff("Ada"), world.staff("Ben")
    world.staff("Cleo", on_call=True)
    weekly(world, ada, ben)
    now = world.clock.now()
    assert names(world) == ["Ben", "Cleo"]
    with world.system.database.write() as session:
        rota.add_shift(world.system, session, ada, now, now + timedelta(hours=3), instead_of=ben)
    assert names(world) == ["Ada", "Cleo"]
    assert names(world, now + timedelta(hours=3)) == ["Ben", "Cleo"]


def test_a_new_rotation_of_the_name_ends_the_old_one_where_it_starts(world: World):
    ada, ben = world.staff("Ada"), world.staff("Ben")
    weekly(world, ada)
    weekly(world, ben, starts=date(2026, 3, 16))
    assert names(world, local(2026, 3, 16, 8, 59)) == ["Ada"]
    assert names(world, local(2026, 3, 16, 9)) == ["Ben"]


def test_somebody_who_left_is_on_call_no_more(world: World):
    ada = world.staff("Ada", on_call=True)
    with world.system.database.write() as session:
        session.get_one(Staff, ada.id).active = False
    assert names(world) == []


def test_gaps_are_known_seven_days_ahead(world: World):
    ada = world.staff("Ada")
    now = world.clock.now()
    with world.system.database.write() as session:
        rota.add_shift(world.system, session, ada, now, now + timedelta(days=2))
        rota.add_shift(world.system, session, ada, now + timedelta(days=3), now + timedelta(days=9))
        (gap,) = on_call.gaps(session, now)
    assert (gap.starts_at, gap.ends_at) == (now + timedelta(days=2), now + timedelta(days=3))
    assert gap.people == ()


def test_a_person_nobody_can_reach_is_a_gap(world: World):
    world.staff("Ada", on_call=True)
    with world.system.database.write() as session:
        for contact in session.query(StaffContact):
            contact.verified_at = None
        (gap,) = on_call.gaps(session, world.clock.now())
        assert gap.people == ("Ada",)
        assert not on_call.ever(session, world.clock.now())


@pytest.mark.parametrize(
    ("until", "instead"), [(timedelta(0), False), (None, True), (timedelta(hours=1), True)]
)
def test_a_shift_that_makes_no_sense_is_refused(
    world: World, until: timedelta | None, instead: bool
):
    ada = world.staff("Ada")
    now = world.clock.now()
    with pytest.raises(NotPossibleError), world.system.database.write() as session:
        rota.add_shift(
            world.system,
            session,
            ada,
            now,
            None if until is None else now + until,
            instead_of=ada if instead else None,
        )


# -- the command line ---------------------------------------------------------------------------


@pytest.fixture
def afterglow(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared, "open_system", lambda: world.system)

    def run(*words: str):
        return CliRunner().invoke(cli.app, list(words), env={"COLUMNS": "200"})

    return run


def test_the_command_shows_the_coming_week_and_fails_on_a_gap(world: World, afterglow):
    world.staff("Ada")
    shown = afterglow("on-call")
    assert shown.exit_code == 1
    assert "GAP" in shown.output
    done = afterglow("on-call", "rotation", "nurses", "ada@harbor.test", "--starts", "2026-03-02")
    assert done.exit_code == 0, done.output
    assert "No gap" in done.output
    shown = afterglow("on-call")
    assert shown.exit_code == 0
    assert "Ada" in shown.output


def test_the_command_puts_people_on_and_off(world: World, afterglow):
    world.staff("Ada")
    world.staff("Ben", on_call=True)
    afterglow("on-call", "shift", "ada@harbor.test", "--until", "2026-03-12T09:00-04:00")
    assert names(world) == ["Ada", "Ben"]
    assert "1 shifts ended" in afterglow("on-call", "end", "ben@harbor.test").output
    assert names(world) == ["Ada"]
    wrong = afterglow("on-call", "rotation", "x", "ada@harbor.test", "--starts", "monday")
    assert wrong.exit_code == 2
    assert "2026-11-23" in wrong.output


def test_the_start_is_refused_when_no_alert_could_reach_anybody(world: World, capsys):
    from typer import Exit

    from clinic.cli import running

    with pytest.raises(Exit):
        running._check_on_call(world.system)
    assert "afterglow on-call shift" in capsys.readouterr().err
    world.staff("Ada", on_call=True)
    running._check_on_call(world.system)
    with world.system.database.write() as session:
        session.query(OnCallShift).one().starts_at = NOW + timedelta(days=1)
    running._check_on_call(world.system)
    assert "WARNING: 1 gaps" in capsys.readouterr().out, "a gap is said, and nothing more"


# -- the console ----------------------------------------------------------------------------------


def test_the_console_shows_the_week_and_its_gaps(world: World):
    ada = world.staff("Ada")
    browser = Browser(world).sign_in(ada)
    page = shown(browser.get("/console/on-call").text)
    assert "1 gap" in page
    assert "Nobody" in page
    weekly(world, ada)
    page = shown(browser.get("/console/on-call").text)
    assert "Somebody who can be reached is on call at every moment" in page


def test_a_colleague_stands_in_by_the_clinics_clock(world: World):
    ada, ben = world.staff("Ada"), world.staff("Ben")
    weekly(world, ada)
    browser = Browser(world).sign_in(ben)
    browser.get("/console/on-call")
    fields = {"instead_of": ada.id, "start": "2026-03-11T09:00", "until": "2026-03-11T17:00"}
    assert browser.post("/console/on-call/stand-in", fields).status_code == 303
    assert names(world, local(2026, 3, 11, 8, 59)) == ["Ada"]
    assert names(world, local(2026, 3, 11, 9)) == ["Ben"]
    assert names(world, local(2026, 3, 11, 17)) == ["Ada"]
    browser.get("/console/on-call")
    again = browser.post("/console/on-call/stand-in", fields | {"until": "2026-03-11T09:00"})
    assert again.status_code == 422


def test_who_is_no_clinician_cannot_stand_in(world: World):
    """Being on call is a reason to read patients."""
    ada, vera = world.staff("Ada"), world.staff("Vera", "admin")
    weekly(world, ada)
    browser = Browser(world).sign_in(vera)
    browser.get("/console/on-call")
    fields = {"instead_of": ada.id, "start": "2026-03-11T09:00", "until": "2026-03-11T17:00"}
    assert browser.post("/console/on-call/stand-in", fields).status_code == 422
    assert names(world, local(2026, 3, 11, 10)) == ["Ada"]


# -- opening hours ------------------------------------------------------------------------------


def opening(line: str, closed_on: str = "") -> hours.Hours:
    return hours.check("America/New_York", {"opening": line, "closed_on": closed_on})


def test_opening_hours_are_the_clinics_own_zones():
    week = opening("mon-fri 09:00-17:00, sat 10:00-12:00", "2026-03-10")
    assert week.are_open(local(2026, 3, 11, 9))
    assert not week.are_open(local(2026, 3, 11, 17))
    assert week.are_open(local(2026, 3, 14, 11))
    assert not week.are_open(local(2026, 3, 10, 11)), "a holiday"
    assert week.next_opening(local(2026, 3, 9, 18)) == local(2026, 3, 11, 9)
    assert week.next_opening(local(2026, 3, 7, 13)) == local(2026, 3, 9, 9)


@pytest.mark.parametrize(
    "line", ["9 to 5", "mon-fri 9-17", "fri-mon 09:00-17:00", "mon 17:00-09:00"]
)
def test_hours_that_cannot_be_read_are_named(line: str):
    with pytest.raises(hours.HoursError, match="opening"):
        opening(line)


def test_the_clinics_hours_are_set_by_command(world: World, afterglow):
    assert afterglow("clinic", "set", "opening", "mon-sun 08:00-20:00").exit_code == 0
    with pytest.raises(NotPossibleError), world.system.database.write() as session:
        from clinic import people

        people.change_setting(world.system, session, "opening", "always")
