"""A patient's own pages on a phone: journal, days and plan, read aloud, by keys alone, offline."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Page, Route, expect

from clinic.records.models import Escalation, Record
from tests.browser.pictures import keep_picture
from tests.browser.test_three_windows import RISK, House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers

pytestmark = pytest.mark.browser

WORDS = "The sea, and my brother laughing."


@pytest.fixture
def phone(house: House) -> Page:
    page = house.patient()
    page.set_viewport_size({"width": 360, "height": 740})
    return page


def count(house: House, model: type) -> int:
    with house.world.system.database.read() as session:
        return session.query(model).count()


def begin(page: Page, house: House) -> None:
    page.goto(f"{house.url}/journal/new")
    page.get_by_role("textbox", name="A blank page").fill(WORDS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_open_to_everybody(
    phone: Page, house: House, theme: Literal["light", "dark"]
) -> None:
    # A day and more after the one of the house: two on one day would be an entry made twice.
    house.world.infusion(house.sam, hours_ago=0.5)
    phone.emulate_media(color_scheme=theme)
    begin(phone, house)
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    expect_no_barriers(phone)
    for name in ("journal", "journal/new", "steps", "days", "changes", "plan", "team", "settings"):
        phone.goto(f"{house.url}/{name}")
        expect_no_barriers(phone)
        wide = phone.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} scrolls sideways"
        keep_picture(phone, f"own-{name.replace('/', '-')}")
        phone.emulate_media(color_scheme=theme)


def test_from_the_chat_to_a_written_page_by_keys_alone(phone: Page, house: House) -> None:
    phone.get_by_role("button", name="More").focus()
    phone.keyboard.press("Enter")
    phone.get_by_role("link", name="Your journal").focus()
    phone.keyboard.press("Enter")
    phone.get_by_role("link", name="A blank page").focus()
    phone.keyboard.press("Enter")
    # The page opens with the field ready to write in.
    phone.wait_for_selector("textarea:focus")
    phone.keyboard.type(WORDS)
    for _ in range(3):
        phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    assert count(house, Record) == 1


def test_words_stay_while_there_is_no_connection(phone: Page, house: House) -> None:
    begin(phone, house)

    def cut(route: Route) -> None:
        route.abort()

    phone.route("**/journal", cut)
    phone.get_by_role("button", name="Save").click()
    said = phone.get_by_role("alert")
    expect(said).to_contain_text("Your words are still here")
    expect(said.get_by_role("link", name="Call 988")).to_be_visible()
    expect(phone.get_by_role("textbox", name="A blank page")).to_have_value(WORDS)
    assert count(house, Record) == 0
    phone.unroute("**/journal", cut)
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    assert count(house, Record) == 1


def test_words_of_danger_open_the_chat_with_the_numbers(phone: Page, house: House) -> None:
    phone.goto(f"{house.url}/journal/new")
    phone.get_by_role("textbox", name="A blank page").fill(RISK)
    phone.get_by_role("button", name="Save").click()
    phone.wait_for_url("**/chat")
    expect(phone.get_by_role("link", name="988").first).to_be_visible()
    assert count(house, Escalation) == 1


def test_without_a_script_a_page_can_still_be_written(house: House) -> None:
    window = house.browser.new_context(java_script_enabled=False)
    house.windows.append(window)
    page = house.patient()
    window.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    bare = window.new_page()
    bare.goto(f"{house.url}/journal/new")
    bare.get_by_role("textbox", name="A blank page").fill(WORDS)
    bare.get_by_role("button", name="Save").click()
    expect(bare.get_by_role("status")).to_have_text("Saved.")


def on_this_device(page: Page, house: House) -> None:
    page.goto(f"{house.url}/settings")
    page.get_by_role("button", name="Keep it here").click()
    expect(page.get_by_text("Kept on this device.")).to_be_visible()
    page.wait_for_function("navigator.serviceWorker.controller !== null")


def test_without_connection_a_device_that_was_asked_says_whom_to_call_and_keeps_nothing_else(
    phone: Page, house: House
) -> None:
    phone.goto(f"{house.url}/journal")
    assert phone.evaluate("navigator.serviceWorker.getRegistrations().then(r => r.length)") == 0
    on_this_device(phone, house)
    begin(phone, house)
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    phone.goto(f"{house.url}/team")
    kept = phone.evaluate(
        "caches.keys().then(names => Promise.all(names.map(n => caches.open(n).then(c => c.keys()"
        ".then(all => all.map(r => new URL(r.url).pathname))))))"
    )
    shell = ["/offline", "/static/tokens.css", "/static/room.css", "/static/paper.css"]
    assert kept == [shell], "nothing of anybody's"
    phone.context.set_offline(True)
    phone.goto(f"{house.url}/journal")
    expect(phone.get_by_role("heading", name="No connection")).to_be_visible()
    expect(phone.get_by_role("link", name="988").first).to_be_visible()
    expect_no_barriers(phone)
    keep_picture(phone, "own-offline")
    phone.context.set_offline(False)
    phone.get_by_role("link", name="Try again").click()
    phone.wait_for_selector("[data-view=talk]")
    phone.goto(f"{house.url}/settings")
    phone.get_by_role("button", name="Take it off this device").click()
    expect(phone.get_by_text("Taken off this device.")).to_be_visible()
    assert phone.evaluate("caches.keys()") == []


def test_a_draft_survives_a_reload_on_a_remembered_device_and_says_it_is_not_saved(
    phone: Page, house: House
) -> None:
    phone.on("dialog", lambda dialog: dialog.accept())
    begin(phone, house)
    phone.reload()
    expect(phone.get_by_role("textbox", name="A blank page")).to_have_value("")
    phone.evaluate("localStorage.setItem('afterglow.theme', 'light')")
    begin(phone, house)
    phone.reload()
    expect(phone.get_by_role("textbox", name="A blank page")).to_have_value(WORDS)
    expect(phone.get_by_role("status")).to_contain_text("Not saved yet")
    assert count(house, Record) == 0, "nothing is sent by itself"
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    phone.goto(f"{house.url}/journal/new")
    expect(phone.get_by_role("textbox", name="A blank page")).to_have_value("")
    assert phone.evaluate("Object.keys(sessionStorage).length") == 0


def test_a_phone_can_install_it(phone: Page, house: House) -> None:
    phone.goto(f"{house.url}/days")
    manifest = phone.evaluate(
        "fetch(document.querySelector('link[rel=manifest]').href).then(r => r.json())"
    )
    assert manifest["display"] == "standalone" and manifest["start_url"] == "/chat"
    for icon in manifest["icons"]:
        size = phone.evaluate(
            "src => createImageBitmap && fetch(src).then(r => r.blob()).then(createImageBitmap)"
            ".then(i => `${i.width}x${i.height}`)",
            icon["src"],
        )
        assert size == icon["sizes"]
