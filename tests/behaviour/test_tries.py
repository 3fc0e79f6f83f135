"""Sign-in tried too often: it waits, longer each time, by account and by network address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic.console.sign_in import access, setting_up, tries
from clinic.records.models import Clinic, SignInTries
from clinic.system import assemble
from tests.behaviour.test_console_sign_in import (
    EMAIL,
    PASSWORD,
    code,
    enrolled,
    give_code,
    give_password,
    quick_hashes,
    shown,
)
from tests.builders import World
from tests.desk import Browser, audit

assert quick_hashes
MINUTE = timedelta(minutes=1)


def fail(browser: Browser, times: int, email: str = EMAIL) -> None:
    for _ in range(times):
        assert give_password(browser, "wrong", email).status_code == 422


def taken(world: World) -> bool:
    return give_password(Browser(world), PASSWORD).status_code == 303


def begin(world: World, email: str, password: str, address: str) -> bool:
    return access.begin(world.system, email, password, address) is not None


def test_five_failures_cost_a_minute_and_each_more_twice_as_long(world: World) -> None:
    enrolled(world, Browser(world))
    browser = Browser(world)
    fail(browser, 5)
    for minutes in (1, 2, 4, 8, 15, 15):
        assert not taken(world)
        world.clock.advance(minutes * MINUTE - timedelta(seconds=1))
        assert not taken(world)
        world.clock.advance(timedelta(seconds=1))
        assert taken(world)
        fail(browser, 1)


def test_what_is_tried_during_a_wait_does_not_make_it_longer(world: World) -> None:
    enrolled(world, Browser(world))
    fail(Browser(world), 5)
    for _ in range(29):
        world.clock.advance(timedelta(seconds=2))
        fail(Browser(world), 1)
    world.clock.advance(timedelta(seconds=2))
    assert taken(world)


def test_a_restart_forgets_nothing(world: World) -> None:
    enrolled(world, Browser(world))
    fail(Browser(world), 5)
    again = assemble(world.system.settings, world.clock)
    assert access.begin(again, EMAIL, PASSWORD) is None
    again.database.close()


def test_a_day_without_a_failure_forgets(world: World) -> None:
    enrolled(world, Browser(world))
    fail(Browser(world), 4)
    world.clock.advance(tries.FORGET + MINUTE)
    fail(Browser(world), 4)
    assert taken(world)


def test_an_account_that_does_not_exist_waits_like_one_that_does(world: World) -> None:
    enrolled(world, Browser(world))
    browser = Browser(world)
    pages = []
    for email in (EMAIL, "nobody@harbor.test"):
        fail(browser, 6, email)
        pages.append(browser.last.replace(email, "X"))
    assert pages[0] == pages[1]
    reasons = [
        (row.detail["reason"], row.detail.get("wait")) for row in audit(world, "sign_in.failed")
    ]
    assert reasons[4:6] == [("password", 60), ("waits", None)]
    assert reasons[10:12] == [("unknown", 60), ("waits", None)]


def test_wrong_codes_count_too_and_end_the_half_sign_in(world: World) -> None:
    browser = Browser(world)
    key = enrolled(world, browser)
    give_password(browser, PASSWORD)
    for _ in range(5):
        give_code(browser, "000000")
    assert give_code(browser, code(world, key)).headers["location"] == "/console/sign-in"
    assert not taken(world)


def test_a_right_password_alone_does_not_clear_the_count(world: World) -> None:
    browser = Browser(world)
    key = enrolled(world, browser)
    for _ in range(4):
        give_password(browser, PASSWORD)
        give_code(browser, "000000")
    give_password(browser, PASSWORD)
    assert give_code(browser, "000000").status_code == 422
    assert not taken(world)
    world.clock.advance(MINUTE)
    give_password(browser, PASSWORD)
    assert give_code(browser, code(world, key)).status_code == 303
    with world.system.database.read() as session:
        assert session.query(SignInTries).count() == 0


def test_one_address_that_tries_many_accounts_waits_for_all_of_them(world: World) -> None:
    enrolled(world, Browser(world))
    for number in range(20):
        assert not begin(world, f"guess{number}@harbor.test", "wrong", "203.0.113.7")
    assert not begin(world, EMAIL, PASSWORD, "203.0.113.7")
    assert begin(world, EMAIL, PASSWORD, "203.0.113.8")
    world.clock.advance(MINUTE)
    assert begin(world, EMAIL, PASSWORD, "203.0.113.7")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        # A proxy we were not told of stands for everybody.
        ("127.0.0.1", "127.0.0.1", False),
    ],
)
def test_what_counts_as_one_address(world: World, first: str, second: str, same: bool) -> None:
    for number in range(20):
        begin(world, f"guess{number}@harbor.test", "wrong", first)
    with world.system.database.read() as session:
        assert tries.waiting(world.system, session, EMAIL, second) is same


def test_no_address_and_no_account_is_stored_in_clear(world: World) -> None:
    begin(world, EMAIL, "wrong", "203.0.113.7")
    with world.system.database.read() as session:
        assert all(len(row.key) == 64 for row in session.query(SignInTries))


def test_whoever_is_locked_out_on_call_reads_what_to_do(world: World) -> None:
    with world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | {"staff_help": "Call Noor: +1 555 0199."}
    browser = Browser(world)
    fail(browser, 6)
    page = shown(browser.last)
    assert "goes on to your colleagues by itself" in page
    assert "Call Noor: +1 555 0199." in page
    assert "+1 555 0100" in page


def test_a_reset_ends_the_wait(world: World) -> None:
    enrolled(world, Browser(world))
    fail(Browser(world), 6)
    with world.system.database.write() as session:
        fresh = setting_up.reset_sign_in(world.system, session, EMAIL)
    assert give_password(Browser(world), fresh).status_code == 303
