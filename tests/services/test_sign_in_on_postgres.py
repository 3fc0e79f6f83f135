"""Security keys and the clinic's own accounts on PostgreSQL: the behaviour tests again, and what
only happens there, two answers at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.records.models import Staff
from tests.behaviour import test_clinic_accounts as accounts
from tests.behaviour import test_security_keys as keys
from tests.behaviour.test_clinic_accounts import (  # noqa: F401
    provider,
    robin,
    test_a_code_is_taken_once,
    test_an_account_stands_in_for_the_password_and_the_code_is_still_asked,
    test_from_the_second_time_on_the_providers_mark_counts,
    test_the_way_back_works_once_and_in_one_browser,
    test_whoever_left_or_has_not_come_yet_stays_out,
    test_whoever_takes_too_long_starts_again,
)
from tests.behaviour.test_console_sign_in import quick_hashes, signed_in
from tests.behaviour.test_security_keys import (  # noqa: F401
    test_a_challenge_ends,
    test_a_colleagues_key_is_none_of_mine,
    test_a_key_is_a_fresh_proof_too,
    test_a_key_stands_in_for_the_code,
    test_a_key_that_counts_backwards_was_copied,
    test_a_removed_key_opens_nothing,
    test_an_answer_works_once,
    test_failed_keys_make_the_account_wait,
)
from tests.builders import World
from tests.desk import Browser
from tests.identity import Identity
from tests.keys import Key
from tests.services.test_staff_on_postgres import at_once

assert quick_hashes
pytestmark = pytest.mark.services


@pytest.fixture
def world(tmp_path: Path, database_url: str, provider: Identity) -> Iterator[World]:  # noqa: F811
    chosen = provider.settings()
    made = World.make(tmp_path, database_url=database_url, public_url=keys.ORIGIN, openid=chosen)
    provider.clock = made.clock
    yield made
    made.system.database.close()


def test_one_answer_sent_twice_at_once_opens_one_session(world: World, robin: Staff) -> None:  # noqa: F811
    key = keys.key_of(world, robin)
    browser = keys.at_the_code(world, robin)
    signed, page = key.sign(keys.challenge(browser)), browser.last
    twin = Browser(world)
    twin._client.cookies.update(browser._client.cookies)
    twin.last = page
    came = at_once(lambda: keys.give(browser, signed), lambda: keys.give(twin, signed))
    assert sorted(signed_in(one) for one in (browser, twin)) == [False, True]
    assert all(getattr(one, "status_code", 500) < 500 for one in came)


def test_one_key_made_twice_at_once_is_one_key(world: World, robin: Staff) -> None:  # noqa: F811
    browser = Browser(world).sign_in(robin)
    made = Key(keys.ORIGIN, keys.PLACE).make(keys.asked_for(browser))
    came = at_once(*[lambda: keys.add(browser, made)] * 2)
    assert sorted(getattr(one, "status_code", 500) for one in came) == [303, 422]
    assert len(keys.kept(world)) == 1


def test_a_first_visit_twice_at_once_ties_one_account(
    world: World,
    provider: Identity,  # noqa: F811
    robin: Staff,  # noqa: F811
) -> None:
    both = [Browser(world), Browser(world)]
    ways = [provider.person(accounts.sent(one), **accounts.ROBIN) for one in both]
    came = at_once(
        lambda: accounts.returned(both[0], ways[0]), lambda: accounts.returned(both[1], ways[1])
    )
    assert [getattr(one, "status_code", 500) for one in came] == [200, 200]
    assert len(accounts.ties(world)) == 1
