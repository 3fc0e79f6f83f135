"""Security keys: made behind the password, good for signing in and for proving it again, and only
here, once, in time, by whoever they belong to."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from clinic import doctor
from clinic.console.sign_in import keys, proofs, setting_up
from clinic.console.staff import staffing
from clinic.records.models import SecurityKey, Staff
from tests.behaviour.test_console_sign_in import give_code, give_password, quick_hashes, signed_in
from tests.builders import World
from tests.desk import Browser, audit, authenticator, shown
from tests.keys import Key

assert quick_hashes
ORIGIN, PLACE = "http://localhost:8100", "localhost"
PAGE = "/console/second-factor"
PASSWORD = "four ordinary words here"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A clinic at an address that is a name."""
    made = World.make(tmp_path, public_url=ORIGIN)
    yield made
    made.system.database.close()


@pytest.fixture
def robin(world: World) -> Staff:
    """Somebody with password and phone."""
    return with_phone(world, "Robin")


def with_phone(world: World, name: str) -> Staff:
    person = world.staff(name)
    authenticator(world, person)
    with world.system.database.write() as session:
        row = session.get_one(Staff, person.id)
        row.password_hash = proofs.hasher().hash(PASSWORD)
    return row


def asked_for(browser: Browser, password: str = PASSWORD) -> dict[str, Any]:
    """What the page wants a new key to be made for."""
    browser.get(PAGE)
    page = browser.post(f"{PAGE}/keys", {"name": " Blue  one ", "password": password}).text
    found = re.search(r'data-key-make="([^"]*)"', page)
    assert found is not None, shown(page)
    asked: dict[str, Any] = json.loads(html.unescape(found[1]))
    return asked


def add(browser: Browser, made: str) -> Response:
    return browser.post(f"{PAGE}/keys/made", {"name": " Blue  one ", "made": made})


def key_of(world: World, person: Staff, **changes: Any) -> Key:
    """A key they have added, at a sign-in of its own."""
    browser, key = Browser(world).sign_in(person), Key(ORIGIN, PLACE, **changes)
    assert add(browser, key.make(asked_for(browser))).status_code == 303
    return key


def at_the_code(world: World, person: Staff) -> Browser:
    """A browser that has the password and owes the second step."""
    browser = Browser(world)
    assert give_password(browser, PASSWORD, person.email).status_code == 303
    browser.get("/console/sign-in/code")
    return browser


def challenge(browser: Browser) -> dict[str, Any]:
    page = browser.last
    answer = browser.post("/console/sign-in/key")
    assert answer.status_code == 200, answer.text
    # The page stays as it is: a script asked.
    browser.last = page
    asked: dict[str, Any] = answer.json()
    return asked


def give(browser: Browser, signed: str) -> Response:
    return browser.post("/console/sign-in/code", {"signed": signed})


def kept(world: World) -> list[SecurityKey]:
    with world.system.database.read() as session:
        return list(session.scalars(select(SecurityKey)))


def test_a_key_stands_in_for_the_code(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    assert [row.name for row in kept(world)] == ["Blue one"]
    world.clock.advance(timedelta(hours=1))
    browser = at_the_code(world, robin)
    assert "Sign in with your security key" in browser.last
    asked = challenge(browser)
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == PLACE
    assert give(browser, key.sign(asked)).status_code == 303
    assert signed_in(browser)
    [row] = kept(world)
    assert (row.signed, row.used_at) == (1, world.clock.now())
    assert "Blue one" in shown(browser.get(PAGE).text)
    assert [one.action for one in audit(world, "sign_in.by_key")] == ["sign_in.by_key"]
    assert len(audit(world, "sign_in.new_key")) == 1


def test_who_has_no_key_is_offered_none(world: World, robin: Staff) -> None:
    browser = at_the_code(world, robin)
    assert "security key" not in browser.last
    assert browser.post("/console/sign-in/key").status_code == 409


def test_a_key_is_made_behind_the_password_only(world: World, robin: Staff) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get(PAGE)
    refused = browser.post(f"{PAGE}/keys", {"name": "Blue", "password": "not it"})
    assert refused.status_code == 422
    assert "data-key-make" not in refused.text
    # Nothing was asked, so nothing is taken.
    made = Key(ORIGIN, PLACE).make({"challenge": "AAAA"})
    assert add(browser, made).status_code == 422
    assert kept(world) == []


def wrong_origin(key: Key, asked: dict[str, Any]) -> str:
    return replace(key, origin="http://localhost.evil.test:8100").sign(asked)


def other_port(key: Key, asked: dict[str, Any]) -> str:
    return replace(key, origin="http://localhost:8101").sign(asked)


def wrong_place(key: Key, asked: dict[str, Any]) -> str:
    return replace(key, place="evil.test").sign(asked)


def no_pin(key: Key, asked: dict[str, Any]) -> str:
    return replace(key, verifies=False).sign(asked)


def other_challenge(key: Key, asked: dict[str, Any]) -> str:
    return key.sign(asked | {"challenge": "A" * 43})


def other_secret(key: Key, asked: dict[str, Any]) -> str:
    return replace(key, private=Key(ORIGIN, PLACE).private).sign(asked)


def made_instead(key: Key, asked: dict[str, Any]) -> str:
    return key.make(asked)


def altered(key: Key, asked: dict[str, Any]) -> str:
    answer = json.loads(key.sign(asked))
    data = answer["response"]["authenticatorData"]
    answer["response"]["authenticatorData"] = data[:-2] + ("A" if data[-2] != "A" else "B") + "A"
    return json.dumps(answer)


@pytest.mark.parametrize(
    "answer",
    [
        wrong_origin,
        other_port,
        wrong_place,
        no_pin,
        other_challenge,
        other_secret,
        made_instead,
        altered,
    ],
)
def test_what_was_not_signed_here_for_this_opens_nothing(
    world: World, robin: Staff, answer: Callable[[Key, dict[str, Any]], str]
) -> None:
    key = key_of(world, robin)
    browser = at_the_code(world, robin)
    refused = give(browser, answer(key, challenge(browser)))
    assert refused.status_code == 422
    assert "That key did not sign you in" in shown(refused.text)
    assert audit(world, "sign_in.failed")[-1].detail["reason"] == "key"
    assert not signed_in(browser)


@pytest.mark.parametrize(
    "rubbish", ["{}", "[]", "null", "nothing", '{"id": 1}', "[" * 5000, "\ud800", "9" * 5000]
)
def test_rubbish_is_refused_and_not_a_fault(world: World, robin: Staff, rubbish: str) -> None:
    key_of(world, robin)
    browser = at_the_code(world, robin)
    challenge(browser)
    typed = rubbish.encode("utf-8", "replace").decode()
    assert give(browser, typed).status_code == 422
    inside = Browser(world).sign_in(robin)
    asked_for(inside)
    assert add(inside, typed).status_code == 422
    assert len(kept(world)) == 1


def test_an_answer_works_once(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    browser = at_the_code(world, robin)
    signed = key.sign(challenge(browser))
    assert give(browser, signed).status_code == 303
    second = at_the_code(world, robin)
    assert give(second, signed).status_code == 422
    challenge(second)
    assert give(second, signed).status_code == 422


def test_a_wrong_answer_uses_the_challenge_up(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    browser = at_the_code(world, robin)
    asked = challenge(browser)
    give(browser, no_pin(key, asked))
    assert give(browser, key.sign(asked)).status_code == 422


def test_a_challenge_ends(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    browser = at_the_code(world, robin)
    asked = challenge(browser)
    world.clock.advance(keys.LIFE)
    assert give(browser, key.sign(asked)).status_code == 422
    assert give(browser, key.sign(challenge(browser))).status_code == 303


def test_a_challenge_belongs_to_one_sign_in(world: World, robin: Staff) -> None:
    """What a page elsewhere got signed is of no use in another browser."""
    key = key_of(world, robin)
    theirs, stranger = at_the_code(world, robin), at_the_code(world, robin)
    challenge(stranger)
    assert give(stranger, key.sign(challenge(theirs))).status_code == 422


def test_a_key_that_counts_backwards_was_copied(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    copy = replace(key)
    for _ in range(3):
        browser = at_the_code(world, robin)
        assert give(browser, key.sign(challenge(browser))).status_code == 303
    browser = at_the_code(world, robin)
    assert give(browser, copy.sign(challenge(browser))).status_code == 422
    assert [row.signed for row in kept(world)] == [3]


def test_a_key_that_does_not_count_works(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    for _ in range(2):
        browser = at_the_code(world, robin)
        assert give(browser, replace(key, count=-1).sign(challenge(browser))).status_code == 303


def test_a_colleagues_key_is_none_of_mine(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    eve = with_phone(world, "Eve")
    key_of(world, eve)
    browser = at_the_code(world, eve)
    assert give(browser, key.sign(challenge(browser))).status_code == 422
    inside = Browser(world).sign_in(eve)
    assert add(inside, key.make(asked_for(inside))).status_code == 422
    [theirs] = [row for row in kept(world) if row.staff_id == robin.id]
    assert inside.post(f"{PAGE}/keys/{theirs.id}/remove").status_code == 404
    assert len(kept(world)) == 2


def test_a_removed_key_opens_nothing(world: World, robin: Staff) -> None:
    key, spare = key_of(world, robin), key_of(world, robin)
    waiting = at_the_code(world, robin)
    asked = challenge(waiting)
    inside = Browser(world).sign_in(robin)
    inside.get(PAGE)
    [row] = [row for row in kept(world) if row.credential_id == key.id]
    assert inside.post(f"{PAGE}/keys/{row.id}/remove").status_code == 303
    assert give(waiting, key.sign(asked)).status_code == 422
    assert give(waiting, spare.sign(challenge(waiting))).status_code == 303
    assert len(audit(world, "sign_in.key_gone")) == 1


def test_somebody_who_left_is_let_in_no_longer(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    browser = at_the_code(world, robin)
    signed = key.sign(challenge(browser))
    with world.system.database.write() as session:
        person = session.get_one(Staff, robin.id)
        staffing.let_go(world.system, session, person, "system", sure=True)
    assert give(browser, signed).headers["location"] == "/console/sign-in"
    assert not signed_in(browser)


def test_failed_keys_make_the_account_wait(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    for _ in range(5):
        browser = at_the_code(world, robin)
        give(browser, no_pin(key, challenge(browser)))
    assert give_password(Browser(world), PASSWORD, robin.email).status_code == 422
    world.clock.advance(timedelta(minutes=2))
    browser = at_the_code(world, robin)
    assert give(browser, key.sign(challenge(browser))).status_code == 303


def test_a_key_is_a_fresh_proof_too(world: World, robin: Staff) -> None:
    key = key_of(world, robin)
    patient = world.patient(therapist=robin)
    browser = Browser(world).sign_in(robin)
    path = f"/console/patients/{patient.id}/export"
    assert "Use your security key instead" in browser.get(path).text
    signed = key.sign(challenge(browser))
    taken = browser.post(path, {"kind": "fhir", "signed": signed})
    assert taken.headers["content-type"].startswith("application/fhir+json")
    browser.get(path)
    assert browser.post(path, {"kind": "fhir", "signed": signed}).status_code == 422


def test_the_phone_keeps_working(world: World, robin: Staff) -> None:
    key_of(world, robin)
    with world.system.database.read() as session:
        now = proofs.current_code(world.system, session.get_one(Staff, robin.id)) or ""
    browser = at_the_code(world, robin)
    assert give_code(browser, now).status_code == 303


def test_a_reset_takes_the_keys_along(world: World, robin: Staff) -> None:
    key_of(world, robin)
    with world.system.database.write() as session:
        setting_up.reset_sign_in(world.system, session, robin.email)
    assert kept(world) == []


@pytest.mark.parametrize(
    ("address", "works"),
    [
        ("https://desk.clinic.test", True),
        ("http://localhost:8100", True),
        ("http://desk.clinic.test", False),
        ("https://10.0.0.7", False),
        ("http://127.0.0.1:8100", False),
        ("https://[::1]", False),
    ],
)
def test_keys_need_an_address_that_is_a_name(world: World, address: str, works: bool) -> None:
    chosen = replace(world.system, settings=replace(world.system.settings, public_url=address))
    assert keys.possible(chosen.settings) is works
    assert doctor._keys(chosen).mark == ("ok" if works else "note")
