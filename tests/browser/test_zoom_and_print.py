"""Every page of the desk at twice its size, in both themes under axe, and on paper; with something
on it and with nothing.

A screen 1280 wide at 200 % is 640 wide to the page (WCAG 1.4.4, 1.4.10). A new page without a row
here fails: the list is held against the access matrix.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from clinic import people
from clinic.console import tour
from clinic.records.models import Clinic, Record, Staff
from tests.browser.pictures import PICTURES, take_picture
from tests.browser.test_three_windows import House
from tests.browser.test_three_windows import house as house
from tests.browser.test_whole_path import barriers, expect_no_barriers
from tests.desk import alert, message, record

pytestmark = pytest.mark.browser

#: Pages of their own, as the matrix names them; the first of the roles that may open them.
PAGES = {
    "/console": "therapist", "/console/queue": "therapist", "/console/requests": "therapist",
    "/console/patients": "therapist", "/console/patients/{patient_id}": "therapist",
    "/console/patients/{patient_id}/infusions": "therapist", "/console/import": "admin",
    "/console/review": "therapist", "/console/patients/{patient_id}/review": "therapist",
    "/console/patients/{patient_id}/messages/{seq}": "therapist", "/console/glass": "therapist",
    "/console/glass/openings": "admin", "/console/patients/{patient_id}/pictures": "therapist",
    "/console/patients/{patient_id}/summary": "therapist",
    "/console/patients/{patient_id}/export": "therapist",
    "/console/patients/{patient_id}/erase": "supervisor", "/console/overview": "therapist",
    "/console/overview/room": "therapist",
    "/console/judging": "therapist", "/console/team": "admin", "/console/team/invite": "admin",
    "/console/team/{staff_id}": "admin", "/console/team/{staff_id}/reset": "admin",
    "/console/settings": "admin", "/console/patients/new": "admin",
    "/console/patients/{patient_id}/invitation": "therapist",
    "/console/second-factor": "therapist", "/console/on-call": "therapist",
    "/console/audit": "therapist", "/console/reach": "therapist",
}  # fmt: skip
#: Asked for by a page that is there already; axe looks at them within it.
PARTS = {"/console/queue", "/console/requests"}
#: Before anybody is signed in, parts of pages, streams and files.
ELSEWHERE = {
    "/console/sign-in", "/console/sign-in/code", "/console/sign-in/enrol",
    "/console/sign-in/account", "/console/sign-in/account/back",
    "/console/invited/{link}", "/console/patients/{patient_id}/turns?after=0",
    "/console/patients/{patient_id}/looking", "/console/patients/rows", "/console/worker.js",
    "/console/health", "/console/events", "/console/{rest:path}",
}  # fmt: skip

#: What is cut off: words wider than a box that hides what does not fit.
_CUT = """() => [...document.querySelectorAll('main *')].filter((one) => {
  const style = getComputedStyle(one);
  const hides = ['hidden', 'clip'].includes(style.overflowX);
  const unseen = one.closest('.unseen, [hidden]') || one.getClientRects().length === 0;
  return hides && !unseen && one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1;
}).map((one) => one.outerHTML.slice(0, 160))"""
#: What could be scrolled to on a screen is lost on paper.
_LOST = _CUT.replace("['hidden', 'clip']", "['hidden', 'clip', 'auto', 'scroll']")
_WIDE = "document.documentElement.scrollWidth - window.innerWidth"
_ON_PAPER = """() => [...document.querySelectorAll('.bar, nav, .banner, .skip')]
  .filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 120))"""
_TORN = """() => [...document.querySelectorAll('svg')].filter((one) => one.checkVisibility())
  .filter((one) => {
    const whole = one.closest('figure') ?? one;
    const box = one.getBoundingClientRect();
    return box.right > window.innerWidth + 1 ||
      (one.closest('figure') && getComputedStyle(whole).breakInside !== 'avoid');
  }).map((one) => one.outerHTML.slice(0, 120))"""


def furnish(house: House) -> None:
    """Six weeks of one patient, with words as long as they come."""
    world, sam = house.world, house.sam
    series(house)
    message(world, sam, "It was quieter than the last time. " * 20)
    message(world, sam, "Wordwithoutanend" * 12)
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea before? " * 5})
    record(world, sam, "clinic_task", "t1", {"task": "forms", "urgency": "routine"})
    alert(world, sam, "urgent")


def series(house: House) -> None:
    """Five infusions, each rated, on a clock that only goes forward."""
    world, sam = house.world, house.sam
    for number, (sleep, strong) in enumerate([(4, 2), (6, 5), (5, 3), (8, 9), (7, 6)]):
        ago = 24 * (20 - 4 * number)
        world.infusion(sam, hours_ago=ago)
        before = {"sleep_hours": sleep, "worry": 9 - number, "fasting": "kept"}
        after = {"intensity": strong, "body": "foggy", "fog": 2}
        for key, data, at in (("b", before, ago + 6), ("a", after, ago - 3)):
            record(world, sam, "check_in", f"{key}{number}", data | {"mood": number - 2})
            with world.system.database.write() as session:
                row = session.scalars(select(Record).where(Record.key == f"{key}{number}")).one()
                row.created_at = world.system.clock.now() - timedelta(hours=at)


def role(house: House, name: str) -> Staff:
    return house.robin if name == "therapist" else house.world.staff(name.title(), name)


def opened(house: House, page: Page, path: str) -> None:
    filled = path.replace("{patient_id}", house.sam.id).replace("{staff_id}", house.robin.id)
    answer = page.goto(f"{house.url}{filled.replace('{seq}', '1')}")
    assert answer is not None and answer.status == 200, path


def test_every_page_of_the_desk_has_a_row() -> None:
    matrix = yaml.safe_load(
        (Path(__file__).parents[1] / "behaviour" / "access_matrix.yml").read_text(encoding="utf-8")
    )
    asked = {
        route.removeprefix("GET ")
        for routes in matrix.values()
        if isinstance(routes, dict)
        for route in routes
        if str(route).startswith("GET /console")
    }
    assert asked == set(PAGES) | ELSEWHERE


@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
def test_at_twice_the_size_and_on_paper_nothing_is_cut_off(house: House, full: bool) -> None:
    if full:
        furnish(house)
    else:
        message(house.world, house.sam, "Hello.")
    found: list[str] = []
    for who in sorted(set(PAGES.values())):
        staff = role(house, who)
        if who == "supervisor":
            with house.world.system.database.write() as session:
                people.relate(house.world.system, session, house.sam, staff, "supervisor")
        page = house.clinician(staff, width=640)
        for path in (path for path, may in PAGES.items() if may == who):
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": 640, "height": 400})
            opened(house, page, path)
            if page.evaluate(_WIDE) > 0:
                found.append(f"{path} scrolls sideways")
            found += [f"{path} cuts {one}" for one in page.evaluate(_CUT)]
            name = path.removeprefix("/console").replace("/", "-").replace("{", "").replace("}", "")
            kind = "full" if full else "empty"
            take_picture(page, PICTURES / f"zoom{name}-{kind}.png", whole=True)
            for theme in ("dark", "light") if path not in PARTS else ():
                page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                found += [f"{path} in {theme} bars {one}" for one in barriers(page)]
                if path.endswith("/pictures"):
                    take_picture(page, PICTURES / f"zoom{name}-{theme}.png", whole=True)
            page.emulate_media(media="print")
            # A4 between the margins of the style sheet, in CSS pixels.
            page.set_viewport_size({"width": 688, "height": 990})
            found += [f"{path} prints {one}" for one in page.evaluate(_ON_PAPER)]
            found += [f"{path} tears {one}" for one in page.evaluate(_TORN)]
            found += [f"{path} loses {one}" for one in page.evaluate(_LOST)]
            if page.evaluate(_WIDE) > 0:
                found.append(f"{path} is too wide for paper")
    assert found == []


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_the_tour_by_keys_alone_covers_nothing(house: House, width: int) -> None:
    """Offered in a demo clinic; begun, gone through and left with the keyboard."""
    with house.world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        session.execute(update(Clinic).values(settings={**clinic.settings, "demo": True}))
    alert(house.world, house.sam, "urgent")
    page = house.clinician(house.robin, width=width)
    page.get_by_role("button", name="Take the tour").focus()
    page.keyboard.press("Enter")
    for step in tour.STEPS:
        aside = page.get_by_role("complementary", name=step.title)
        expect(aside).to_be_visible()
        assert page.evaluate(_WIDE) <= 0
        if step is tour.STEPS[0]:
            # Above the list of alerts, and over none of it.
            box, row = aside.bounding_box(), page.locator(".queue-row").first
            assert box is not None
            assert (row.bounding_box() or {"y": 0})["y"] >= box["y"] + box["height"]
            for theme in ("dark", "light"):
                page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                expect_no_barriers(page)
                take_picture(page, PICTURES / f"tour-{width}-{theme}.png")
        last = step is tour.STEPS[-1]
        aside.get_by_role("button", name="Done" if last else "Next").focus()
        page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="New here?")).to_have_count(0)
    expect(page.locator(".tour")).to_have_count(0)
