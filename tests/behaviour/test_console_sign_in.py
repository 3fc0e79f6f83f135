"""Staff sign-in: two steps, one message for every refusal, and sessions that end by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from httpx import Response

from clinic.console.sign_in import access, proofs, setting_up
from clinic.records.models import Staff, StaffSession
from tests.builders import World
from tests.desk import Browser, audit, shown

EMAIL = "ames@harbor.test"
PASSWORD = "four ordinary words here"
REFUSAL = "That did not match."


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(proofs, "hasher", lambda: cheap)
    proofs._nobody.cache_clear()


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    yield Browser(world)


def new_staff(world: World) -> str:
    with world.system.database.write() as session:
        return setting_up.create_staff(
            world.system, session, "Dr. Ames", "Therapist", "Ames@Harbor.test", ["therapist"]
        )


def give_password(browser: Browser, password: str, email: str = EMAIL) -> Response:
    browser.get("/console/sign-in")
    return browser.post("/console/sign-in", {"email": email, "password": password})


def enrolled(world: World, browser: Browser) -> str:
    """A person who went through the first sign-in and out again; their code generator's key."""
    give_password(browser, new_staff(world))
    browser.get("/console/sign-in/enrol")
    key = key_on_page(browser)
    done = browser.post("/console/sign-in/enrol", {"code": code(world, key), "password": PASSWORD})
    assert "Your recovery codes" in done.text
    browser.get("/console")
    browser.post("/console/sign-out")
    world.clock.advance(timedelta(minutes=1))
    return key


def key_on_page(browser: Browser) -> str:
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.last)
    assert found is not None
    return found.group(1).replace(" ", "")


def code(world: World, key: str) -> str:
    return pyotp.TOTP(key).at(world.clock.now())


def give_code(browser: Browser, value: str) -> Response:
    browser.get("/console/sign-in/code")
    return browser.post("/console/sign-in/code", {"code": value})


def person(world: World) -> Staff:
    with world.system.database.read() as session:
        return session.query(Staff).one()


def signed_in(browser: Browser) -> bool:
    return browser.get("/console").status_code == 200


def test_without_a_session_every_page_leads_to_sign_in(browser: Browser) -> None:
    response = browser.get("/console/patients")
    assert response.status_code == 303
    assert response.headers["location"] == "/console/sign-in?next=/console/patients"


def test_first_sign_in_shows_a_key_and_ends_with_a_password_of_ones_own(
    world: World, browser: Browser
) -> None:
    first = new_staff(world)
    response = give_password(browser, first)
    assert response.headers["location"] == "/console/sign-in/enrol?next=/console"
    page = browser.get("/console/sign-in/enrol").text
    assert 'src="data:image/svg+xml;base64,' in page
    key = key_on_page(browser)
    browser.post("/console/sign-in/enrol", {"code": code(world, key), "password": PASSWORD})
    assert signed_in(browser)
    assert len(audit(world, "sign_in.enrolled")) == 1
    # The first password is spent.
    assert give_password(Browser(world), first).status_code == 422
    assert give_password(Browser(world), PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"code": "000000", "password": PASSWORD}, "That code does not match."),
        ({"password": "short"}, "Choose a password of 15 characters or more."),
        ({"code": "", "password": ""}, "That code does not match."),
    ],
)
def test_enrolment_says_what_is_missing_and_changes_nothing(
    world: World, browser: Browser, given: dict[str, str], says: str
) -> None:
    give_password(browser, new_staff(world))
    browser.get("/console/sign-in/enrol")
    good = {"code": code(world, key_on_page(browser)), "password": PASSWORD}
    response = browser.post("/console/sign-in/enrol", good | given)
    assert response.status_code == 422
    assert says in shown(response.text)
    assert person(world).totp_step is None
    assert not signed_in(browser)


def test_the_first_password_cannot_stay(world: World, browser: Browser) -> None:
    first = new_staff(world)
    give_password(browser, first)
    browser.get("/console/sign-in/enrol")
    given = {"code": code(world, key_on_page(browser)), "password": first}
    assert "another password" in browser.post("/console/sign-in/enrol", given).text
    assert person(world).totp_step is None


def test_the_secret_of_the_code_generator_is_stored_sealed(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    sealed = person(world).totp_sealed
    assert sealed is not None
    assert key.encode() not in sealed


def test_password_then_code_signs_in(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    response = give_password(browser, PASSWORD)
    assert response.headers["location"] == "/console/sign-in/code?next=/console"
    assert not signed_in(browser)
    assert give_code(browser, code(world, key)).headers["location"] == "/console"
    assert signed_in(browser)
    assert len(audit(world, "sign_in.done")) == 1


def test_a_code_works_once(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    used = code(world, key)
    give_password(browser, PASSWORD)
    give_code(browser, used)
    again = Browser(world)
    give_password(again, PASSWORD)
    assert give_code(again, used).status_code == 422
    assert not signed_in(again)


@pytest.mark.parametrize(("seconds", "works"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_code_may_be_one_step_early_or_late(
    world: World, browser: Browser, seconds: int, works: bool
) -> None:
    key = enrolled(world, browser)
    world.clock.advance(timedelta(minutes=5))
    give_password(browser, PASSWORD)
    offered = pyotp.TOTP(key).at(world.clock.now() + timedelta(seconds=seconds))
    assert (give_code(browser, offered).status_code == 303) is works


def test_every_refusal_looks_the_same(world: World, browser: Browser) -> None:
    enrolled(world, browser)
    pages = [
        give_password(browser, "wrong", EMAIL).text,
        give_password(browser, "wrong", "nobody@harbor.test").text,
    ]
    with world.system.database.write() as session:
        session.get_one(Staff, person(world).id).active = False
    pages.append(give_password(browser, PASSWORD, EMAIL).text)
    neutral = {page.replace(EMAIL, "X").replace("nobody@harbor.test", "X") for page in pages}
    assert len(neutral) == 1
    assert REFUSAL in neutral.pop()


def test_every_refusal_does_the_same_work(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(world, browser)
    checked: list[str | None] = []
    real = proofs.matches

    def counting(stored: str | None, password: str) -> bool:
        checked.append(stored)
        return real(stored, password)

    monkeypatch.setattr(proofs, "matches", counting)
    for email in (EMAIL, "nobody@harbor.test"):
        give_password(browser, "wrong", email)
    assert len(checked) == 2
    # For nobody there is a hash to check against all the same, and it never fits.
    assert not real(None, "anything")


def test_an_audit_row_of_a_refusal_names_no_address(world: World, browser: Browser) -> None:
    enrolled(world, browser)
    give_password(browser, "wrong")
    give_password(browser, "wrong", "nobody@harbor.test")
    rows = audit(world, "sign_in.failed")
    assert [row.detail["reason"] for row in rows] == ["password", "unknown"]
    assert {row.actor for row in rows} == {"anonymous"}
    assert not any("@" in f"{row.subject}{row.detail}" for row in rows)


def test_a_session_ends_after_fifteen_idle_minutes(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    for _ in range(3):
        world.clock.advance(access.IDLE - timedelta(seconds=1))
        assert signed_in(browser)
    world.clock.advance(access.IDLE)
    assert not signed_in(browser)


def test_a_page_that_refreshes_itself_is_not_a_person(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    for _ in range(3):
        world.clock.advance(timedelta(minutes=5))
        fresh = browser.get("/console/queue", {"HX-Request": "true"})
    assert fresh.status_code == 401
    assert fresh.text == ""


def test_typing_a_long_note_is_not_idle(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    browser.get("/console")
    page = browser.last
    for _ in range(3):
        world.clock.advance(timedelta(minutes=14))
        browser.last = page
        assert browser.post("/console/here", headers={"HX-Request": "true"}).status_code == 204
    assert signed_in(browser)


def test_a_session_ends_after_twelve_hours_whatever_happens(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    for _ in range(71):
        world.clock.advance(timedelta(minutes=10))
        assert signed_in(browser)
    world.clock.advance(timedelta(minutes=10))
    assert not signed_in(browser)


def test_signing_out_kills_the_session_on_the_server(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    stolen = browser.token
    browser.get("/console")
    assert browser.post("/console/sign-out").status_code == 303
    assert access.find(world.system, stolen) is None
    assert len(audit(world, "sign_out")) == 1


def test_somebody_who_leaves_is_out_at_once(world: World, browser: Browser) -> None:
    staff = world.staff("Ames")
    browser.sign_in(staff)
    with world.system.database.write() as session:
        session.get_one(Staff, staff.id).active = False
    assert not signed_in(browser)


def test_each_step_up_has_a_new_token(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    give_password(browser, PASSWORD)
    half = browser.token
    give_code(browser, code(world, key))
    assert browser.token != half
    assert access.find(world.system, half, half=True) is None


def test_only_a_hash_of_the_token_is_stored(world: World, browser: Browser) -> None:
    browser.sign_in(world.staff("Ames"))
    with world.system.database.read() as session:
        stored = [row.token_hash for row in session.query(StaffSession)]
    assert browser.token not in stored
    assert len(browser.token) >= 43


@pytest.mark.parametrize(("url", "secure"), [("http://h.test", False), ("https://h.test", True)])
def test_the_cookie_is_for_the_desk_only(
    tmp_path_factory: pytest.TempPathFactory, url: str, secure: bool
) -> None:
    world = World.make(tmp_path_factory.mktemp("clinic"), public_url=url)
    cookie = give_password(Browser(world), new_staff(world)).headers["set-cookie"]
    world.system.database.close()
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie
    assert ("Secure" in cookie) is secure


def test_a_reset_ends_sessions_and_starts_over(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    give_password(browser, PASSWORD)
    give_code(browser, code(world, key))
    with world.system.database.write() as session:
        fresh = setting_up.reset_sign_in(world.system, session, EMAIL)
    assert not signed_in(browser)
    assert give_password(browser, PASSWORD).status_code == 422
    assert "/enrol" in give_password(browser, fresh).headers["location"]


@pytest.mark.parametrize(
    ("name", "email", "roles"),
    [
        ("", "a@harbor.test", ["therapist"]),
        ("Ames", "no address", ["therapist"]),
        ("Ames", "a@harbor.test", []),
        ("Ames", "a@harbor.test", ["wizard"]),
    ],
)
def test_staff_need_a_name_an_address_and_a_known_role(
    world: World, name: str, email: str, roles: list[str]
) -> None:
    with world.system.database.write() as session, pytest.raises(setting_up.AccessError):
        setting_up.create_staff(world.system, session, name, "Therapist", email, roles)


def test_an_address_belongs_to_one_person(world: World) -> None:
    new_staff(world)
    with pytest.raises(setting_up.AccessError):
        new_staff(world)


@pytest.mark.parametrize(
    "next_page",
    ["https://evil.test/", "//evil.test/console", "/chat", "/console\\@evil.test", "javascript:1"],
)
def test_sign_in_leads_to_no_other_site(world: World, browser: Browser, next_page: str) -> None:
    browser.sign_in(world.staff("Ames"))
    response = browser.get("/console/sign-in?next=" + next_page.replace("\\", "%5C"))
    assert response.headers["location"] == "/console"


def test_a_link_from_an_e_mail_keeps_the_session(world: World, browser: Browser) -> None:
    # A strict cookie is held back on the way in from another site; asking again brings it along.
    arrival = browser.get("/console/patients", {"Sec-Fetch-Site": "cross-site"})
    assert arrival.status_code == 200
    assert 'content="0; url=/console/patients"' in arrival.text
    asked_again = browser.get("/console/patients", {"Sec-Fetch-Site": "same-origin"})
    assert asked_again.status_code == 303


def test_the_demo_knows_the_current_code(world: World, browser: Browser) -> None:
    key = enrolled(world, browser)
    assert proofs.current_code(world.system, person(world)) == code(world, key)
    assert proofs.current_code(world.system, world.staff("Other")) is None
