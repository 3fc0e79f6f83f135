"""What somebody does next about a patient, and handing a patient over to a colleague."""

from __future__ import annotations

from datetime import timedelta

import pytest
from httpx import Response

from clinic import erasure, people
from clinic.records.models import CareRelation, FollowUp, Patient, Staff
from clinic.records.vault import UNREADABLE
from tests.behaviour.test_caseload import words
from tests.builders import World
from tests.desk import Browser, alert, audit, message, shown


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def sam(world: World, robin: Staff) -> Patient:
    return world.patient(therapist=robin)


def keep(browser: Browser, patient: Patient, whom: Staff, **changes: str) -> Response:
    path = f"/console/patients/{patient.id}"
    browser.get(path)
    fields = {"what": "Call about sleep", "to": whom.id, "on": "2026-03-12"} | changes
    return browser.post(f"{path}/follow-up", fields)


def team(world: World, patient: Patient, name: str) -> Staff:
    """A colleague with a relation to the patient."""
    colleague = world.staff(name)
    with world.system.database.write() as session:
        held = session.get_one(Patient, patient.id)
        people.relate(world.system, session, held, colleague, "therapist")
    return colleague


def hand_over(browser: Browser, patient: Patient, to: Staff, **fields: str) -> Response:
    browser.get(f"/console/patients/{patient.id}")
    return browser.post(f"/console/patients/{patient.id}/hand-over", {"to": to.id} | fields)


def test_it_comes_up_on_its_day_with_whoever_has_it(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = team(world, sam, "Lee")
    keep(Browser(world).sign_in(robin), sam, lee)
    assert words(world, lee) == []
    world.clock.advance(timedelta(days=2))
    assert words(world, lee) == ["Follow up: Call about sleep"]
    assert words(world, robin) == []


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"what": " "}, "follow-what", "Say what there is to do."),
        ({"what": "x" * 201}, "follow-what", "Say it in 200 characters; these are 201."),
        ({"to": "nobody"}, "follow-to", "Choose who does it."),
        ({"on": "soon"}, "follow-on", "Choose a day."),
    ],
)
def test_a_refusal_says_why_beside_the_field_and_keeps_what_was_typed(
    world: World, robin: Staff, sam: Patient, wrong: dict[str, str], field: str, says: str
) -> None:
    answer = keep(Browser(world).sign_in(robin), sam, robin, **wrong)
    assert answer.status_code == 422
    beside = answer.text[answer.text.index(f'id="{field}-error"') :]
    assert says in shown(beside.partition("</p>")[0])
    typed = {"what": "Call about sleep", "on": "2026-03-12"} | wrong
    for name in ("what", "on"):
        assert f'value="{typed[name]}"' in answer.text
    with world.system.database.read() as session:
        assert session.query(FollowUp).count() == 0


def test_it_stays_until_it_is_done(world: World, robin: Staff, sam: Patient) -> None:
    browser = Browser(world).sign_in(robin)
    keep(browser, sam, robin, on="2026-03-01")
    page = shown(browser.get(f"/console/patients/{sam.id}").text)
    assert "Call about sleep Robin, Mar 1" in page
    assert words(world, robin) == ["Follow up: Call about sleep"]
    browser.post(f"/console/patients/{sam.id}/follow-up/done")
    assert words(world, robin) == []
    assert [row.actor for row in audit(world, "follow_up.done")] == [f"staff:{robin.id}"]


def test_giving_it_to_another_changes_the_one_that_waits(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = team(world, sam, "Lee")
    browser = Browser(world).sign_in(robin)
    keep(browser, sam, robin)
    keep(browser, sam, lee, what="Call about work", on="2026-03-01")
    with world.system.database.read() as session:
        row = session.query(FollowUp).one()
    assert row.assigned_to == lee.id
    assert b"work" not in row.what_sealed
    assert words(world, lee) == ["Follow up: Call about work"]


def test_nobody_outside_the_team_is_given_anything(
    world: World, robin: Staff, sam: Patient
) -> None:
    keep(Browser(world).sign_in(robin), sam, world.staff("Charlie"))
    with world.system.database.read() as session:
        assert session.query(FollowUp).count() == 0


def test_a_patient_handed_over_is_the_colleagues_and_no_longer_mine(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = world.staff("Lee")
    browser = Browser(world).sign_in(robin)
    keep(browser, sam, robin, on="2026-03-01")
    assert hand_over(browser, sam, lee).headers["location"] == "/console/patients"
    assert browser.get(f"/console/patients/{sam.id}").status_code == 404
    # What waited goes along.
    assert words(world, lee) == ["Follow up: Call about sleep"]
    (added,) = [row for row in audit(world, "relation.add") if row.actor == f"staff:{robin.id}"]
    assert added.subject == f"staff:{lee.id}"


def test_whoever_takes_a_patient_over_is_told_by_whom_and_what_they_have_not_read(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = world.staff("Lee")
    message(world, sam, "Hello")
    alert(world, sam)
    browser = Browser(world).sign_in(robin)
    keep(browser, sam, robin)
    path = f"/console/patients/{sam.id}"
    assert "New to you" not in browser.get(path).text
    world.clock.advance(timedelta(minutes=1))
    hand_over(browser, sam, lee)
    taker = Browser(world).sign_in(lee)
    page = shown(taker.get(path).text)
    assert "New to you Robin gave you this patient" in page
    assert "So far: 1 alert, 2 messages you have not read" in page
    assert "What waits stands below" in page
    assert f"{path}/summary" in taker.get(path).text
    world.clock.advance(timedelta(minutes=1))
    taker.get(f"{path}/review")
    assert taker.post(f"{path}/reviewed", {"seq": "1"}).status_code == 303
    assert "New to you" not in taker.get(path).text


NOTE = "Sleeps badly since Tuesday. Ask about the \u202eride."


def test_a_note_goes_with_the_patient_until_the_colleague_has_read_the_record(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = world.staff("Lee")
    message(world, sam, "Hello")
    browser, path = Browser(world).sign_in(robin), f"/console/patients/{sam.id}"
    world.clock.advance(timedelta(minutes=1))
    hand_over(browser, sam, lee, note=f"  {NOTE} ", stay="yes")
    taker = Browser(world).sign_in(lee)
    assert words(world, lee)[0] == f"Given to you: {NOTE}"
    assert f"What Robin wrote for you {NOTE}" in shown(taker.get(path).text)
    # For the colleague, and for nobody else who may read the patient.
    assert NOTE not in browser.get(path).text
    assert all(NOTE not in said for said in words(world, robin))
    (kept,) = audit(world, "hand_over.note")
    assert (kept.actor, kept.subject) == (f"staff:{robin.id}", f"staff:{lee.id}")
    assert kept.patient_id == sam.id
    world.clock.advance(timedelta(minutes=1))
    taker.get(f"{path}/review")
    assert taker.post(f"{path}/reviewed", {"seq": "1"}).status_code == 303
    assert NOTE not in taker.get(path).text
    assert all(NOTE not in said for said in words(world, lee))


def test_a_note_is_sealed_and_leaves_with_the_patient(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = world.staff("Lee")
    hand_over(Browser(world).sign_in(robin), sam, lee, note=NOTE)
    with world.system.database.read() as session:
        row = session.get_one(CareRelation, (sam.id, lee.id, "therapist"))
        sealed = row.note_sealed or b""
        cipher = world.system.vault(session).cipher(sam.id)
        assert cipher.open("care_relation", "note", lee.id, sealed) == NOTE
    assert NOTE[:20].encode() not in sealed
    assert NOTE[:20] not in str([row.detail for row in audit(world, "hand_over.note")])
    with world.system.database.write() as session:
        session.get_one(CareRelation, (sam.id, lee.id, "therapist")).note_sealed = b"damaged"
    page = Browser(world).sign_in(lee).get(f"/console/patients/{sam.id}")
    assert UNREADABLE in page.text
    erasure.erase(world.system, sam.id, "system")
    with world.system.database.read() as session:
        assert session.query(CareRelation).filter_by(patient_id=sam.id).count() == 0


def test_a_note_that_is_too_long_is_not_lost_and_hands_nobody_over(
    world: World, robin: Staff, sam: Patient
) -> None:
    lee = world.staff("Lee")
    browser = Browser(world).sign_in(robin)
    answer = hand_over(browser, sam, lee, note="a" * 601)
    assert answer.status_code == 422
    assert "a" * 601 in answer.text
    assert "Say it in 600 characters; these are 601." in shown(answer.text)
    assert audit(world, "hand_over.note") == []
    assert Browser(world).sign_in(lee).get(f"/console/patients/{sam.id}").status_code == 404


def test_a_colleague_can_be_added_while_i_stay(world: World, robin: Staff, sam: Patient) -> None:
    lee = world.staff("Lee")
    browser = Browser(world).sign_in(robin)
    hand_over(browser, sam, lee, stay="yes")
    for staff in (robin, lee):
        page = Browser(world).sign_in(staff).get(f"/console/patients/{sam.id}")
        assert page.status_code == 200


@pytest.mark.parametrize("role", ["admin", "on_call"])
def test_only_a_therapist_takes_a_patient_over(
    world: World, robin: Staff, sam: Patient, role: str
) -> None:
    browser = Browser(world).sign_in(robin)
    assert hand_over(browser, sam, world.staff("Ada", role)).status_code == 404
    assert browser.get(f"/console/patients/{sam.id}").status_code == 200


def test_who_is_here_for_an_alert_or_as_supervisor_hands_nobody_over(
    world: World, robin: Staff, sam: Patient
) -> None:
    chief, lee = world.staff("Chief", "supervisor"), world.staff("Lee")
    with world.system.database.write() as session:
        held = session.get_one(Patient, sam.id)
        people.relate(world.system, session, held, chief, "supervisor")
    browser = Browser(world).sign_in(chief)
    assert "Hand the patient over" not in browser.get(f"/console/patients/{sam.id}").text
    assert hand_over(browser, sam, lee).status_code == 404
