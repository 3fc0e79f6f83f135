"""The tour of the desk: offered once in the demo clinic, each step at a page that is there."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from clinic.console import tour
from clinic.records.models import Clinic, Patient, Staff
from tests.builders import World
from tests.desk import Browser, alert, heartbeat, in_order, shown


@pytest.fixture
def robin(world: World) -> Staff:
    """A new therapist in a demo clinic."""
    heartbeat(world)
    with world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        session.execute(update(Clinic).values(settings={**clinic.settings, "demo": True}))
    return world.staff("Robin")


def aside(page: str) -> str:
    _, found, rest = page.partition('<aside class="tour')
    return shown(rest.split("</aside>")[0]) if found else ""


def test_it_leads_through_every_page_and_never_comes_again(world: World, robin: Staff) -> None:
    sam = world.patient("Sam Rivera", robin)
    browser = Browser(world).sign_in(robin)
    assert "New here?" in aside(browser.get("/console").text)
    for place, step in enumerate(tour.STEPS):
        answer = browser.post("/console/tour", {"to": str(place)})
        assert answer.headers["location"] == step.path.format(patient=sam.id)
        page = browser.get(answer.headers["location"])
        assert page.status_code == 200
        said = aside(page.text)
        assert step.title in said and step.words in said
        assert f"Tour, {place + 1} of {len(tour.STEPS)}" in said
        assert ("Next" in said) is (place + 1 < len(tour.STEPS))
    # In another window it stands where it was left.
    assert tour.STEPS[-1].title in aside(Browser(world).sign_in(robin).get("/console/team").text)
    browser.post("/console/tour", {"to": "-1"})
    for path in ("/console", "/console/patients"):
        assert aside(browser.get(path).text) == ""
    assert aside(Browser(world).sign_in(robin).get("/console").text) == ""
    # Whoever wants it again finds it with their own things.
    assert "A short tour of the desk" in shown(browser.get("/console/team").text)


def test_no_thank_you_is_for_good(world: World, robin: Staff) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get("/console")
    assert browser.post("/console/tour", {"to": "-1"}).headers["location"] == "/console"
    assert aside(browser.get("/console").text) == ""


def test_warnings_and_alerts_stand_as_they_did(world: World, robin: Staff) -> None:
    sam: Patient = world.patient("Sam Rivera", robin)
    alert(world, sam, "emergency")
    page = Browser(world).sign_in(robin).get("/console").text
    assert in_order(page, ['id="engine"', '<aside class="tour', "Emergency"])


def test_without_a_patient_the_list_of_them_is_shown(world: World, robin: Staff) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get("/console")
    assert browser.post("/console/tour", {"to": "2"}).headers["location"] == "/console/patients"
    browser.get("/console")
    assert browser.post("/console/tour", {"to": "99"}).status_code in (404, 422)


def test_it_offers_itself_to_clinicians_of_the_demo_alone(world: World, robin: Staff) -> None:
    ada = world.staff("Ada", "admin")
    assert aside(Browser(world).sign_in(ada).get("/console").text) == ""
    with world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        session.execute(update(Clinic).values(settings={**clinic.settings, "demo": False}))
    assert aside(Browser(world).sign_in(robin).get("/console").text) == ""
