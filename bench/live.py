"""From a patient's message that shows risk to the alert on a clinician's screen: `afterglow run`
beside a clinic of many messages, the queue open in a real browser, on both databases."""

from __future__ import annotations

import random
import time

from playwright.sync_api import Page
from sqlalchemy import select

from bench import caseload
from bench.alert import RISK
from bench.databases import addresses
from bench.figures import goal, percentile, spread
from bench.installation import HOST, Installation, installed, temporary
from bench.page import page
from clinic import people, settings
from clinic.clock import ManualClock
from clinic.console.desk import COOKIE, HOME
from clinic.console.sign_in import access
from clinic.records.models import Patient
from clinic.system import assemble
from tests.builders import World
from tests.chromium import chromium

GOAL = 1.0
_LONGEST_MS = 20_000
#: A row, or the button behind which a new one waits so that the list does not jump.
_SHOWN = """(count) => {
  const list = document.querySelector(".queue-list");
  const waiting = parseInt(document.querySelector(".queue .fresh:not([hidden])")?.innerText || "0");
  return list.querySelectorAll("[data-row]").length + waiting > count;
}"""


def run(patients: int, messages: int, alerts: int) -> None:
    for name, address in addresses():
        chosen = {"AFTERGLOW_DATABASE_URL": address} if address else {}
        with temporary() as home:
            # Filled while nothing runs: who fills takes the database for longer than others wait.
            with installed(home, **chosen) as ours:
                ours.until_page()
                tokens = ours.patients(alerts + 1)
            chief = _fill(ours, patients, messages)
            with installed(home, **chosen) as ours, chromium() as browser:
                ours.until_page()
                ours.until_ready()
                screen = browser.new_page()
                _open_queue(screen, ours, chief)
                waits = [_one(screen, ours, token, number) for number, token in enumerate(tokens)]
        told = f"{alerts} alerts, {messages:,} messages of {patients} patients in the clinic"
        print(f"{name} live: the very first {waits[0] * 1000:.0f} ms; then", end=" ")
        print(f"{spread(waits[1:], 0.5, 0.95)} ({told})", end=" ")
        print(goal(percentile(waits[1:], 0.95) <= GOAL, "p95 <= 1 s"), flush=True)


def _fill(ours: Installation, patients: int, messages: int) -> str:
    """A clinic of many messages; the id of somebody who may read everyone."""
    system = assemble(settings.load(ours.environ))
    world = World(system, ManualClock(system.clock.now()))
    chief = world.staff("Chief", "supervisor")
    with system.database.write() as session:
        for patient in session.scalars(select(Patient)):
            people.relate(system, session, patient, chief, "supervisor")
    caseload.fill(world, world.staff("Robin"), chief, patients, messages // patients)
    system.database.close()
    return chief.id


def _open_queue(screen: Page, ours: Installation, chief: str) -> None:
    system = assemble(settings.load(ours.environ))
    with system.database.write() as session:
        token = access.start(system, session, chief)
    system.database.close()
    address = f"http://{HOST}:{ours.port}"
    screen.context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    screen.goto(f"{address}{HOME}")


def _one(screen: Page, ours: Installation, token: str, before: int) -> float:
    with page(ours.port, token) as patient:
        # Not in step with anything that beats.
        time.sleep(0.3 + random.Random(token).random() / 2)
        begun, _ = patient.send(RISK)
        screen.wait_for_function(_SHOWN, arg=before, timeout=_LONGEST_MS)
        seen = time.perf_counter() - begun
    waiting = screen.locator(".queue .fresh button")
    if waiting.is_visible():
        waiting.click()
    return seen
