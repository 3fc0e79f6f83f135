"""Signing in with the clinic's own account: it tells who somebody is, and nothing more; what is not
sound lets nobody in; and a provider that is down keeps nobody out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx import Response
from joserfc.jwk import RSAKey
from sqlalchemy import select

from clinic import doctor, invitations
from clinic.clock import ManualClock
from clinic.console.sign_in import accounts, proofs, setting_up
from clinic.openid import KEPT
from clinic.records.models import Staff, StaffAccount
from clinic.settings import SettingsError, load
from tests.behaviour.test_console_sign_in import give_code, give_password, quick_hashes, signed_in
from tests.builders import NOW, World
from tests.desk import Browser, audit, authenticator, shown
from tests.identity import SECRET, Identity, Signing
from tests.providers import Reply

assert quick_hashes
PASSWORD = "four ordinary words here"
ROBIN = {"sub": "u-17", "email": "Robin@Harbor.test", "email_verified": True}


@pytest.fixture
def provider() -> Iterator[Identity]:
    clock = ManualClock(NOW)
    made = Identity(clock)
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path, provider: Identity) -> Iterator[World]:
    made = World.make(tmp_path, openid=provider.settings())
    provider.clock = made.clock
    yield made
    made.system.database.close()


@pytest.fixture
def robin(world: World) -> Staff:
    """Somebody with password and phone."""
    person = world.staff("Robin")
    authenticator(world, person)
    with world.system.database.write() as session:
        row = session.get_one(Staff, person.id)
        row.password_hash = proofs.hasher().hash(PASSWORD)
    return row


def sent(browser: Browser, next: str = "/console") -> str:
    """Where the button sends a browser."""
    answer = browser.get(f"/console/sign-in/account?next={next}")
    assert answer.status_code == 303, shown(answer.text)
    return answer.headers["location"]


def come(world: World, provider: Identity, **claims: Any) -> tuple[Browser, Response]:
    """A browser goes there, somebody signs in, and it comes back."""
    browser = Browser(world)
    return browser, returned(browser, provider.person(sent(browser), **claims))


def returned(browser: Browser, address: str) -> Response:
    parts = urlsplit(address)
    return browser.get(f"{parts.path}?{parts.query}")


def code_now(world: World, person: Staff) -> str:
    with world.system.database.read() as session:
        return proofs.current_code(world.system, session.get_one(Staff, person.id)) or ""


def refusal(world: World) -> str:
    return str(audit(world, "sign_in.failed")[-1].detail["reason"])


def ties(world: World) -> list[StaffAccount]:
    with world.system.database.read() as session:
        return list(session.scalars(select(StaffAccount)))


def test_the_button_is_there_and_the_password_too(world: World) -> None:
    page = shown(Browser(world).get("/console/sign-in").text)
    assert "Sign in with Harbor account" in page
    assert "Password" in page


def test_an_account_stands_in_for_the_password_and_the_code_is_still_asked(
    world: World, provider: Identity, robin: Staff
) -> None:
    browser, answer = come(world, provider, **ROBIN)
    # A page of ours that asks on: a Strict cookie does not come along from another site.
    assert answer.status_code == 200
    assert "url=/console/sign-in/code?next=/console" in answer.text
    assert not signed_in(browser)
    assert give_code(browser, code_now(world, robin)).status_code == 303
    assert signed_in(browser)
    assert [(one.staff_id, one.subject) for one in ties(world)] == [(robin.id, "u-17")]
    assert len(audit(world, "sign_in.account")) == 1


@pytest.mark.parametrize(
    ("said", "asks", "whole"),
    [
        ({"amr": ["pwd", "mfa"]}, "unless", True),
        ({"acr": "https://refeds.org/profile/mfa"}, "unless", True),
        ({"amr": ["pwd"], "acr": "1"}, "unless", False),
        ({"amr": "mfa", "acr": ["phr"]}, "unless", False),
        ({"amr": ["mfa"]}, "always", False),
        ({}, "never", True),
    ],
)
def test_when_the_second_factor_is_asked_is_the_clinics_to_say(
    tmp_path: Path, provider: Identity, said: dict[str, Any], asks: str, whole: bool
) -> None:
    world = World.make(tmp_path, openid=provider.settings(second_factor=asks))
    provider.clock = world.clock
    authenticator(world, world.staff("Robin"))
    browser, _ = come(world, provider, **ROBIN, **said)
    assert signed_in(browser) is whole
    world.system.database.close()


def test_an_account_alone_sets_up_no_phone(world: World, provider: Identity) -> None:
    """Whoever took over an account would be in for good, also after a reset because of that."""
    world.staff("Robin")
    browser, answer = come(world, provider, **ROBIN, amr=["mfa"])
    assert answer.status_code == 403
    assert "Set up your sign-in first" in shown(answer.text)
    assert refusal(world) == "account_no_phone"
    assert browser.get("/console/sign-in/enrol").status_code == 303


def test_from_the_second_time_on_the_providers_mark_counts(
    world: World, provider: Identity, robin: Staff
) -> None:
    come(world, provider, **ROBIN)
    # They married, and the address is another person's now, or not vouched for.
    browser, _ = come(world, provider, sub="u-17", email="new@harbor.test", email_verified=False)
    assert give_code(browser, code_now(world, robin)).status_code == 303
    stranger, answer = come(world, provider, **(ROBIN | {"sub": "u-18"}))
    assert answer.status_code == 403
    assert not signed_in(stranger)
    assert len(ties(world)) == 1


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ({"sub": "x", "email": "nobody@harbor.test", "email_verified": True}, "account_unknown"),
        ({"sub": "x", "email": "robin@harbor.test", "email_verified": False}, "account_no_email"),
        ({"sub": "x", "email": "robin@harbor.test"}, "account_no_email"),
        ({"sub": "x"}, "account_no_email"),
    ],
)
def test_nobody_is_made_and_nobody_is_guessed(
    world: World, provider: Identity, robin: Staff, who: dict[str, Any], why: str
) -> None:
    browser, answer = come(world, provider, **who)
    assert answer.status_code == 403
    assert "Nobody here goes by this account" in shown(answer.text)
    assert refusal(world) == why
    assert not signed_in(browser)
    assert ties(world) == []
    with world.system.database.read() as session:
        assert session.query(Staff).count() == 1


def test_whoever_left_or_has_not_come_yet_stays_out(
    world: World, provider: Identity, robin: Staff
) -> None:
    come(world, provider, **ROBIN)
    ada = world.staff("Ada", "admin")
    with world.system.database.write() as session:
        session.get_one(Staff, robin.id).active = False
        by = session.get_one(Staff, ada.id)
        invitations.invite(world.system, session, by, "Kim", "", "kim@harbor.test", ["on_call"])
    kim = {"sub": "u-9", "email": "kim@harbor.test", "email_verified": True, "amr": ["mfa"]}
    for who in (ROBIN | {"amr": ["mfa"]}, kim):
        browser, answer = come(world, provider, **who)
        assert answer.status_code == 403
        assert refusal(world) == "account_inactive"
        assert not signed_in(browser)


def at(hours: float) -> int:
    return int((NOW + timedelta(hours=hours)).timestamp())


def foreign_key(provider: Identity) -> None:
    """Signed with another key of the same name."""
    kid = provider.signing.key.kid
    provider.signing = Signing(RSAKey.generate_key(2048, {"kid": kid}))


def nothing_signed(provider: Identity) -> None:
    provider.signing = Signing(provider.signing.key, "none")


def shared_secret(provider: Identity) -> None:
    """The public key used as a secret, an old trick."""
    provider.signing = Signing(provider.signing.key, "HS256")


def unknown_key(provider: Identity) -> None:
    provider.signing = Signing(RSAKey.generate_key(2048, auto_kid=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["afterglow", "another-client"]},
        {"azp": "another-client"},
        {"aud": None},
        {"iss": "https://another.test"},
        {"exp": at(-1)},
        {"exp": None},
        {"exp": "never"},
        {"iat": at(2)},
        {"nbf": at(2)},
        {"sub": ""},
        {"sub": None},
        {"sub": 17},
        {"sub": "u" * 300},
        foreign_key,
        nothing_signed,
        shared_secret,
        unknown_key,
    ],
)
def test_a_token_that_is_not_sound_lets_nobody_in(
    world: World,
    provider: Identity,
    robin: Staff,
    wrong: dict[str, Any] | Callable[[Identity], None],
) -> None:
    if callable(wrong):
        wrong(provider)
    else:
        provider.claims = wrong
    browser, answer = come(world, provider, **ROBIN, amr=["mfa"])
    assert answer.status_code == 403
    assert "You are not signed in" in shown(answer.text)
    assert not signed_in(browser)
    assert ties(world) == []
    assert refusal(world).startswith("account_")


def test_the_way_back_works_once_and_in_one_browser(
    world: World, provider: Identity, robin: Staff
) -> None:
    browser = Browser(world)
    back = provider.person(sent(browser), **ROBIN)
    # Somebody else's browser, sent there by a link: it would sign them in as another.
    assert returned(Browser(world), back).status_code == 403
    other = Browser(world)
    sent(other)
    assert returned(other, back).status_code == 403
    assert returned(browser, back).status_code == 200
    assert returned(browser, back).status_code == 403
    assert returned(Browser(world), "/console/sign-in/account/back").status_code == 403


def test_a_code_is_taken_once(world: World, provider: Identity, robin: Staff) -> None:
    """Even with a fresh way back, a code that was used is the provider's to refuse."""
    first = Browser(world)
    back = provider.person(sent(first), **ROBIN)
    returned(first, back)
    second = Browser(world)
    fresh = provider.person(sent(second), **ROBIN)
    used, state = back.split("code=")[1].split("&")[0], fresh.split("state=")[1]
    answer = returned(second, f"/console/sign-in/account/back?code={used}&state={state}")
    assert answer.status_code == 403
    assert refusal(world) == "account_code_refused"


def test_whoever_takes_too_long_starts_again(
    world: World, provider: Identity, robin: Staff
) -> None:
    browser = Browser(world)
    back = provider.person(sent(browser), **ROBIN)
    world.clock.advance(accounts.LIFE)
    assert returned(browser, back).status_code == 403


def test_declined_there_is_said_here(world: World, provider: Identity) -> None:
    browser = Browser(world)
    state = provider.person(sent(browser)).split("state=")[1]
    answer = returned(browser, f"/console/sign-in/account/back?error=access_denied&state={state}")
    assert answer.status_code == 403
    assert "did not let you in" in shown(answer.text)


def test_a_page_of_the_desk_is_kept_in_mind_and_nothing_else(
    world: World, provider: Identity, robin: Staff
) -> None:
    for asked, led in (("/console/team", "/console/team"), ("https://evil.test", "/console")):
        browser = Browser(world)
        back = provider.person(sent(browser, asked), **ROBIN)
        assert f"next={led}&" in f"{returned(browser, back).text}&".replace('">', "&")


def test_a_provider_that_is_down_keeps_nobody_out(
    world: World, provider: Identity, robin: Staff
) -> None:
    browser, waiting = Browser(world), Browser(world)
    back = provider.person(sent(waiting), **ROBIN)
    world.clock.advance(KEPT)
    with world.system.database.write() as session:
        # The clock went on; the visit must not be over as well.
        from clinic.records.models import ProviderVisit

        for visit in session.scalars(select(ProviderVisit)):
            visit.expires_at = world.clock.now() + accounts.LIFE
    provider.close()
    for answer in (browser.get("/console/sign-in/account"), returned(waiting, back)):
        assert answer.status_code == 503
        assert "Your password works as always" in shown(answer.text)
    give_password(browser, PASSWORD, robin.email)
    assert give_code(browser, code_now(world, robin)).status_code == 303
    assert signed_in(browser)


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://another.test"},
        {"token_endpoint": "http://another.test/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_is_not_what_it_should_be_is_not_used(
    world: World, provider: Identity, says: dict[str, Any]
) -> None:
    provider.says = says
    assert Browser(world).get("/console/sign-in/account").status_code == 503


def test_new_keys_are_found_and_asked_for_no_oftener_than_once_a_minute(
    world: World, provider: Identity, robin: Staff
) -> None:
    browser = Browser(world)

    def status() -> int:
        return returned(browser, provider.person(sent(browser), **ROBIN)).status_code

    assert status() == 200
    provider.new_key()
    assert status() == 403
    world.clock.advance(timedelta(minutes=1))
    assert status() == 200
    assert [one.path for one in provider.requests].count("/keys") == 2


def test_a_client_may_have_to_send_its_secret_in_the_form(
    world: World, provider: Identity, robin: Staff
) -> None:
    provider.says = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    _, answer = come(world, provider, **ROBIN)
    assert answer.status_code == 200


def test_a_reset_unties_the_account(world: World, provider: Identity, robin: Staff) -> None:
    come(world, provider, **ROBIN)
    with world.system.database.write() as session:
        setting_up.reset_sign_in(world.system, session, robin.email)
    assert ties(world) == []


def test_where_the_clinic_has_no_accounts_there_is_no_button(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    browser = Browser(world)
    assert "account?next" not in browser.get("/console/sign-in").text
    assert browser.get("/console/sign-in/account").headers["location"] == "/console/sign-in"
    world.system.database.close()


def test_the_doctor_says_whether_it_can_be_used(world: World, provider: Identity) -> None:
    assert doctor._accounts(world.system).mark == "ok"
    provider.act.append(Reply(500))
    found = doctor._accounts(world.system)
    assert found.mark == "note"
    assert "answers 500" in found.says
    provider.says = {"issuer": "https://another.test"}
    assert "calls itself" in doctor._accounts(world.system).says
    assert SECRET not in found.says


@pytest.mark.parametrize(
    "wrong",
    [
        {"AFTERGLOW_OIDC_ISSUER": "http://login.clinic.test"},
        {"AFTERGLOW_OIDC_CLIENT_ID": ""},
        {"AFTERGLOW_OIDC_CLIENT_SECRET": ""},
        {"AFTERGLOW_OIDC_CLIENT_SECRET_FILE": "/nowhere/at/all"},
        {"AFTERGLOW_OIDC_SECOND_FACTOR": "sometimes"},
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    right = {
        "AFTERGLOW_HOME": str(tmp_path),
        "AFTERGLOW_OIDC_ISSUER": "https://login.clinic.test",
        "AFTERGLOW_OIDC_CLIENT_ID": "afterglow",
        "AFTERGLOW_OIDC_CLIENT_SECRET": SECRET,
    }
    with pytest.raises(SettingsError):
        load(right | wrong)
    del right["AFTERGLOW_OIDC_CLIENT_SECRET"]
    kept = load(right | {"AFTERGLOW_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "secret")})
    assert kept.openid.secret == SECRET
