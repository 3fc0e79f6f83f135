"""The whole path in a real browser: what `make run` starts, a patient and a clinician side by side.

The pictures it takes are kept in artefacts/ (and are the ones to look at before a release).
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import keep_picture
from tests.builders import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.assistant]

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
expect.set_options(timeout=20_000)
#: A word that can come from nowhere but the patient.
CANARY = "quillfeather"
RISK = f"{CANARY}. Honestly, everyone would be better off without me"


@dataclass
class Running:
    """What a person has after `make run`: a terminal, and the folder with the mail."""

    home: Path
    terminal: str

    @property
    def patient_url(self) -> str:
        return _found(r"(http\S+/chat#i=\S+)", self.terminal)

    @property
    def console_url(self) -> str:
        return _found(r"Clinicians\s+(http\S+)", self.terminal)

    def password(self, email: str) -> str:
        return _found(rf"{re.escape(email)}, one-time password (\S+)", self.terminal)

    def mails(self) -> list[str]:
        return [p.read_text() for p in sorted((self.home / "mail").glob("*.eml"))]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"the terminal does not show {pattern}:\n{text}"
    return match.group(1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    ports = free_ports(2)
    env = os.environ | {
        "AFTERGLOW_HOME": str(home),
        "AFTERGLOW_PORT": str(ports[0]),
        "AFTERGLOW_ASSISTANT_PORT": str(ports[1]),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "clinic.cli", "run"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        terminal = _read_until(process, "Ctrl-C stops everything")
        _until_up(f"http://127.0.0.1:{ports[0]}/health", home)
        yield Running(home, terminal)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    left = [name for name in (home / "run").iterdir() if _alive(int(name.read_text()))]
    assert not left, "Ctrl-C left processes behind"


def _read_until(process: subprocess.Popen[bytes], words: str) -> str:
    text, deadline = "", time.monotonic() + 60
    assert process.stdout is not None
    while words not in text:
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        chunk = os.read(process.stdout.fileno(), 4096) if ready else b""
        assert chunk, f"`afterglow run` ended or said nothing more:\n{text}"
        text += chunk.decode()
    return text


def _until_up(url: str, home: Path) -> None:
    """Until edge, engine and assistant are all up, as the health page says."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            found = httpx.get(url, trust_env=False, timeout=5).json()
            if {found["database"], found["engine"], found["assistant"]} == {"up"}:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    logs = "\n".join(p.read_text()[-800:] for p in (home / "log").glob("*.log"))
    raise AssertionError(f"not up within three minutes:\n{logs}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def expect_no_barriers(page: Page) -> None:
    assert barriers(page) == []


def barriers(page: Page) -> list[Any]:
    """What axe-core finds (WCAG 2.2 AA), injected past the page's own strict policy."""
    # A colour half way to its other theme is nobody's contrast.
    page.emulate_media(reduced_motion="reduce")
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    page.evaluate(AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: list[Any] = page.evaluate(
        "tags => axe.run({runOnly: tags}).then(r => r.violations.map("
        "v => [v.id, v.nodes.map(n => n.target.join(' '))]))",
        tags,
    )
    return found


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text(text)


def answer(page: Page, question: re.Pattern[str], text: str) -> None:
    """Wait for the question, then answer it as a person would: after reading it."""
    expect(page.get_by_role("log")).to_contain_text(question)
    page.wait_for_timeout(3500)
    say(page, text)


def sign_in(page: Page, running: Running, email: str) -> None:
    """A first sign-in: one-time password, authenticator, own password."""
    page.goto(running.console_url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(running.password(email))
    page.get_by_role("button", name="Continue").click()
    key = page.locator("code").inner_text().replace(" ", "")
    page.get_by_label("Code the app shows now").fill(pyotp.TOTP(key).now())
    page.get_by_label("Your own password").fill("four ordinary words here")
    page.get_by_role("button", name="Finish and sign in").click()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(re.compile("/console"))


def test_a_patient_reflects_words_show_risk_and_a_clinician_acknowledges(
    running: Running, browser: Browser
):
    desk = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    third_parties: list[str] = []
    for page in (desk, phone):
        page.on("request", lambda r: third_parties.append(r.url) if "127.0.0.1" not in r.url else 0)
    sign_in(desk, running, "noor@harbor.invalid")
    desk.get_by_role("button", name="No, thank you").click()
    keep_picture(desk, "desk-empty")
    expect_no_barriers(desk)

    phone.goto(running.patient_url)
    keep_picture(phone, "room-notice")
    expect_no_barriers(phone)
    phone.get_by_label(re.compile("18 or older")).check()
    phone.get_by_role("button", name="Start").click()
    expect(phone.get_by_role("log")).to_contain_text(re.compile("automated program", re.I))
    assert "#" not in phone.url, "the invitation does not stay in the address"

    say(phone, "I want to look back at my infusion")
    answer(phone, re.compile("body", re.I), "a bit heavy")
    answer(phone, re.compile("image|picture|scene", re.I), "a warm light over water")
    keep_picture(phone, "room-reflection")
    expect_no_barriers(phone)

    say(phone, RISK)
    card = phone.locator(".card").last
    expect(card).to_be_visible()
    expect(card.get_by_role("link", name=re.compile("988|911")).first).to_be_visible()
    expect(phone.get_by_role("log")).to_contain_text(
        re.compile(r"care team was alerted at \d+:\d\d [ap]m")
    )
    keep_picture(phone, "room-crisis")
    expect_no_barriers(phone)

    # The alert is on the clinician's screen without their doing anything but looking.
    row = desk.locator(".queue-row").first
    pill = desk.get_by_role("button", name=re.compile(r"\d+ new"))
    expect(row.or_(pill).first).to_be_visible(timeout=15_000)
    if pill.is_visible():
        pill.click()
    keep_picture(desk, "desk-alert")
    expect_no_barriers(desk)
    desk.locator(".queue-row").first.click()
    expect(desk.locator("mark.flag").first).to_be_visible()
    assert "better off without me" in "".join(desk.locator("mark.flag").all_inner_texts())
    expect(desk.locator(".margin-note").first).to_be_visible()
    desk.get_by_role("button", name=re.compile("Acknowledge")).first.click()
    keep_picture(desk, "desk-transcript")
    expect_no_barriers(desk)
    expect(phone.get_by_role("log").or_(phone.locator("body")).first).to_contain_text(
        re.compile(r"Noor Haddad saw this at \d+:\d\d [ap]m"), timeout=15_000
    )
    keep_picture(phone, "room-seen")

    mails = running.mails()
    assert mails
    assert not [mail for mail in mails if CANARY in mail or "Sam" in mail or "better off" in mail]
    logs = "".join(p.read_text() for p in (running.home / "log").glob("*.log"))
    assert CANARY not in logs
    assert third_parties == []


def test_the_second_start_is_quick_and_repeats_nothing(running: Running):
    """The same folder again: no second clinic, no new keys."""
    assert len(list(running.home.glob("secrets.json"))) == 1
    result = subprocess.run(
        [sys.executable, "-m", "clinic.cli", "patient", "list"],
        cwd=ROOT,
        env=os.environ | {"AFTERGLOW_HOME": str(running.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.count("Sam Rivera") == 1
