"""Two clinicians and a patient, three windows on one edge: who has the alert, writes and reads.

The assistant is played; edge, engine, database and browsers are real.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from clinic.app import create_app
from clinic.clock import SystemClock
from clinic.console.desk import COOKIE as STAFF_COOKIE
from clinic.console.sign_in import access as staff_access
from clinic.escalation.engine import Engine
from clinic.notify.email import sink
from clinic.patient.access import COOKIE as PATIENT_COOKIE
from clinic.records.models import Patient, Staff
from clinic.system import assemble
from tests.behaviour.peer import Peer
from tests.browser.pictures import keep_picture
from tests.browser.test_whole_path import expect_no_barriers
from tests.builders import World, free_ports, settings
from tests.identity import Identity

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
RISK = "I want to kill myself tonight"


@dataclass
class House:
    """A running clinic and its windows."""

    world: World
    url: str
    browser: Browser
    sam: Patient
    noor: Staff
    robin: Staff
    identity: Identity
    stop_engine: threading.Event
    windows: list[BrowserContext]

    def patient(self) -> Page:
        page = self._window(PATIENT_COOKIE, self.world.session(self.sam).token, "/", width=400)
        page.goto(f"{self.url}/chat")
        page.wait_for_selector("[data-view=talk]")
        return page

    def clinician(self, staff: Staff, width: int = 1440) -> Page:
        with self.world.system.database.write() as session:
            token = staff_access.start(self.world.system, session, staff.id)
        page = self._window(STAFF_COOKIE, token, "/console", width=width)
        page.goto(f"{self.url}/console")
        return page

    def _window(self, cookie: str, value: str, path: str, width: int) -> Page:
        window = self.browser.new_context(viewport={"width": width, "height": 860})
        window.set_default_timeout(15_000)
        window.add_cookies([{"name": cookie, "value": value, "domain": "127.0.0.1", "path": path}])
        self.windows.append(window)
        return window.new_page()


@pytest.fixture
def house(tmp_path: Path, browser: Browser) -> Iterator[House]:
    assert (ROOT / "clinic/static/console.js").exists(), "build the web part first: bin/setup"
    peer, (port,), identity = Peer(), free_ports(1), Identity(SystemClock())
    url = f"http://127.0.0.1:{port}"
    # A name, as a clinic has: security keys sign for no number.
    public_url = f"http://localhost:{port}"
    chosen = settings(
        tmp_path,
        port=port,
        public_url=public_url,
        assistant_url=peer.url,
        engine_silent_after=5,
        openid=identity.settings(),
    )
    system = assemble(chosen)
    system.database.migrate()
    world = World.furnish(system)
    robin = world.staff("Robin", "therapist")
    noor = world.staff("Noor", "on_call", on_call=True)
    # No touches: at some hours of the day they would come into the middle of a test.
    sam = world.patient(therapist=robin, touches=False)
    world.infusion(sam, hours_ago=25)
    mails = sink.start(tmp_path / "mail")
    edge = uvicorn.Server(
        uvicorn.Config(create_app(system), port=port, log_level="critical", access_log=False)
    )
    stop = threading.Event()
    threads = [
        threading.Thread(target=edge.run),
        threading.Thread(target=Engine(system).run, args=(stop,)),
    ]
    for thread in threads:
        thread.start()
    _until(lambda: edge.started)
    opened = House(world, url, browser, sam, noor, robin, identity, stop, [])
    yield opened
    for window in opened.windows:
        window.close()
    stop.set()
    edge.should_exit = edge.force_exit = True
    for thread in threads:
        thread.join()
    mails.stop()
    peer.close()
    identity.close()
    system.database.close()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)


def say(page: Page, words: str) -> None:
    page.get_by_label("Your message").fill(words)
    page.get_by_role("button", name="Send", exact=True).click()


def test_two_clinicians_and_a_patient_from_a_word_to_an_outcome(house: House) -> None:
    sam, noor, robin = house.patient(), house.clinician(house.noor), house.clinician(house.robin)
    say(sam, RISK)

    # Both see it come, with a countdown, without touching anything; the title calls.
    for page in (noor, robin):
        row = page.locator(".queue [data-row]").first
        expect(row).to_contain_text("Emergency")
        expect(row.locator(".countdown")).to_have_text(re.compile(r"in [45]:\d\d"))
        expect(page).to_have_title("(1) Alert open")
    keep_picture(noor, "desk-alert")

    # One key takes it. The other is told who has it, and the patient who saw it and when.
    noor.keyboard.press("a")
    expect(noor.get_by_text("This alert is yours now.")).to_be_visible()
    expect(robin.locator(".queue [data-row]").first).to_contain_text("Noor")
    expect(robin).not_to_have_title("(1) Alert open")
    expect(sam.get_by_text(re.compile("Noor saw this at")).first).to_be_visible()

    # Who else is looking is said before two do the same.
    robin.locator(".queue-row").first.click()
    expect(robin.get_by_text("Also looking: Noor.")).to_be_visible()

    # One holds the conversation, the other is told.
    noor.get_by_role("button", name="Take over").click()
    expect(noor.get_by_label("Write to Sam Rivera as yourself")).to_be_visible()
    robin.get_by_role("button", name="Take over").click()
    expect(robin.get_by_text("Noor is already writing with this patient.").first).to_be_visible()
    expect(sam.get_by_text("Noor, Nurse, has joined").first).to_be_visible()

    # Typing, both ways.
    noor.get_by_label("Write to Sam Rivera as yourself").press_sequentially("Hello", delay=30)
    expect(sam.get_by_text("Noor is writing").first).to_be_visible()
    sam.get_by_label("Your message").press_sequentially("ok", delay=30)
    expect(noor.get_by_text("Sam Rivera is writing")).to_be_visible()

    # Words and receipts, both ways.
    noor.get_by_label("Write to Sam Rivera as yourself").fill("I am calling you now.")
    noor.get_by_role("button", name="Send").click()
    expect(sam.get_by_role("log")).to_contain_text("I am calling you now.")
    expect(noor.get_by_text("Seen by the patient").first).to_be_visible()
    turns_before = sam.locator(".msg").count()
    say(sam, "I am by the window")
    expect(noor.locator(".turns")).to_contain_text("I am by the window")
    noor.reload()
    expect(sam.get_by_text(re.compile("Noor opened this at"))).to_be_visible()
    assert sam.locator(".msg").count() == turns_before + 1, "no companion's word in between"
    keep_picture(noor, "desk-hold")
    keep_picture(sam, "room-hold")
    expect_no_barriers(noor)
    expect_no_barriers(sam)

    # Back to the companion; then the attempt and the outcome, on record.
    noor.get_by_role("button", name="Hand back").click()
    expect(noor.get_by_text("The companion answers again.")).to_be_visible()
    noor.get_by_text("Note an attempt to reach Sam Rivera").click()
    noor.get_by_label("What you did").select_option("spoke")
    noor.get_by_label("Anything else").fill("Brother is with him.")
    noor.get_by_role("button", name="Note it").click()
    noor.get_by_label("Outcome").select_option("plan_made")
    noor.get_by_label("What happened").fill("Spoke for ten minutes. Brother stays the night.")
    noor.get_by_role("button", name=re.compile("Resolve alert")).click()
    expect(noor.get_by_text("The alert is resolved.")).to_be_visible()
    expect(noor.get_by_text("Earlier alerts")).to_be_visible()


def test_without_the_stream_the_desk_polls_and_still_learns_of_an_alert(house: House) -> None:
    def cut(route: Route) -> None:
        route.abort()

    robin = house.clinician(house.robin)
    robin.route("**/console/events*", cut)
    robin.clock.install()
    robin.reload()
    say(house.patient(), RISK)
    expect(robin.locator(".queue [data-row]")).to_have_count(0)
    robin.clock.fast_forward(16_000)
    expect(robin.locator(".queue [data-row]").first).to_contain_text("Emergency")


def test_an_alert_that_waits_to_be_pressed_calls_all_the_same(house: House) -> None:
    """A list never moves under the hand; the title must not wait for that."""
    sam, noor = house.patient(), house.clinician(house.noor)
    say(sam, RISK)
    expect(noor).to_have_title("(1) Alert open")
    noor.keyboard.press("a")
    expect(noor.get_by_text("This alert is yours now.")).to_be_visible()
    expect(noor).not_to_have_title("(1) Alert open")
    other = house.world.patient("Mo Lane", therapist=house.robin)
    house.sam = other
    say(house.patient(), RISK)
    expect(noor.get_by_role("button", name="1 new")).to_be_visible()
    expect(noor).to_have_title("(1) Alert open")


def test_the_flashing_title_and_the_sound_are_a_persons_own_choice(house: House) -> None:
    noor = house.clinician(house.noor)
    noor.get_by_text("Alarm", exact=True).click()
    assert noor.get_by_label("Flash the title").is_checked()
    assert not noor.get_by_label("Sound when").is_checked(), "sound is off unless chosen"
    noor.get_by_label("Flash the title").uncheck()
    say(house.patient(), RISK)
    expect(noor.locator(".queue [data-row]").first).to_contain_text("Emergency")
    noor.wait_for_timeout(2_000)
    assert noor.title() == "Alerts · Afterglow"
    noor.reload()
    noor.get_by_text("Alarm", exact=True).click()
    assert not noor.get_by_label("Flash the title").is_checked(), "it stays as chosen"


#: Notes on the page how many tones it played; they are played all the same.
COUNT_TONES = """
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      const noted = document.documentElement.dataset;
      noted.tones = Number(noted.tones ?? 0) + 1;
      return start.apply(this, when);
    };
"""


def test_a_sound_that_was_chosen_is_heard_when_an_alert_comes_and_not_without(house: House) -> None:
    noor, robin = house.clinician(house.noor), house.clinician(house.robin)
    for page in (noor, robin):
        page.add_init_script(COUNT_TONES)
        page.reload()
    noor.get_by_text("Alarm", exact=True).click()
    noor.get_by_label("Sound when").check()
    noor.get_by_role("button", name="Try the sound").click()
    expect(noor.locator("html")).to_have_attribute("data-tones", "2")
    say(house.patient(), RISK)
    expect(noor.locator("html")).to_have_attribute("data-tones", "4")
    expect(robin).to_have_title("(1) Alert open")
    expect(robin.locator("html:not([data-tones])")).to_be_attached()


def test_an_alert_can_be_answered_from_a_phone(house: House) -> None:
    noor = house.clinician(house.noor, width=360)
    say(house.patient(), RISK)
    noor.get_by_role("button", name="Acknowledge alert 1").click()
    call = noor.get_by_role("link", name=re.compile("^Call "))
    expect(call.first).to_be_visible()
    assert noor.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep_picture(noor, "desk-phone")
    expect_no_barriers(noor)


def test_a_silent_engine_is_said_in_every_open_window(house: House) -> None:
    """Without anybody touching anything; and it is taken back when the engine lives again.
    (That it takes at most 15 seconds is a sum of settings: tests/behaviour/test_auditor.py.)"""
    sam, noor = house.patient(), house.clinician(house.noor)
    promise = noor.get_by_text("Whoever is on call is told of it")
    expect(promise).to_be_visible()
    house.stop_engine.set()
    alarm = noor.get_by_role("alert").filter(has_text="Alert engine silent")
    unstaffed = sam.get_by_text("Alerts may not reach the clinic right now.").first
    expect(alarm).to_be_visible(timeout=30_000)
    expect(unstaffed).to_be_visible(timeout=30_000)
    expect(promise).to_be_hidden()
    expect(sam.get_by_role("link", name="Call 988").first).to_be_visible()
    keep_picture(noor, "desk-silent")
    keep_picture(sam, "room-silent")
    stop = threading.Event()
    again = threading.Thread(target=Engine(house.world.system).run, args=(stop,))
    again.start()
    try:
        expect(alarm).to_be_hidden(timeout=30_000)
        expect(unstaffed).to_be_hidden(timeout=30_000)
    finally:
        stop.set()
        again.join()
