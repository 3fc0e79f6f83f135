"""An administrator changes a colleague's roles and relations: at once, on record, never by accident
leaving nobody to run the clinic, to answer an alert or to treat somebody."""

from __future__ import annotations

import pytest

from clinic import glass
from clinic.escalation import machine
from clinic.records.models import CareRelation, Escalation, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, shown


@pytest.fixture
def boss(world: World) -> Staff:
    return world.staff("Ada", "admin")


@pytest.fixture
def admin(world: World, boss: Staff) -> Browser:
    return Browser(world).sign_in(boss)


def change(admin: Browser, person: Staff, *roles: str, sure: str = "") -> int:
    admin.get(f"/console/team/{person.id}")
    form = {"roles": list(roles), "sure": sure}
    return admin.post(f"/console/team/{person.id}/roles", form).status_code


def roles(world: World, person: Staff) -> list[str]:
    with world.system.database.read() as session:
        return session.get_one(Staff, person.id).roles


def test_a_role_that_goes_cuts_at_once_and_is_on_record(
    world: World, boss: Staff, admin: Browser
) -> None:
    robin, ben = world.staff("Robin", "therapist", "supervisor"), world.staff("Ben")
    sam = world.patient("Sam Rivera", robin)
    world.session(sam)
    with world.system.database.write() as session:
        from clinic import people

        people.relate(world.system, session, sam, ben, "therapist")
    page = Browser(world).sign_in(robin)
    assert page.get(f"/console/patients/{sam.id}").status_code == 200
    assert change(admin, robin, "supervisor") == 303
    assert page.get(f"/console/patients/{sam.id}").status_code == 404
    [row] = audit(world, "staff.roles")
    assert (row.actor, row.detail) == (f"staff:{boss.id}", {"gained": "", "lost": "therapist"})
    history = shown(admin.get(f"/console/team/{robin.id}").text)
    assert "Ada Roles changed: lost therapist" in history
    assert "Sam" not in history


def test_the_last_administrator_stays_one(world: World, boss: Staff, admin: Browser) -> None:
    assert change(admin, boss, "therapist", sure="yes") == 409
    assert "last administrator" in shown(admin.last)
    assert roles(world, boss) == ["admin"]
    world.staff("Eve", "admin")
    assert change(admin, boss, "therapist") == 303
    assert admin.get("/console/team/invite").status_code == 404


def test_nobody_on_call_is_never_an_accident(world: World, admin: Browser) -> None:
    noor = world.staff("Noor", "on_call", on_call=True)
    for path, form in (("roles", {"roles": ["admin"]}), ("leave", {})):
        admin.get(f"/console/team/{noor.id}")
        answer = admin.post(f"/console/team/{noor.id}/{path}", form)
        assert answer.status_code == 409
        assert "Nobody who can be reached would be on call now." in shown(answer.text)
    assert roles(world, noor) == ["on_call"]
    assert change(admin, noor, "admin", sure="yes") == 303
    assert roles(world, noor) == ["admin"]


def test_a_patient_without_a_therapist_is_never_an_accident(world: World, admin: Browser) -> None:
    robin = world.staff("Robin", "therapist", "supervisor")
    sam = world.patient("Sam Rivera", robin)
    assert change(admin, robin, "supervisor") == 409
    assert "One patient would have no therapist." in shown(admin.last)
    form = {"patient": sam.id, "kind": "therapist"}
    admin.get(f"/console/team/{robin.id}")
    assert admin.post(f"/console/team/{robin.id}/unrelate", form).status_code == 409
    with world.system.database.read() as session:
        assert session.query(CareRelation).count() == 1
    assert admin.post(f"/console/team/{robin.id}/unrelate", form | {"sure": "yes"}).is_redirect
    with world.system.database.read() as session:
        assert session.query(CareRelation).count() == 0


def test_whoever_is_no_clinician_holds_nothing(world: World, admin: Browser) -> None:
    robin, sam = world.staff("Robin"), world.patient("Sam Rivera")
    alert_id = alert(world, sam)
    with world.system.database.write() as session:
        person = session.get_one(Staff, robin.id)
        machine.acknowledge(world.system, session, alert_id, person)
        glass.open_for(world.system, session, person, sam, "danger", "His brother called us.")
    assert change(admin, robin, "admin") == 303
    with world.system.database.read() as session:
        assert session.get_one(Escalation, alert_id).state == "open"
        assert glass.running(session, robin.id, world.clock.now()) == {}


def test_a_relation_is_added_by_record_number(world: World, admin: Browser) -> None:
    robin, sam = world.staff("Robin"), world.patient("Sam Rivera")
    world.session(sam)
    page = f"/console/team/{robin.id}"
    for patient, kind, says in (
        ("0" * 32, "therapist", "There is no patient with this record number."),
        (sam.id, "supervisor", "They have no such role."),
    ):
        admin.get(page)
        answer = admin.post(f"{page}/relations", {"patient": patient, "kind": kind})
        assert answer.status_code == 409
        assert says in shown(answer.text)
        assert f'value="{patient}"' in answer.text
    assert admin.post(f"{page}/relations", {"patient": sam.id, "kind": "therapist"}).is_redirect
    assert Browser(world).sign_in(robin).get(f"/console/patients/{sam.id}").status_code == 200
    assert "Sam Rivera" not in admin.get(page).text
