"""A patient is added at the desk, has a therapist from the first moment, and gets the link into the
chat on a sheet of paper. Whoever runs the clinic knows a name only until its owner has come in."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from clinic.console import relations
from clinic.patient import access
from clinic.records.models import CareRelation, Patient, Staff, new_id
from tests.builders import World
from tests.desk import Browser, audit, heartbeat, shown

NEW = "/console/patients/new"


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def ada(world: World) -> Staff:
    return world.staff("Ada", "admin")


def add(
    browser: Browser, therapist: Staff | None = None, name: str = "Sam Rivera", **more: str
) -> str:
    """Where the desk goes on to once the patient is there."""
    browser.get(NEW)
    fields = {"name": name, "timezone": "America/New_York", "phone": "+1 555 0142"}
    fields |= {"therapist": therapist.id if therapist else "", "key": new_id()} | more
    answer = browser.post(NEW, fields)
    assert answer.status_code == 303, shown(answer.text)
    return answer.headers["location"]


def link(browser: Browser, place: str) -> str:
    """The token of a fresh link."""
    browser.get(place)
    page = browser.post(place).text
    found = re.search(r"/chat#i=([\w-]+)", page)
    assert found, shown(page)
    assert "data:image/svg+xml" in page
    return found[1]


def test_an_administrator_adds_a_patient_who_then_comes_in(
    world: World, robin: Staff, ada: Staff
) -> None:
    admin = Browser(world).sign_in(ada)
    place = add(admin, robin)
    admission = access.admit(world.system, link(admin, place), remember=True)
    assert admission is not None
    heartbeat(world)
    assert "Sam Rivera" in shown(Browser(world).sign_in(robin).get("/console/patients").text)
    with world.system.database.read() as session:
        sam = session.scalars(select(Patient)).one()
        assert world.system.vault(session).shown_phone(sam) == "+1 555 0142"
        assert sam.timezone == "America/New_York"
        assert relations.may_read(session, robin, sam.id, world.clock.now()) == "therapist"
        assert relations.may_read(session, ada, sam.id, world.clock.now()) is None
    for action in ("patient.add", "relation.add", "patient.invite"):
        assert [row.actor for row in audit(world, action)] == [f"staff:{ada.id}"], action


def test_once_they_came_in_running_the_clinic_is_no_reason_any_more(
    world: World, robin: Staff, ada: Staff
) -> None:
    admin, therapist = Browser(world).sign_in(ada), Browser(world).sign_in(robin)
    place = add(admin, robin)
    assert "Sam Rivera" in shown(admin.get(NEW).text)
    first = link(admin, place)
    # A link nobody used can be made anew, by both; the earlier one opens nothing.
    token = link(therapist, place)
    assert access.admit(world.system, first, remember=False) is None
    assert access.admit(world.system, token, remember=False) is not None
    assert admin.get(place).status_code == 404
    admin.get(NEW)
    assert admin.post(place).status_code == 404
    assert "Sam Rivera" not in shown(admin.get(NEW).text)
    assert len(audit(world, "access.denied")) == 2
    assert therapist.get(place).status_code == 200


def test_a_therapist_adds_their_own_patient_and_nobody_elses(world: World, robin: Staff) -> None:
    ben = world.staff("Ben")
    therapist = Browser(world).sign_in(robin)
    # Another name in the form counts for nothing.
    place = add(therapist, ben)
    with world.system.database.read() as session:
        [relation] = session.scalars(select(CareRelation))
    assert (relation.staff_id, relation.kind) == (robin.id, "therapist")
    other = Browser(world).sign_in(ben)
    assert other.get(place).status_code == 404
    assert "Sam Rivera" not in shown(other.get(NEW).text)


@pytest.mark.parametrize("role", ["on_call", "supervisor"])
def test_nobody_else_adds_a_patient(world: World, role: str) -> None:
    browser = Browser(world).sign_in(world.staff("Noor", role))
    assert browser.get(NEW).status_code == 404
    browser.get("/console/patients")
    assert browser.post(NEW, {"name": "Sam"}).status_code == 404


def test_what_cannot_be_says_why_and_keeps_what_was_typed(
    world: World, robin: Staff, ada: Staff
) -> None:
    admin = Browser(world).sign_in(ada)
    admin.get(NEW)
    wrong = {"name": " ", "timezone": "Nowhere/Land", "country": "Spain", "phone": "+1 555 0142"}
    answer = admin.post(NEW, wrong | {"key": new_id()})
    assert answer.status_code == 422
    page = shown(answer.text)
    for says in ("Write their name", "no time zone", "no country code", "Choose their therapist"):
        assert says in page
    assert "+1 555 0142" in answer.text
    with world.system.database.read() as session:
        assert session.scalars(select(Patient)).all() == []


def test_the_same_form_twice_is_one_patient(world: World, robin: Staff, ada: Staff) -> None:
    admin = Browser(world).sign_in(ada)
    key = new_id()
    assert add(admin, robin, key=key) == add(admin, robin, key=key)
    with world.system.database.read() as session:
        assert len(session.scalars(select(Patient)).all()) == 1


def test_an_empty_list_says_how_it_fills(world: World, robin: Staff) -> None:
    page = Browser(world).sign_in(robin).get("/console/patients").text
    assert f'href="{NEW}"' in page
    noor = world.staff("Noor", "on_call")
    assert NEW not in Browser(world).sign_in(noor).get("/console/patients").text


def test_a_relation_is_picked_by_name_where_the_name_may_be_seen(
    world: World, robin: Staff, ada: Staff
) -> None:
    ben = world.staff("Ben")
    admin = Browser(world).sign_in(ada)
    place = add(admin, robin)
    patient_id = place.split("/")[3]
    page = admin.get(f"/console/team/{ben.id}").text
    assert re.search(rf'<option value="{patient_id}"[^>]*>Sam Rivera', page)
    answer = admin.post(
        f"/console/team/{ben.id}/relations", {"patient": patient_id, "kind": "therapist"}
    )
    assert answer.status_code == 303
    access.admit(world.system, link(admin, place), remember=False)
    assert "Sam Rivera" not in admin.get(f"/console/team/{ben.id}").text
    # Of one's own patients the name is known.
    world.patient("Kim Lee", ben)
    both = world.staff("Eve", "admin", "therapist")
    world.patient("Jo Park", both)
    page = Browser(world).sign_in(both).get(f"/console/team/{ben.id}").text
    assert "Jo Park" in page


def test_the_patient_sees_who_made_them_a_way_in(world: World, robin: Staff) -> None:
    sam = world.patient("Sam Rivera", robin)
    session = world.session(sam)
    link(Browser(world).sign_in(robin), f"/console/patients/{sam.id}/invitation")
    from fastapi.testclient import TestClient

    from clinic.app import create_app

    client = TestClient(create_app(world.system))
    client.cookies.set(access.COOKIE, session.token)
    page = shown(client.get("/team").text)
    assert re.search(r"New ways into your chat .*Robin Tue, Mar 10", page)
