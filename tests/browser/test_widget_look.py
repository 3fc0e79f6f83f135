"""The patient's room in a real browser, against the mock edge: what it shows, keeps and forgets."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.pictures import PICTURES, take_picture

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
BUILT = ROOT / "clinic/static/widget.js"
SCENES = ["evening", "crisis", "human", "recovery", "infusion", "breathing", "silent", "hard"]
DESK = ["/mock/desk", "/mock/form", "/mock/sign-in"]


@pytest.fixture(scope="module")
def edge() -> Iterator[str]:
    assert BUILT.exists(), "build the web part first: npm ci && npm run build in web/"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mock = subprocess.Popen([sys.executable, ROOT / "web/dev/mock.py", str(port)])
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    mock.terminate()
    mock.wait()


@pytest.fixture
def context(browser: Browser, edge: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=edge, viewport={"width": 360, "height": 740})
    context.set_default_timeout(10_000)
    yield context
    context.request.get("/mock/break")
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def enter(page: Page, scene: str, remember: bool = False) -> None:
    page.goto(f"/chat#i={scene}")
    page.get_by_label("I am 18 or older").check()
    if remember:
        page.get_by_label("Remember me").check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("[data-view=talk]")


def write(page: Page, words: str) -> None:
    page.get_by_role("textbox").fill(words)
    page.get_by_role("button", name="Send").click()


def lose_receipt(page: Page, times: int) -> None:
    """The edge gets the message and stores it; its answer never arrives."""

    def drop(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/messages", drop, times=times)


def faults(page: Page) -> list[str]:
    """What axe finds, in the page as the reader has it."""
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
    found: dict[str, Any] = page.evaluate(f"{AXE.read_text()}; axe.run(document, {rules})")
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]


def stored(page: Page) -> list[str]:
    state: dict[str, Any] = page.evaluate("fetch('/api/state').then((answer) => answer.json())")
    return [one["text"] for one in state["messages"] if one["author"] == "patient"]


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1440, "light")])
def test_every_page_passes_axe_without_sideways_scrolling(
    browser: Browser, edge: str, width: int, theme: Any
) -> None:
    for where in [*SCENES, *DESK]:
        context = browser.new_context(
            base_url=edge, viewport={"width": width, "height": 800}, color_scheme=theme
        )
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda line, into=refused: into.append(line.text))
        if where.startswith("/"):
            page.goto(where)
        else:
            enter(page, where)
        page.wait_for_timeout(250)
        assert faults(page) == [], where
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
        assert [line for line in refused if "Content Security Policy" in line] == [], where
        context.close()


def test_the_invitation_leaves_the_address_and_nothing_stays_in_the_browser(page: Page) -> None:
    enter(page, "evening")
    assert "#" not in page.url
    page.get_by_role("button", name="More").click()
    page.get_by_label("Dark").check()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_remembered_device_keeps_the_theme_and_only_that(page: Page) -> None:
    enter(page, "evening", remember=True)
    page.get_by_role("button", name="More").click()
    page.get_by_label("Dark").check()
    assert page.evaluate("JSON.stringify(localStorage)") == '{"afterglow.theme":"dark"}'
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_adults_only_is_asked_before_anything_is_sent(page: Page) -> None:
    page.goto("/chat#i=evening")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("This is for adults.")).to_be_visible()
    expect(page.get_by_label("I am 18 or older")).to_be_focused()


@pytest.mark.parametrize("address", ["/chat", "/chat#i=unknown"])
def test_every_bad_link_meets_the_same_page(page: Page, address: str) -> None:
    page.goto(address)
    if "#" in address:
        page.get_by_label("I am 18 or older").check()
        page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
    page.get_by_role("button", name="Help now").click()
    expect(page.get_by_role("link", name="Call 988")).to_be_visible()


def test_where_no_number_is_known_no_number_of_elsewhere_is_shown(page: Page) -> None:
    unknown = {"text": "Call your local emergency number.", "lines": []}

    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"help": unknown})

    page.route("**/api/session", elsewhere)
    enter(page, "evening")
    page.get_by_role("button", name="Help now").click()
    expect(page.get_by_role("dialog").get_by_text("Call your local emergency")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("link", name="988")).to_have_count(0)
    expect(page.get_by_role("dialog").get_by_role("link", name="911")).to_have_count(0)


def test_a_message_refused_three_times_is_stored_once(page: Page) -> None:
    enter(page, "evening")
    write(page, "this will fail at first")
    expect(page.get_by_text("Not sent yet. Trying again.")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_value("this will fail at first")
    expect(page.get_by_text("I have kept that in your journal")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("textbox")).to_have_value("")
    assert stored(page).count("this will fail at first") == 1
    expect(page.get_by_text("this will fail at first")).to_have_count(1)


def test_a_message_whose_receipt_was_lost_is_stored_once(page: Page) -> None:
    page.context.request.get("/mock/break?events=1")
    enter(page, "evening")
    lose_receipt(page, times=1)
    write(page, "the receipt is lost on the way")
    expect(page.get_by_text("Not sent yet. Trying again.")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_value("", timeout=15_000)
    expect(page.get_by_text("the receipt is lost on the way")).to_have_count(1)
    assert stored(page).count("the receipt is lost on the way") == 1


def test_a_stream_that_has_the_message_stands_in_for_a_lost_receipt(page: Page) -> None:
    enter(page, "evening")
    lose_receipt(page, times=9)
    write(page, "seen by the stream")
    expect(page.get_by_role("textbox")).to_have_value("", timeout=15_000)
    expect(page.get_by_text("seen by the stream")).to_have_count(1)
    assert stored(page).count("seen by the stream") == 1


def test_offline_it_says_so_shows_the_numbers_and_sends_once_back(page: Page) -> None:
    enter(page, "evening")
    page.context.set_offline(True)
    write(page, "heavier than I said")
    expect(page.get_by_text("Not sent: no connection.").first).to_be_visible()
    expect(page.get_by_role("log").get_by_role("link", name="Call 911")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_value("heavier than I said")
    page.get_by_role("button", name="Help now").click()
    expect(page.get_by_role("dialog").get_by_role("link", name="Text 988")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.context.set_offline(False)
    expect(page.get_by_text("I have kept that in your journal")).to_be_visible(timeout=15_000)
    assert stored(page).count("heavier than I said") == 1


def test_words_that_were_removed_unsent_are_gone(page: Page) -> None:
    enter(page, "evening")
    page.context.set_offline(True)
    write(page, "never mind")
    page.get_by_role("log").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("log").get_by_text("never mind")).to_have_count(0)
    page.context.set_offline(False)
    page.wait_for_timeout(300)
    assert "never mind" not in stored(page)


def test_without_the_stream_the_answer_still_comes(page: Page) -> None:
    page.context.request.get("/mock/break?events=1")
    enter(page, "evening")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_text("I have kept that in your journal")).to_be_visible(timeout=15_000)


def test_a_screen_reader_hears_a_message_once(page: Page) -> None:
    enter(page, "evening")
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    page.evaluate(
        """() => {
            window.heard = [];
            new MutationObserver((changes) => changes.forEach((change) =>
                change.addedNodes.forEach((node) => window.heard.push(node.textContent)))
            ).observe(document.querySelector("[role=log] ol"), {childList: true});
        }"""
    )
    write(page, "once only")
    expect(page.get_by_text("I have kept that in your journal")).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(1_000)
    heard: list[str] = page.evaluate("window.heard")
    assert sum("once only" in words for words in heard) == 1
    assert sum("kept that in your journal" in words for words in heard) == 1


def test_the_card_names_who_knows_only_when_the_record_does(page: Page) -> None:
    enter(page, "evening")
    write(page, "I want to die")
    card = page.locator(".card")
    expect(card.get_by_role("link", name=re.compile("^Call 988"))).to_be_visible()
    expect(card.get_by_text("It is not confirmed yet that your team knows.")).to_be_visible()
    expect(card.get_by_text("Your care team was alerted just now.")).to_be_visible()
    expect(card.get_by_text("Dr. Lee saw this just now.")).to_be_visible()
    expect(page.get_by_role("textbox")).to_be_in_viewport()
    # What the companion says next must not push the number out of sight.
    expect(page.get_by_text("Is someone with you right now?")).to_have_count(1)
    expect(card.get_by_role("link", name=re.compile("^Call 988"))).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="New message").click()
    expect(page.get_by_role("button", name="Skip")).to_be_in_viewport(ratio=1)


def test_at_most_four_answers_and_skip_is_one(page: Page) -> None:
    enter(page, "hard")
    answers = page.get_by_role("group", name="Answers to choose from").get_by_role("button")
    expect(answers).to_have_count(4)
    expect(answers.last).to_have_text("Skip")
    for box in (answer.bounding_box() for answer in answers.all()):
        assert box is not None and box["height"] >= 48


def test_what_patients_write_is_text(page: Page) -> None:
    enter(page, "hard")
    expect(page.get_by_text("<b>not bold</b>")).to_have_count(1)
    assert page.locator(".bubble *").count() == 0
    assert page.locator(".bubble[dir=auto]").count() == page.locator(".bubble").count()


def test_recovery_shows_one_thing_in_the_dark_and_a_field_only_when_asked(page: Page) -> None:
    enter(page, "recovery")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_text("Your session is over.")).to_be_hidden()
    expect(page.get_by_role("textbox")).to_be_hidden()
    page.get_by_role("button", name="I want to write").click()
    expect(page.get_by_role("textbox")).to_be_focused()


def test_the_infusion_has_no_field(page: Page) -> None:
    enter(page, "infusion")
    expect(page.get_by_text("tell the staff in the room")).to_be_visible()
    expect(page.get_by_role("textbox")).to_be_hidden()
    expect(page.get_by_role("button", name="Help now")).to_be_visible()


def breathing(page: Page) -> Locator:
    """The pacer, on a page whose clock stands still until it is moved."""
    start = datetime.now(UTC)
    page.clock.install(time=start)
    enter(page, "breathing")
    page.clock.pause_at(start + timedelta(hours=1))
    pacer = page.get_by_role("group", name="Breathing pace")
    expect(pacer.get_by_role("button", name="Breathe along")).to_be_visible()
    expect(pacer.locator(".breath__circle")).to_be_hidden()
    return pacer


def moves(pacer: Locator) -> int:
    circle = pacer.locator(".breath__circle")
    return int(circle.evaluate("(circle) => circle.getAnimations().length"))


def test_the_breath_pacer_keeps_the_pace_and_ends_by_itself(page: Page) -> None:
    pacer = breathing(page)
    pacer.get_by_role("button", name="Breathe along").press("Enter")
    expect(pacer.get_by_role("status")).to_have_text("In")
    expect(pacer.get_by_text("1 of 6")).to_be_visible()
    expect(pacer.locator(".breath__circle")).to_be_visible()
    assert moves(pacer) == 1
    page.clock.run_for(3_000)
    expect(pacer.get_by_role("status")).to_have_text("Out")
    page.clock.run_for(5_000)
    expect(pacer.get_by_role("status")).to_have_text("In")
    expect(pacer.get_by_text("2 of 6")).to_be_visible()
    page.clock.run_for(5 * 8_000)
    expect(pacer.get_by_role("status")).to_have_text(re.compile("^That's all"))
    expect(pacer.locator(".breath__circle")).to_be_hidden()
    expect(pacer.get_by_role("button", name="Breathe along")).to_be_focused()


def test_one_press_stops_the_breath_pacer_and_an_answer_takes_it_away(page: Page) -> None:
    pacer = breathing(page)
    pacer.get_by_role("button", name="Breathe along").click()
    pacer.get_by_role("button", name="Stop breathing along").click()
    expect(pacer.locator(".breath__circle")).to_be_hidden()
    assert moves(pacer) == 0
    page.clock.run_for(9_000)
    expect(pacer.locator(".breath__word")).to_have_text("")
    pacer.get_by_role("button", name="Breathe along").click()
    page.get_by_role("button", name="OK", exact=True).click()
    page.clock.run_for(100)
    expect(pacer).to_be_hidden()


def test_with_reduced_motion_the_breath_is_counted_and_nothing_moves(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    pacer = breathing(page)
    pacer.get_by_role("button", name="Breathe along").click()
    expect(pacer.get_by_role("status")).to_have_text("In")
    expect(pacer.locator(".breath__count")).to_have_text("1")
    page.clock.run_for(2_000)
    expect(pacer.locator(".breath__count")).to_have_text("3")
    page.clock.run_for(1_000)
    expect(pacer.get_by_role("status")).to_have_text("Out")
    expect(pacer.locator(".breath__count")).to_have_text("1")
    expect(pacer.locator(".breath__circle")).to_be_hidden()
    assert moves(pacer) == 0


@pytest.mark.parametrize(
    ("name", "width", "theme", "motion"),
    [
        ("light", 1440, "light", "no-preference"),
        ("dark", 1440, "dark", "no-preference"),
        ("phone", 360, "light", "no-preference"),
        ("phone-still", 360, "dark", "reduce"),
    ],
)
def test_the_breath_pacer_in_pictures(
    browser: Browser, edge: str, name: str, width: int, theme: Any, motion: Any
) -> None:
    context = browser.new_context(
        base_url=edge,
        viewport={"width": width, "height": 800},
        color_scheme=theme,
        reduced_motion=motion,
    )
    page = context.new_page()
    enter(page, "breathing")
    page.get_by_role("button", name="Breathe along").click()
    word = page.get_by_role("group", name="Breathing pace").get_by_text("Out")
    expect(word).to_be_visible()
    over = "(word) => { const box = word.getBoundingClientRect();"
    over += " return document.elementFromPoint(box.x + 2, box.y + box.height / 2) === word }"
    assert word.evaluate(over), "the circle lies over the word"
    stop = page.get_by_role("button", name="Stop breathing along")
    expect(stop).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    take_picture(page, PICTURES / f"room-breath-{name}.png")
    assert faults(page) == []
    context.close()


def test_three_escapes_leave_sign_out_and_close_the_way_back(page: Page) -> None:
    page.context.route("https://www.weather.gov/**", lambda route: route.fulfill(body="weather"))
    enter(page, "evening", remember=True)
    for _ in range(3):
        page.keyboard.press("Escape")
    page.wait_for_url("https://www.weather.gov/")
    page.goto("/chat")
    expect(page.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    enter(page, "evening")
    answer = page.get_by_role("button", name="Later today")
    for _ in range(12):
        page.keyboard.press("Tab")
        if answer.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("log").get_by_text("Later today")).to_be_visible()
    page.get_by_role("textbox").focus()
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox")).to_have_value("")
    assert "line one\nline two" in stored(page)


def test_older_messages_come_without_moving_the_reader(page: Page) -> None:
    enter(page, "many")
    log = page.get_by_role("log")
    before = log.locator(".bubble").count()
    page.locator(".scroll").evaluate("(box) => { box.scrollTop = 0 }")
    expect(log.get_by_text("Words number 1 of 12 days ago.")).to_have_count(1)
    assert log.locator(".bubble").count() > before
    assert page.locator(".scroll").evaluate("(box) => box.scrollTop") > 100


def test_a_new_row_waits_to_be_pressed_and_moves_nothing(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/mock/desk")
    first = page.locator(".queue-row").first
    before = first.bounding_box()
    context.request.get("/mock/break?rows=1")
    fresh = page.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible()
    assert first.bounding_box() == before
    assert faults(page) == []
    fresh.click()
    expect(page.locator(".queue-row").first).to_contain_text("AB")
    expect(fresh).to_be_hidden()


def test_a_declared_key_presses_its_button_but_not_while_writing(page: Page) -> None:
    page.goto("/mock/desk")
    pressed = (
        "(button) => { button.onclick = () => { window.pressed = (window.pressed || 0) + 1 } }"
    )
    page.get_by_role("button", name="Take over").evaluate(pressed)
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.type("a")
    assert page.evaluate("window.pressed") == 1
    expect(page.get_by_label("Write to SM")).to_have_value("a")


def test_the_embedded_panel_opens_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/mock/clinic")
    page.get_by_role("button", name="Talk to Afterglow").click()
    panel = page.frame_locator("iframe")
    panel.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("button", name="Talk to Afterglow")).to_be_focused()
