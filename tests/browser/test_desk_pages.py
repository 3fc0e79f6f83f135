"""The desk's own pages in three sizes and both themes, by keys alone, and when a reason ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from clinic import clinic_settings, glass, infusions, invitations, people
from clinic.console.desk import COOKIE, HOME
from clinic.console.sign_in import access, proofs, recovery
from clinic.records.models import Patient, Staff
from tests.behaviour.test_caseload import score
from tests.browser.pictures import keep_picture
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers
from tests.desk import Browser, alert, authenticator, message, record

pytestmark = pytest.mark.browser

NOTE = (
    "Sleeps badly since Tuesday, and the ride home is her sister's car now. Ask about both first. "
    "She would rather be called than written to, after four."
)
#: Phone, tablet, laptop.
WIDTHS = (360, 820, 1440)


def opened_by(house: House, staff: Staff) -> None:
    with house.world.system.database.write() as session:
        glass.open_for(
            house.world.system,
            session,
            staff,
            house.sam,
            "danger",
            "His brother called and fears for him tonight. " * 4,
        )


def look_at(page: Page, house: House, path: str, name: str) -> None:
    """Open a page, and keep what it looks like in each size and theme; nothing bars anybody."""
    page.goto(f"{house.url}{path}")
    stand(page, name)


def stand(page: Page, name: str) -> None:
    """What is shown now, in each size and theme."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 860})
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} scrolls sideways at {width}"
        keep_picture(page, f"desk-{name}-{width}")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            expect_no_barriers(page)


def glass_form(house: House) -> tuple[Staff, str]:
    return house.robin, f"{HOME}/glass"


def glass_page(house: House) -> tuple[Staff, str]:
    charlie = house.world.staff("Charlie")
    message(house.world, house.sam, "It was like floating.")
    opened_by(house, charlie)
    return charlie, f"{HOME}/patients/{house.sam.id}"


def glass_openings(house: House) -> tuple[Staff, str]:
    opened_by(house, house.world.staff("Charlie"))
    return house.world.staff("Ada", "admin"), f"{HOME}/glass/openings"


def caseload(house: House) -> tuple[Staff, str]:
    """Every kind of row at once, and a name as long as they come."""
    world, robin = house.world, house.robin
    message(world, house.sam, "It was like floating.")
    long = world.patient("Maximiliana Konstantinopolous-Featherstonehaugh", robin)
    for value in (8, 14):
        score(world, long, "phq9", value)
        world.clock.advance(timedelta(seconds=1))
    alert(world, long, "emergency")
    record(world, long, "clinic_task", "task", {"task": "forms", "urgency": "routine"})
    soon, quiet = world.patient("Ben B", robin), world.patient("Cat C", robin)
    with world.system.database.write() as session:
        start = world.clock.now() + timedelta(days=1)
        infusions.plan(world.system, session, session.get_one(Patient, soon.id), start)
        session.get_one(Patient, quiet.id).created_at -= timedelta(days=12)
    world.patient("Ann A", robin)
    return robin, f"{HOME}/patients"


def given(house: House) -> tuple[Staff, str]:
    """To a colleague, with a note; the patient has a low mood and is abroad."""
    world, lee = house.world, house.world.staff("Lee")
    message(world, house.sam, "It was like floating.")
    for value in (7, 6, 8, 7, 3):
        score(world, house.sam, "mood", value)
        world.clock.advance(timedelta(seconds=1))
    with world.system.database.write() as session:
        sam = session.get_one(Patient, house.sam.id)
        sam.country = "ZZ"
    robin = Browser(world).sign_in(house.robin)
    robin.get(f"{HOME}/patients/{house.sam.id}")
    robin.post(f"{HOME}/patients/{house.sam.id}/hand-over", {"to": lee.id, "note": NOTE})
    return lee, f"{HOME}/patients/{house.sam.id}"


def given_list(house: House) -> tuple[Staff, str]:
    return given(house)[0], f"{HOME}/patients"


def caseload_empty(house: House) -> tuple[Staff, str]:
    return house.world.staff("Ada", "admin"), f"{HOME}/patients"


def team(house: House) -> tuple[Staff, str]:
    ada = house.world.staff("Ada", "admin")
    with house.world.system.database.write() as session:
        access.start(house.world.system, session, ada.id)
    return ada, f"{HOME}/team"


def second_factor(house: House) -> tuple[Staff, str]:
    """With a new phone on its way in."""
    with house.world.system.database.write() as session:
        recovery.renew(house.world.system, session, house.robin.id)
        robin = session.get_one(Staff, house.robin.id)
        robin.totp_next_sealed = proofs.fresh_secret(house.world.system, robin.id)
    return house.robin, f"{HOME}/second-factor"


def team_with_invited(house: House) -> tuple[Staff, str]:
    ada, system = house.world.staff("Ada", "admin"), house.world.system
    with system.database.write() as session:
        by, name = session.get_one(Staff, ada.id), "Maximiliana Konstantinopolous-Featherstonehaugh"
        address = "maximiliana.konstantinopolous@harbor-clinic.test"
        invitations.invite(system, session, by, name, "Nurse", address, ["on_call", "therapist"])
    return ada, f"{HOME}/team"


def invite(house: House) -> tuple[Staff, str]:
    return house.world.staff("Ada", "admin"), f"{HOME}/team/invite"


def invited(house: House) -> tuple[Staff, str]:
    ada, system = house.world.staff("Ada", "admin"), house.world.system
    with system.database.write() as session:
        by = session.get_one(Staff, ada.id)
        row = invitations.invite(system, session, by, "Kim", "", "kim@harbor.test", ["on_call"])
    return house.robin, f"{HOME}/invited/{invitations.link(system, row)}"


def colleague(house: House) -> tuple[Staff, str]:
    return house.world.staff("Ada", "admin"), f"{HOME}/team/{house.robin.id}"


def reset(house: House) -> tuple[Staff, str]:
    return house.world.staff("Ada", "admin"), f"{HOME}/team/{house.robin.id}/reset"


def clinic_settings_page(house: House) -> tuple[Staff, str]:
    """With two versions, and words as long as they come."""
    ada, system = house.world.staff("Ada", "admin"), house.world.system
    with system.database.write() as session:
        typed = clinic_settings.current(session).document | {"fasting": "Nothing to eat. " * 20}
        clinic_settings.save(system, session, typed, ada.id, "Agreed in the meeting. " * 8)
    return ada, f"{HOME}/settings"


def erase(house: House) -> tuple[Staff, str]:
    """While an alert runs, which is said."""
    chief = house.world.staff("Chief", "supervisor")
    with house.world.system.database.write() as session:
        people.relate(house.world.system, session, house.sam, chief, "supervisor")
    alert(house.world, house.sam)
    return chief, f"{HOME}/patients/{house.sam.id}/erase"


PAGES: tuple[Callable[[House], tuple[Staff, str]], ...] = (
    glass_form,
    glass_page,
    glass_openings,
    caseload,
    given,
    given_list,
    caseload_empty,
    team,
    second_factor,
    team_with_invited,
    invite,
    invited,
    colleague,
    reset,
    clinic_settings_page,
    erase,
)


def test_two_change_the_settings_at_once(house: House) -> None:
    world = house.world
    page = house.clinician(world.staff("Ada", "admin"))
    page.goto(f"{house.url}{HOME}/settings")
    page.get_by_label("Phone", exact=True).fill("+1 555 0001")
    page.get_by_label("Music during an infusion").fill("Bring your own.")
    page.get_by_label("Why you change it").fill("Music")
    eve = world.staff("Eve", "admin")
    with world.system.database.write() as session:
        typed = clinic_settings.current(session).document | {"phone": "+1 555 0002"}
        clinic_settings.save(world.system, session, typed, eve.id, "A new line.")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Eve has changed the settings while you were writing.")).to_be_visible()
    expect(page.get_by_label("Music during an infusion")).to_have_value("Bring your own.")
    expect(page.get_by_role("link", name="Phone: Eve has set: +1 555 0002")).to_be_visible()
    stand(page, "settings-moved")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Saved. It holds from now on")).to_be_visible()


def test_a_change_with_consequences_is_asked_about_first(house: House) -> None:
    page = house.clinician(house.world.staff("Ada", "admin"))
    page.goto(f"{house.url}{HOME}/team/{house.robin.id}")
    page.get_by_label("Therapist").uncheck()
    page.get_by_label("Administrator").check()
    page.get_by_role("button", name="Change roles").click()
    expect(page.get_by_text("One patient would have no therapist.")).to_be_visible()
    stand(page, "colleague-asked")
    page.get_by_role("button", name="Do it all the same").click()
    expect(page.get_by_text("Roles changed. It holds from now on")).to_be_visible()


def test_codes_to_print_and_the_way_in_with_one(house: House) -> None:
    """From sign-in to a code from paper; each page on the way open to everybody."""
    with house.world.system.database.write() as session:
        robin = session.get_one(Staff, house.robin.id)
        robin.password_hash = proofs.hasher().hash("four ordinary words here")
        robin.totp_sealed, robin.totp_step = proofs.fresh_secret(house.world.system, robin.id), 0
    page = house.clinician(house.robin)
    page.goto(f"{house.url}{HOME}/second-factor")
    page.get_by_label("Your password, to make ten new codes").fill("four ordinary words here")
    page.get_by_role("button", name="Make new codes").click()
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    stand(page, "recovery-codes")
    page.context.clear_cookies()
    page.goto(f"{house.url}{HOME}/sign-in")
    page.get_by_text("You cannot get in?").click()
    stand(page, "sign-in")
    page.get_by_label("E-mail").fill(house.robin.email)
    page.get_by_label("Password").fill("four ordinary words here")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("No phone? Use a recovery code").click()
    stand(page, "code")
    page.get_by_label("Recovery code", exact=True).fill(code)
    page.get_by_role("button", name="Sign in with it").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


@pytest.mark.parametrize("prepare", PAGES, ids=lambda prepare: prepare.__name__)
def test_a_page_is_open_to_everybody(
    house: House, prepare: Callable[[House], tuple[Staff, str]]
) -> None:
    staff, path = prepare(house)
    look_at(house.clinician(staff), house, path, prepare.__name__.replace("_", "-"))


def test_an_emergency_opening_by_keys_alone(house: House) -> None:
    page = house.clinician(house.world.staff("Charlie"))
    page.goto(f"{house.url}/console/patients")
    page.get_by_role("link", name="Open a patient in an emergency").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Patient", exact=True).focus()
    page.keyboard.type("Sam Rivera")
    page.keyboard.press("Tab")
    page.keyboard.type("Som")
    page.keyboard.press("Tab")
    page.keyboard.type("His brother called and fears for him.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You can read this patient until")).to_be_visible()


def test_a_relation_that_ends_closes_the_open_page_and_keeps_what_was_being_written(
    house: House,
) -> None:
    message(house.world, house.sam, "It was like floating.")
    page = house.clinician(house.robin)
    page.goto(f"{house.url}/console/patients/{house.sam.id}")
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Write to Sam Rivera").fill("What I wanted to say")
    with house.world.system.database.write() as session:
        people.unrelate(
            house.world.system, session, house.sam.id, house.robin.id, "therapist", "system"
        )
    expect(page.get_by_role("heading", name="You can read this patient no longer")).to_be_visible()
    expect(page.get_by_text("It was like floating.")).to_have_count(0)
    expect(page.get_by_label("What you had written")).to_have_value("What I wanted to say")
    expect_no_barriers(page)


def test_a_sign_in_that_ends_takes_no_words_along(house: House) -> None:
    """The page asks by itself and hears that nobody is signed in: the patient leaves the screen, a
    note that was being written stays, and is sent after signing in in another tab."""
    message(house.world, house.sam, "It was like floating.")
    page = house.clinician(house.robin)
    page.goto(f"{house.url}{HOME}/patients/{house.sam.id}/review")
    page.get_by_label("A note about Sam Rivera").fill("He saw the sea.\nTwice.")
    with house.world.system.database.write() as session:
        access.end_sessions(house.world.system, session, house.robin.id)
    expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
    expect(page.get_by_text("It was like floating.")).to_have_count(0)
    expect(page.get_by_label("A note about Sam Rivera")).to_have_value("He saw the sea.\nTwice.")
    stand(page, "signed-out-unsent")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("link", name="Sign in in a new tab")).to_be_visible()
    stand(page, "send-again")
    with house.world.system.database.write() as session:
        token = access.start(house.world.system, session, house.robin.id)
    cookie = {"name": COOKIE, "value": token, "domain": "127.0.0.1", "path": HOME}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.get_by_role("button", name="I am signed in: go on").click()
    stand(page, "send-now")
    page.get_by_role("button", name="Send it", exact=True).click()
    expect(page.locator(".kept-note .written").first).to_have_text("He saw the sea.\nTwice.")


def test_a_sign_in_that_ends_with_nothing_written_leads_to_the_door(house: House) -> None:
    page = house.clinician(house.robin)
    page.goto(f"{house.url}{HOME}/patients/{house.sam.id}/review")
    with house.world.system.database.write() as session:
        access.end_sessions(house.world.system, session, house.robin.id)
    expect(page.get_by_label("E-mail")).to_be_visible()


def has_a_key(page: Page) -> None:
    """The computer's own fingerprint reader, played by the browser."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    own = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True}
    behaves = {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": own | behaves})


def test_a_security_key_is_added_and_signs_in(house: House) -> None:
    with house.world.system.database.write() as session:
        robin = session.get_one(Staff, house.robin.id)
        robin.password_hash = proofs.hasher().hash("four ordinary words here")
        recovery.renew(house.world.system, session, robin.id)
    phone = authenticator(house.world, house.robin)
    page = house.clinician(house.robin)
    has_a_key(page)
    address = house.world.system.settings.public_url

    def give_password() -> None:
        page.goto(f"{address}{HOME}/second-factor")
        page.get_by_label("E-mail").fill(house.robin.email)
        page.get_by_label("Password").fill("four ordinary words here")
        page.get_by_role("button", name="Continue").click()

    give_password()
    page.get_by_label("Six-digit code").fill(phone.at(house.world.clock.now()))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("What you call it").fill("Blue one")
    page.get_by_label("Your password, to add a security key").fill("four ordinary words here")
    page.get_by_role("button", name="Add a security key").click()
    touch = page.get_by_role("button", name="Touch it now")
    expect(touch).to_be_focused()
    stand(page, "key-making")
    touch.press("Enter")
    expect(page.get_by_text("The key counts from now on.")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Blue one")).to_be_visible()
    stand(page, "second-factor-keys")
    page.get_by_role("button", name="Sign out").click()
    give_password()
    stand(page, "code-with-key")
    page.get_by_role("button", name="Sign in with your security key").click()
    expect(page.get_by_role("rowheader", name="Blue one")).to_be_visible()
    page.goto(f"{address}{HOME}/patients/{house.sam.id}/export")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Use your security key instead").click()
    assert taken.value.suggested_filename.endswith(".json")


def test_the_way_to_the_clinics_accounts_and_back(house: House) -> None:
    """Over another site and back, with cookies that do not come along from there."""
    phone = authenticator(house.world, house.robin)
    house.identity.here = {"sub": "u-17", "email": house.robin.email, "email_verified": True}
    window = house.browser.new_context()
    house.windows.append(window)
    page, address = window.new_page(), house.world.system.settings.public_url
    page.goto(f"{address}{HOME}/on-call")
    page.get_by_role("link", name="Sign in with Harbor account").click()
    page.get_by_label("Six-digit code").fill(phone.at(house.world.clock.now()))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page).to_have_url(f"{address}{HOME}/on-call")
    page.get_by_role("button", name="Sign out").click()
    # The provider says that it asked for more than a password: straight in.
    house.identity.here["amr"] = ["mfa"]
    page.get_by_role("link", name="Sign in with Harbor account").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_without_script_the_code_is_there_and_the_key_is_not(house: House) -> None:
    with house.world.system.database.write() as session:
        robin = session.get_one(Staff, house.robin.id)
        robin.password_hash = proofs.hasher().hash("four ordinary words here")
    authenticator(house.world, house.robin)
    page = house.browser.new_context(java_script_enabled=False).new_page()
    house.windows.append(page.context)
    address = house.world.system.settings.public_url
    page.goto(f"{address}{HOME}/sign-in")
    page.get_by_label("E-mail").fill(house.robin.email)
    page.get_by_label("Password").fill("four ordinary words here")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Six-digit code")).to_be_visible()
    expect(page.get_by_role("button", name="security key")).to_have_count(0)
