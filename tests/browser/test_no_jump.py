"""What comes by itself does not move what stands under a clinician's eyes: layout shift, as the
browser counts it, on pages that are open while a patient writes and an alert comes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import keep_picture
from tests.browser.test_three_windows import RISK, House, say
from tests.browser.test_three_windows import house as house
from tests.desk import message

pytestmark = pytest.mark.browser

MESSAGES = "document.querySelectorAll('.turns > li').length"
#: The browser's sum of what moved though nobody touched anything (Web Vitals call 0.1 good).
COUNT_SHIFTS = f"""() => {{
    window.messages = {MESSAGES}
    window.shifted = 0
    window.moved = []
    new PerformanceObserver((list) => {{
        for (const one of list.getEntries()) {{
            if (one.hadRecentInput) continue
            window.shifted += one.value
            window.moved.push(...one.sources.map((source) => source.node?.outerHTML?.slice(0, 80)))
        }}
    }}).observe({{ type: "layout-shift" }})
}}"""
ALMOST_NOTHING = 0.001
#: Below a short transcript the acts give way to each message that comes.
EACH_MESSAGE = 0.004
#: Something that comes above everything else.
PUSH = """() => {
    const block = document.createElement("div")
    block.style.height = "300px"
    document.body.prepend(block)
}"""


def watched(page: Page) -> Page:
    """From now on: what a page does while it loads is not in it."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.evaluate(COUNT_SHIFTS)
    return page


def came(page: Page) -> int:
    """How many messages of a transcript came since the page is watched."""
    return int(page.evaluate(f"{MESSAGES} - window.messages"))


def shifted(page: Page) -> float:
    """Two frames later everything that moved is counted."""
    page.bring_to_front()
    page.evaluate(
        "() => new Promise((on) => requestAnimationFrame(() => requestAnimationFrame(on)))"
    )
    return float(page.evaluate("window.shifted"))


def test_live_updates_move_nothing_on_desk_and_list_and_little_below_a_transcript(
    house: House,
) -> None:
    for number in range(3):
        message(house.world, house.sam, f"Words, number {number}")
    other = house.world.patient("Mo Lane", therapist=house.robin, touches=False)
    message(house.world, other, "Hello")
    path = f"{house.url}/console/patients"
    desk, listed, patient = (house.clinician(house.robin) for _ in range(3))
    listed.goto(path)
    patient.goto(f"{path}/{house.sam.id}#end")
    pages = {"desk": watched(desk), "list": watched(listed), "patient": watched(patient)}
    sam = house.patient()
    say(sam, "I slept well")
    expect(patient.locator(".turns")).to_contain_text("I slept well")
    say(sam, RISK)
    expect(desk.locator(".queue [data-row]").first).to_contain_text("Emergency")
    expect(patient.locator(".turns")).to_contain_text(RISK)
    expect(
        listed.get_by_text("nobody has it yet").or_(listed.locator("[data-new]")).first
    ).to_be_visible()
    for name, page in pages.items():
        most = came(page) * EACH_MESSAGE if name == "patient" else ALMOST_NOTHING
        assert shifted(page) <= most, (name, page.evaluate("window.moved"))
        # And it would be seen.
        page.evaluate(PUSH)
        assert shifted(page) > came(page) * EACH_MESSAGE, name


def test_who_reads_in_the_middle_of_a_long_transcript_is_told_and_not_moved(house: House) -> None:
    for number in range(30):
        message(house.world, house.sam, f"Words, number {number}")
    page = house.clinician(house.robin)
    page.goto(f"{house.url}/console/patients/{house.sam.id}")
    read = page.get_by_text("Words, number 12", exact=True)
    read.evaluate("(line) => line.scrollIntoView({ block: 'center', behavior: 'instant' })")
    before = watched(page) and read.bounding_box()
    say(house.patient(), "I slept well")
    news = page.get_by_role("button", name=re.compile(r"^\d+ new$"))
    expect(news).to_be_in_viewport()
    keep_picture(page, "desk-transcript-new")
    assert shifted(page) <= ALMOST_NOTHING, page.evaluate("window.moved")
    assert read.bounding_box() == before
    news.click()
    expect(page.get_by_text("I slept well")).to_be_in_viewport()


def test_who_reads_the_end_of_a_long_transcript_sees_the_next_message_come(house: House) -> None:
    for number in range(30):
        message(house.world, house.sam, f"Words, number {number}")
    page = house.clinician(house.robin)
    page.goto(f"{house.url}/console/patients/{house.sam.id}#end")
    watched(page)
    say(house.patient(), "I slept well")
    expect(page.get_by_text("I slept well")).to_be_in_viewport()
    assert shifted(page) <= came(page) * EACH_MESSAGE, page.evaluate("window.moved")
