"""The page of infusions and the table, in a real browser: open to everybody, wide and narrow."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from clinic import infusions
from clinic.records.models import Patient
from tests.browser.pictures import keep_picture
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers

pytestmark = pytest.mark.browser


def test_an_infusion_is_recorded_corrected_and_imported_by_a_person(house: House) -> None:
    world, page = house.world, house.clinician(house.robin)
    now = world.system.clock.now()
    with world.system.database.write() as session:
        sam = session.get_one(Patient, house.sam.id)
        infusions.plan(world.system, session, sam, now + timedelta(days=7))
    page.goto(f"{house.url}/console/patients/{house.sam.id}")
    keep_picture(page, "desk-person-infusions")
    page.get_by_role("link", name="Record, plan or correct").click()
    page.get_by_role("link", name="Correct infusion 1").click()
    page.get_by_label("Dose, mg", exact=True).fill("42.5")
    page.get_by_label("Route").select_option("iv")
    page.get_by_label("Against nausea").check()
    page.get_by_label("Oxygen saturation before").fill("198")
    page.get_by_role("button", name="Keep the correction").click()
    expect(page.get_by_role("alert")).to_contain_text("a whole number from 50 to 100")
    expect_no_barriers(page)
    keep_picture(page, "desk-infusions-refused")
    expect(page.get_by_label("Dose, mg", exact=True)).to_have_value("42.5")
    page.get_by_label("Oxygen saturation before").fill("98")
    page.get_by_role("button", name="Keep the correction").click()
    expect(page.locator(".banner--done[role=status]")).to_contain_text("Corrected")
    expect_no_barriers(page)
    keep_picture(page, "desk-infusions")
    for width in (360, 768):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"scrolls sideways at {width}"
        keep_picture(page, f"desk-infusions-{width}")
    local = (now - timedelta(days=9)).astimezone(ZoneInfo("America/New_York"))
    day = f"{local:%Y-%m-%d}"
    table = (
        "patient,start,end\n"
        f"{house.sam.id},{day} 14:00,{day} 14:50\n"
        f"{house.sam.id},{day} 16:00,{day} 15:00\n"
    )
    page.goto(f"{house.url}/console/import")
    file = {"name": "infusions.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.get_by_label("A CSV file").set_input_files(files=[file])  # type: ignore[list-item]
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("ends before it starts")).to_be_visible()
    expect_no_barriers(page)
    keep_picture(page, "desk-import")
    page.get_by_role("button", name="Record this one").click()
    expect(page.get_by_role("status").first).to_contain_text("1 infusion was recorded")
