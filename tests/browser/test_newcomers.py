"""From a name on a form to a patient in the chat, over the paper in between."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.pictures import PICTURES, keep_picture, take_picture
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers

pytestmark = pytest.mark.browser


def test_a_patient_is_added_by_keys_and_comes_in_by_what_is_on_paper(house: House) -> None:
    page = house.clinician(house.world.staff("Ada", "admin"), width=360)
    page.goto(f"{house.url}/console/patients")
    page.get_by_role("link", name="Add a patient").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name").focus()
    page.keyboard.type("Wilhelmina Featherstonehaugh-Cholmondeley")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")
    page.keyboard.press("Tab")
    page.keyboard.type("+1 555 0199")
    page.get_by_label("Their therapist").focus()
    page.keyboard.type("Robin")
    keep_picture(page, "new-patient-360")
    expect_no_barriers(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make the link").focus()
    page.keyboard.press("Enter")
    address = page.get_by_text(re.compile(r"/chat#i=")).inner_text()
    keep_picture(page, "way-in-360")
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect_no_barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 688, "height": 990})
    page.emulate_media(media="print")
    take_picture(page, PICTURES / "way-in-print.png", whole=True)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    # The sheet is the patient's: it names nobody, in case it is lost.
    expect(page.get_by_text("Wilhelmina")).not_to_be_visible()

    theirs = house.browser.new_context()
    house.windows.append(theirs)
    chat = theirs.new_page()
    chat.goto(re.sub(r"^http://localhost", "http://127.0.0.1", address))
    expect(chat.get_by_role("checkbox", name=re.compile("18"))).to_be_visible()
