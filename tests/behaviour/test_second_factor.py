"""A lost phone: codes on paper that work once, and another phone in its place."""

from __future__ import annotations

import re

import pyotp
import pytest
from httpx import Response

from clinic.console.sign_in import access, setting_up
from clinic.notify import Channels
from clinic.notify.email import sink
from clinic.outbox.queue import deliver_due
from clinic.records.models import Outbox, RecoveryCode, Staff
from tests.behaviour.test_console_sign_in import (
    PASSWORD,
    code,
    give_code,
    give_password,
    key_on_page,
    new_staff,
    person,
    quick_hashes,
    signed_in,
)
from tests.builders import World
from tests.desk import Browser, audit, shown

assert quick_hashes
PAGE = "/console/second-factor"


def codes_on_page(page: str) -> list[str]:
    return re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", page)


@pytest.fixture
def ames(world: World) -> tuple[str, list[str]]:
    """Somebody enrolled: their phone's key and their ten codes."""
    browser = Browser(world)
    give_password(browser, new_staff(world))
    browser.get("/console/sign-in/enrol")
    key = key_on_page(browser)
    given = {"code": code(world, key), "password": PASSWORD}
    done = browser.post("/console/sign-in/enrol", given)
    assert signed_in(browser)
    return key, codes_on_page(done.text)


def give_paper(browser: Browser, typed: str) -> Response:
    give_password(browser, PASSWORD)
    browser.get("/console/sign-in/code")
    return browser.post("/console/sign-in/code", {"paper": typed})


def inside(world: World, paper: str) -> Browser:
    browser = Browser(world)
    assert give_paper(browser, paper).status_code == 303
    browser.get(PAGE)
    return browser


def test_ten_codes_are_shown_once_and_only_their_hashes_kept(
    world: World, ames: tuple[str, list[str]]
) -> None:
    _, codes = ames
    assert len(set(codes)) == 10
    with world.system.database.read() as session:
        kept = [row.code_hash for row in session.query(RecoveryCode)]
    assert len(kept) == 10
    assert not set(kept) & {one.replace("-", "") for one in codes}
    browser = inside(world, codes[0])
    assert "9 of 10 left" in shown(browser.last)
    assert not codes_on_page(browser.last)


def test_a_code_signs_in_once_however_it_is_typed(
    world: World, ames: tuple[str, list[str]]
) -> None:
    _, codes = ames
    assert give_paper(Browser(world), f" {codes[3].upper().replace('-', ' ')} ").status_code == 303
    assert len(audit(world, "sign_in.recovered")) == 1
    second = Browser(world)
    answer = give_paper(second, codes[3])
    assert answer.status_code == 422
    assert "none of your recovery codes" in shown(answer.text)
    assert not signed_in(second)
    assert audit(world, "sign_in.failed")[-1].detail["reason"] == "recovery"


def test_a_colleagues_code_is_none_of_mine(world: World, ames: tuple[str, list[str]]) -> None:
    other = world.staff("Robin")
    with world.system.database.write() as session:
        from clinic.console.sign_in import recovery

        theirs = recovery.renew(world.system, session, other.id)
    assert give_paper(Browser(world), theirs[0]).status_code == 422


def test_its_use_is_told_by_mail(world: World, ames: tuple[str, list[str]]) -> None:
    with world.system.database.write() as session:
        from clinic import people

        staff = session.get_one(Staff, person(world).id)
        people.add_contact(world.system, session, staff, "email", staff.email)
    server = sink.start(world.system.settings.home / "mail")
    try:
        give_paper(Browser(world), ames[1][0])
        deliver_due(world.system, Channels(world.system), "test")
    finally:
        server.stop()
    [mail] = [path.read_text() for path in (world.system.settings.home / "mail").glob("*.eml")]
    assert "a recovery code was used to sign in as you" in mail
    assert "9 of them are left" in mail.replace("=\n", "")
    with world.system.database.read() as session:
        assert [row.state for row in session.query(Outbox)] == ["sent"]


def test_a_new_set_replaces_the_old(world: World, ames: tuple[str, list[str]]) -> None:
    browser = inside(world, ames[1][0])
    wrong = browser.post(f"{PAGE}/codes", {"password": "not it"})
    assert wrong.status_code == 422
    assert not codes_on_page(wrong.text)
    fresh = codes_on_page(browser.post(f"{PAGE}/codes", {"password": PASSWORD}).text)
    assert len(fresh) == 10
    assert give_paper(Browser(world), ames[1][1]).status_code == 422
    assert give_paper(Browser(world), fresh[0]).status_code == 303
    assert len(audit(world, "recovery.renew")) == 2


def test_another_phone_takes_the_place_of_the_lost_one(
    world: World, ames: tuple[str, list[str]]
) -> None:
    old, codes = ames
    elsewhere = Browser(world).sign_in(person(world))
    browser = inside(world, codes[0])
    page = browser.post(f"{PAGE}/phone", {"password": PASSWORD})
    new = key_on_page(browser)
    assert 'src="data:image/svg+xml;base64,' in page.text
    # Until it is confirmed the old one works, and the new one does not.
    refused = browser.post(f"{PAGE}/phone/code", {"code": pyotp.TOTP(old).at(0)})
    assert "not the new phone" in shown(refused.text)
    assert browser.post(f"{PAGE}/phone/code", {"code": code(world, new)}).status_code == 303
    assert signed_in(browser)
    assert not signed_in(elsewhere)
    world.clock.advance(access.HALF)
    for key, works in ((old, False), (new, True)):
        third = Browser(world)
        give_password(third, PASSWORD)
        assert (give_code(third, code(world, key)).status_code == 303) is works
    assert len(audit(world, "sign_in.new_phone")) == 1


def test_nobody_sets_up_a_phone_on_a_screen_left_open(
    world: World, ames: tuple[str, list[str]]
) -> None:
    browser = inside(world, ames[1][0])
    for _ in range(6):
        browser.post(f"{PAGE}/phone", {"password": "guess"})
    assert browser.post(f"{PAGE}/phone", {"password": PASSWORD}).status_code == 422
    assert person(world).totp_next_sealed is None


def test_a_reset_takes_the_codes_along(world: World, ames: tuple[str, list[str]]) -> None:
    with world.system.database.write() as session:
        setting_up.reset_sign_in(world.system, session, person(world).email)
        assert session.query(RecoveryCode).count() == 0
