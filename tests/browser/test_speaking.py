"""Speaking instead of typing, with a played recogniser in place of the browser's own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from clinic.records.models import Escalation, Message, Record
from tests.browser.pictures import keep_picture
from tests.browser.test_three_windows import RISK, House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers

pytestmark = pytest.mark.browser

#: What the page sees of the browser's recogniser; ``heard`` says words into the one that listens.
RECOGNISER = """
  window.SpeechRecognition = class extends EventTarget {
    static available = async () => window.name === "local" ? "available" : "unavailable";
    start() { window.ears = this; this.words = []; }
    abort() { window.ears = null; this.dispatchEvent(new Event("end")); }
  };
  window.heard = (words) => {
    window.ears.words.push([{ transcript: words }]);
    const event = new Event("result");
    event.results = window.ears.words;
    window.ears.dispatchEvent(event);
  };
"""


@pytest.fixture
def phone(house: House) -> Page:
    page = house.patient()
    page.set_viewport_size({"width": 360, "height": 740})
    page.add_init_script(RECOGNISER)
    return page


def test_a_page_of_the_journal_is_spoken_once_it_is_said_where_the_voice_goes(
    phone: Page, house: House
) -> None:
    phone.goto(f"{house.url}/journal/new")
    words = phone.get_by_role("textbox", name="A blank page")
    words.fill("I saw")
    phone.get_by_role("button", name="Speak").click()
    expect(phone.get_by_role("status")).to_contain_text("send your voice to the company")
    assert phone.evaluate("window.ears") is None
    expect_no_barriers(phone)
    keep_picture(phone, "own-speaking")
    phone.get_by_role("button", name="Speak").click()
    expect(phone.get_by_role("button", name="Done")).to_be_visible()
    phone.evaluate("heard('the sea')")
    phone.evaluate("heard(' and my brother')")
    expect(words).to_have_value("I saw the sea and my brother")
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_have_text("Saved.")
    with house.world.system.database.read() as session:
        assert session.scalars(select(Record).where(Record.kind == "journal_entry")).one()


def test_what_stays_on_the_device_begins_at_once_and_typing_ends_it(
    phone: Page, house: House
) -> None:
    phone.evaluate("window.name = 'local'")
    phone.goto(f"{house.url}/journal/new")
    phone.get_by_role("button", name="Speak").click()
    phone.wait_for_function("window.ears && window.ears.processLocally")
    phone.evaluate("heard('warm')")
    words = phone.get_by_role("textbox", name="A blank page")
    words.press_sequentially("er")
    expect(words).to_have_value("warmer")
    expect(phone.get_by_role("button", name="Speak")).to_be_visible()


def test_spoken_words_of_danger_are_read_as_typed_ones(phone: Page, house: House) -> None:
    phone.goto(f"{house.url}/chat")
    phone.get_by_role("button", name="Speak").click()
    expect_no_barriers(phone)
    keep_picture(phone, "speaking")
    phone.get_by_role("button", name="Speak").click()
    phone.evaluate("words => heard(words)", RISK)
    expect(phone.get_by_role("textbox")).to_have_value(RISK)
    with house.world.system.database.read() as session:
        # Nothing is sent before the patient sends it.
        assert not session.scalars(select(Message).where(Message.kind == "say")).all()
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("textbox")).to_have_value("")
    with house.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one()


def test_where_the_browser_cannot_there_is_no_button(house: House) -> None:
    page = house.patient()
    page.add_init_script("delete window.SpeechRecognition; delete window.webkitSpeechRecognition;")
    page.goto(f"{house.url}/journal/new")
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    expect(page.get_by_role("button", name="Speak")).to_have_count(0)
