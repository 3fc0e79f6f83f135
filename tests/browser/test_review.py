"""A week's reading at the desk by the keyboard alone, read aloud, on a phone, in both themes."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from bot import measures
from bot.content import question
from clinic.conversation import delivery, intake
from clinic.records.models import Record, new_id
from tests.browser.pictures import PICTURES, keep_picture, take_picture
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import expect_no_barriers
from tests.desk import message, record

pytestmark = pytest.mark.browser

LONG = (
    "It was quieter than the last time. The music carried me and then there was the door again, "
    "the blue one, and I stood in front of it for a while. I did not open it. "
)


def furnish(house: House) -> None:
    world, sam = house.world, house.sam
    message(world, sam, "How is your body?", author="bot", content="reflection.body",
            content_version=3)  # fmt: skip
    message(world, sam, LONG * 3)
    message(world, sam, "I do not want to be here any more.",
            ("do not want to be here", "suicide.passive", "urgent"))  # fmt: skip
    part = {"prompt": "reflection.stayed", "state": "answered", "text": "A blue door."}
    entry = {"state": "complete", "sharing": "shared", "parts": [part]}
    record(world, sam, "journal_entry", "e1", entry)
    record(world, sam, "check_in", "c1", {"mood": 2, "distress": 3, "tone": "mixed"})


def opened(house: House, width: int = 1440) -> Page:
    page = house.clinician(house.robin, width=width)
    page.goto(f"{house.url}/console/review")
    page.wait_for_url("**/review")
    return page


def test_a_record_is_read_by_keys_alone(house: House) -> None:
    furnish(house)
    page = opened(house)
    expect(page.get_by_text("4 unread")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#m-2")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#m-3")).to_be_focused()
    page.keyboard.press("m")
    # Marked up to here; the next unread one has the focus.
    expect(page.get_by_text("2 unread")).to_be_visible()
    expect(page.locator("#m-4")).to_be_focused()
    page.keyboard.press("n")
    page.wait_for_url("**/messages/4")
    page.keyboard.press("n")
    page.keyboard.type("Ask about the door.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Kept.")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/review\?start="))
    expect(page.get_by_text("Ask about the door.").first).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Nothing unread")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Nothing else is unread")).to_be_visible()


def test_words_marked_with_the_pointer_are_quoted(house: House) -> None:
    furnish(house)
    page = house.clinician(house.robin)
    page.goto(f"{house.url}/console/patients/{house.sam.id}/messages/2")
    page.evaluate(
        "() => { const text = document.querySelector('#m-2 .turn__text').firstChild;"
        " const range = document.createRange(); range.setStart(text, 0); range.setEnd(text, 33);"
        " document.getSelection().addRange(range); }"
    )
    words = page.get_by_label("The words")
    expect(words).to_have_value("It was quieter than the last time")
    page.get_by_role("button", name="Quote it").click()
    expect(page.locator("q")).to_have_text("It was quieter than the last time")


@pytest.mark.parametrize("width", [360, 1024, 1440])
def test_every_page_is_open_to_everybody(house: House, width: int) -> None:
    furnish(house)
    page = opened(house, width)
    base = f"{house.url}/console/patients/{house.sam.id}"
    for name, path in (("review", f"{base}/review"), ("message", f"{base}/messages/2")):
        page.goto(path)
        expect_no_barriers(page)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} scrolls sideways"
        keep_picture(page, f"desk-{name}-{width}")
        page.emulate_media(color_scheme="dark")
        expect_no_barriers(page)
    page.get_by_text("It should have been something else").click()
    expect_no_barriers(page)
    keep_picture(page, f"desk-judge-{width}")
    page.goto(f"{house.url}/console/judging")
    expect_no_barriers(page)
    keep_picture(page, f"desk-judging-{width}")
    page.goto(f"{base}/messages/2")
    page.get_by_role("link", name="Back to the record").click()
    page.get_by_label("Find in this record").fill("blue")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="found")).to_be_visible()
    expect_no_barriers(page)
    keep_picture(page, f"desk-found-{width}")


@pytest.mark.parametrize("width", [360, 1440])
def test_pictures_are_open_to_everybody(house: House, width: int) -> None:
    world, sam = house.world, house.sam
    conversation = world.conversation(sam)
    for name in ("phq9", "gad7"):
        for item in measures.measures()[name].items:
            with world.system.database.write() as session:
                locked = delivery.locked(session, conversation)
                asked = delivery.say(world.system, session, locked, question(name, item.id))
            intake.receive_choice(
                world.system, conversation, asked.id, "1" if item.id != "9" else "0", asked.id
            )
    with world.system.database.write() as session:
        # Two weeks ago it was worse.
        newest = session.query(Record).filter_by(kind="measure").first()
        assert newest is not None
        older = Record(
            id=new_id(), patient_id=sam.id, kind="measure", key="older", state="complete",
            created_at=newest.created_at - timedelta(days=14),
            updated_at=newest.created_at - timedelta(days=14),
        )  # fmt: skip
        data = world.system.vault(session).data(newest)
        data["answers"] = dict.fromkeys(data["answers"], 2)
        data["score"]["value"] = 2 * len(data["answers"])
        older.data_sealed = world.system.vault(session).seal(
            sam.id, "record", "data", older.id, json.dumps(data)
        )
        session.add(older)
    record(world, sam, "check_in", "c1", {"mood": -2, "intensity": 6, "fog": 2, "body": "foggy"})
    record(world, sam, "check_in", "c2", {"mood": 1, "body": "fine"})
    record(world, sam, "small_step", "s1", {"text": "Ten minutes outside after lunch"})
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea before?"})
    page = house.clinician(house.robin, width=width)
    for name, path in (
        ("pictures", f"{house.url}/console/patients/{sam.id}/pictures"),
        ("summary", f"{house.url}/console/patients/{sam.id}/summary"),
        ("export", f"{house.url}/console/patients/{sam.id}/export"),
        ("overview", f"{house.url}/console/overview"),
    ):
        page.goto(path)
        expect_no_barriers(page)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} scrolls sideways"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            expect_no_barriers(page)
            take_picture(page, PICTURES / f"desk-{name}-{width}-{scheme}.png", whole=True)
