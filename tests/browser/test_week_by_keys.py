"""A therapist's week with the keyboard alone: the list, a patient, reading, marking, a note. And
the work of an inbox: a filter kept, many marked at once, a day to come back, a hand-over."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from clinic.records.models import CareRelation, Conversation, FollowUp, Reviewed
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.desk import message

pytestmark = pytest.mark.browser


def tab_to(page: Page, name: str, role: str = "") -> None:
    """Press Tab until what has this name has the focus, as somebody without a mouse does."""
    wanted = (
        page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
        if role
        else page.get_by_label(name, exact=True)
    )
    for _ in range(120):
        if wanted.first.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {name}")


def test_a_week_is_read_from_the_list_by_keys_alone(house: House) -> None:
    kim = house.world.patient("Kim Lee", house.robin, touches=False)
    message(house.world, house.sam, "The river came back.")
    message(house.world, kim, "I slept for eight hours.")
    page = house.clinician(house.robin)
    page.keyboard.press("p")
    page.wait_for_url("**/console/patients")
    names = page.locator(".case__name")
    first, second = names.nth(0).inner_text(), names.nth(1).inner_text()
    assert {first, second} == {"Sam Rivera", "Kim Lee"}
    page.keyboard.press("j")
    expect(names.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(names.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(names.nth(0)).to_be_focused()
    for name in (first, second):
        page.keyboard.press("Enter")
        page.wait_for_url("**/review")
        expect(page.get_by_role("heading", name=re.compile(name))).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("n")
        page.wait_for_url("**/messages/*")
        page.keyboard.press("n")
        page.keyboard.type(f"Talk with {name} about it.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Kept.")).to_be_visible()
        page.keyboard.press("Escape")
        page.wait_for_url(re.compile(r"/review"))
        page.keyboard.press("j")
        page.keyboard.press("m")
        expect(page.get_by_role("heading", name="Nothing unread")).to_be_visible()
        page.keyboard.press("p")
        page.wait_for_url("**/console/patients")
        page.keyboard.press("j")
        if names.nth(0).inner_text() == name:
            page.keyboard.press("j")
    with house.world.system.database.read() as session:
        marked = set(
            session.scalars(
                select(Conversation.patient_id).join(
                    Reviewed, Reviewed.conversation_id == Conversation.id
                )
            )
        )
    assert marked == {house.sam.id, kim.id}


def test_the_inbox_is_worked_by_keys_alone(house: House) -> None:
    kim = house.world.patient("Kim Lee", house.robin, touches=False)
    lou = house.world.staff("Lou", "therapist")
    for patient in (house.sam, kim):
        message(house.world, patient, "The river came back.")
    page = house.clinician(house.robin)
    for patient in (house.sam, kim):
        # Opened, not marked.
        page.goto(f"{house.url}/console/patients/{patient.id}/review")
    page.keyboard.press("p")

    # A filter, kept under a name.
    page.locator("summary", has_text="Filter").focus()
    page.keyboard.press("Enter")
    tab_to(page, "Unread")
    page.keyboard.type("Not read")
    tab_to(page, "Show", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**unread=yes**")
    page.locator("summary", has_text="Keep this filter").focus()
    page.keyboard.press("Enter")
    tab_to(page, "Its name")
    page.keyboard.type("To read")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="To read")).to_have_attribute("aria-current", "page")

    # All of them at once.
    tab_to(page, "Choose all", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Choose Kim Lee")).to_be_checked()
    tab_to(page, "Mark as read what I have opened", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="2 patients marked as read.")).to_be_visible()
    expect(page.get_by_role("heading", name="No patient fits")).to_be_visible()

    # A day to come back, and somebody else from then on.
    tab_to(page, "Show all", "link")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/patients")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/patients/[0-9a-f]{32}"))
    patient_id = re.findall(r"[0-9a-f]{32}", page.url)[0]
    page.locator("summary", has_text="Add something to follow up").focus()
    page.keyboard.press("Enter")
    tab_to(page, "What")
    page.keyboard.type("Ask about the river")
    tab_to(page, "On")
    day = house.world.system.clock.now() + timedelta(days=3)
    page.keyboard.type(f"{day:%m%d%Y}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ask about the river").first).to_be_visible()
    page.locator("summary", has_text="Hand the patient over").focus()
    page.keyboard.press("Enter")
    tab_to(page, "To")
    page.keyboard.type("Lou")
    tab_to(page, "Hand over", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your colleague is on the team now.")).to_be_visible()

    with house.world.system.database.read() as session:
        kept = session.scalars(select(FollowUp)).one()
        assert (kept.patient_id, kept.due_on) == (patient_id, day.date())
        assert session.get(CareRelation, (patient_id, lou.id, "therapist")) is not None
