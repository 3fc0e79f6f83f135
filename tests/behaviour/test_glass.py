"""Somebody without a reason opens a patient in an emergency: for some hours, and seen by others."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from httpx import Response

from clinic import feed, glass, people
from clinic.console import live, relations
from clinic.console.desk import Desk
from clinic.feed import Feed
from clinic.records.models import BrokenGlass, Outbox, Patient, Staff
from tests.behaviour.conftest import Edge
from tests.behaviour.test_team import read_by
from tests.builders import World
from tests.desk import Browser, audit, heartbeat, message, shown

WHY = "His brother called and fears for him tonight."
FORM = {"patient": "Sam Rivera", "reason": "danger", "why": WHY}


def ask(browser: Browser, **changes: str) -> Response:
    browser.get("/console/glass")
    return browser.post("/console/glass", FORM | changes)


def reason(world: World, staff: Staff, patient: Patient) -> str | None:
    with world.system.database.read() as session:
        return relations.may_read(session, staff, patient.id, world.clock.now())


@pytest.fixture
def outsider(world: World) -> Staff:
    return world.staff("Charlie")


def test_it_opens_one_patient_for_the_clinics_hours(world: World, outsider: Staff) -> None:
    sam, other = world.patient(), world.patient("Kim Olsen")
    answer = ask(Browser(world).sign_in(outsider))
    assert answer.headers["location"] == f"/console/patients/{sam.id}#end"
    assert (reason(world, outsider, sam), reason(world, outsider, other)) == ("glass", None)
    world.clock.advance(timedelta(hours=glass.HOURS) - timedelta(seconds=1))
    assert reason(world, outsider, sam) == "glass"
    world.clock.advance(timedelta(seconds=1))
    assert reason(world, outsider, sam) is None


def test_the_clinic_sets_how_long(world: World, outsider: Staff) -> None:
    sam = world.patient()
    with world.system.database.write() as session:
        people.change_setting(world.system, session, "break_glass_hours", "1")
        with pytest.raises(people.NotPossibleError):
            people.change_setting(world.system, session, "break_glass_hours", "1000")
    browser = Browser(world).sign_in(outsider)
    assert "Open for 1 hour" in browser.get("/console/glass").text
    ask(browser)
    world.clock.advance(timedelta(hours=1))
    assert reason(world, outsider, sam) is None


@pytest.mark.parametrize("typed", ["  sam   RIVERA ", "+1 555 0142", "(1) 555-0142"])
def test_a_name_or_a_number_as_people_write_it(world: World, outsider: Staff, typed: str) -> None:
    sam = world.patient()
    ask(Browser(world).sign_in(outsider), patient=typed)
    assert reason(world, outsider, sam) == "glass"


@pytest.mark.parametrize("typed", ["Sam", "Rivera", "0142", "S", ""])
def test_a_part_of_a_name_opens_nobody(world: World, outsider: Staff, typed: str) -> None:
    sam = world.patient()
    assert ask(Browser(world).sign_in(outsider), patient=typed).status_code == 422
    assert reason(world, outsider, sam) is None


@pytest.mark.parametrize("field", ["reason", "why"])
def test_without_a_reason_in_words_nobody_is_looked_for(
    world: World, outsider: Staff, field: str
) -> None:
    sam = world.patient()
    browser = Browser(world).sign_in(outsider)
    answer = ask(browser, **{field: "x"})
    assert answer.status_code == 422
    assert reason(world, outsider, sam) is None
    # The rest of what was typed is still there.
    assert "Sam Rivera" in answer.text
    assert audit(world, "glass.missed") == []


def test_two_of_one_name_are_told_apart_by_number(world: World, outsider: Staff) -> None:
    world.patient()
    other = world.patient()
    with world.system.database.write() as session:
        sealed = world.system.vault(session).seal(
            other.id, "patient", "phone", other.id, "+1 555 0199"
        )
        session.get_one(Patient, other.id).phone_sealed = sealed
    browser = Browser(world).sign_in(outsider)
    assert "More than one patient" in ask(browser).text
    ask(browser, patient="+1 555 0199")
    assert reason(world, outsider, other) == "glass"


def test_it_is_no_list_to_search(world: World, outsider: Staff) -> None:
    """Names that nobody has are on record, and after a few of them the right one finds nobody."""
    sam = world.patient()
    browser = Browser(world).sign_in(outsider)
    for number in range(glass.MISSES):
        ask(browser, patient=f"Nobody {number}")
    assert len(audit(world, "glass.missed")) == glass.MISSES
    assert "Too many names" in ask(browser).text
    assert reason(world, outsider, sam) is None
    world.clock.advance(timedelta(minutes=10))
    browser.sign_in(outsider)
    assert "Too many names" in ask(browser).text
    world.clock.advance(timedelta(hours=1))
    ask(browser.sign_in(outsider))
    assert reason(world, outsider, sam) == "glass"


def test_an_administrator_may_not(world: World) -> None:
    sam, admin = world.patient(), world.staff("Ada", "admin")
    browser = Browser(world).sign_in(admin)
    assert browser.get("/console/glass").status_code == 404
    browser.get("/console")
    assert browser.post("/console/glass", FORM).status_code == 404
    assert reason(world, admin, sam) is None


def test_whoever_has_a_reason_breaks_nothing(world: World) -> None:
    therapist = world.staff("Ames")
    sam = world.patient(therapist=therapist)
    assert ask(Browser(world).sign_in(therapist)).status_code == 303
    assert reason(world, therapist, sam) == "therapist"
    assert audit(world, "glass.open") == []


def test_it_can_be_closed_by_whoever_opened_it_and_nobody_else(
    world: World, outsider: Staff
) -> None:
    sam, lee = world.patient(), world.staff("Lee")
    browser = Browser(world).sign_in(outsider)
    ask(browser)
    with world.system.database.read() as session:
        path = f"/console/glass/{session.query(BrokenGlass).one().id}/close"
    stranger = Browser(world).sign_in(lee)
    stranger.get("/console")
    assert stranger.post(path).status_code == 404
    page = browser.get(f"/console/patients/{sam.id}").text
    assert "Emergency opening" in page
    assert path in page
    browser.post(path)
    assert browser.get(f"/console/patients/{sam.id}").status_code == 404


def test_others_are_told_look_at_it_and_nobody_looks_at_their_own(world: World) -> None:
    sam = world.patient()
    admin, chief = world.staff("Ada", "admin"), world.staff("Chief", "supervisor")
    ask(Browser(world).sign_in(chief))
    with world.system.database.read() as session:
        sent = session.query(Outbox).filter(Outbox.template == glass.TOLD).all()
        # Only the administrator: the supervisor is the one who opened it.
        assert [(row.channel, row.params) for row in sent] == [("email", {})]
        glass_id = session.query(BrokenGlass).one().id
    own = Browser(world).sign_in(chief)
    assert "Somebody else looks at yours" in own.get("/console/glass/openings").text
    own.get("/console")
    assert own.post(f"/console/glass/{glass_id}/seen").status_code == 404
    browser = Browser(world).sign_in(admin)
    assert "1 emergency opening nobody has looked at" in shown(browser.get("/console").text)
    page = browser.get("/console/glass/openings").text
    assert WHY in page
    # An administrator looks at the opening, not at the patient.
    assert "Rivera" not in page
    assert sam.id not in page
    browser.post(f"/console/glass/{glass_id}/seen")
    assert "Ada, " in shown(browser.get("/console/glass/openings").text)
    assert "nobody has looked at" not in browser.get("/console").text


def test_the_patient_and_the_team_see_it_as_what_it_was(edge: Edge) -> None:
    heartbeat(edge.world)
    message(edge.world, edge.patient, "It was like floating.")
    ask(Browser(edge.world).sign_in(edge.world.staff("Charlie")))
    browser = Browser(edge.world).sign_in(edge.world.staff("Dana"))
    ask(browser)
    browser.get(f"/console/patients/{edge.patient.id}")
    assert "Opened in an emergency, by somebody outside your team" in read_by(edge)
    assert "Dana" in read_by(edge)
    log = shown(Browser(edge.world).sign_in(edge.therapist).get("/console/audit").text)
    assert "Charlie Opened the patient in an emergency Somebody may be in danger now" in log


def test_words_of_a_form_sent_after_the_relation_ended_are_given_back(world: World) -> None:
    therapist = world.staff("Ames")
    sam = world.patient(therapist=therapist)
    browser = Browser(world).sign_in(therapist)
    browser.get(f"/console/patients/{sam.id}")
    with world.system.database.write() as session:
        people.unrelate(world.system, session, sam.id, therapist.id, "therapist", "system")
    path = f"/console/conversations/{world.conversation(sam)}/say"
    answer = browser.post(path, {"text": "What I wanted to say"})
    assert answer.status_code == 404
    assert "What I wanted to say</textarea>" in answer.text


def test_the_stream_ends_with_the_reason_to_read(world: World) -> None:
    therapist = world.staff("Ames")
    sam = world.patient(therapist=therapist)
    token = Browser(world).sign_in(therapist).token

    async def last_words() -> str:
        desk = Desk(world.system, Feed(world.system, interval=0.01))
        audiences = [feed.STAFF, feed.conversation(world.conversation(sam))]
        source = live.stream(desk, token, audiences, world.conversation(sam), None, sam.id)
        await anext(source)
        with world.system.database.write() as session:
            people.unrelate(world.system, session, sam.id, therapist.id, "therapist", "system")
        return "".join([chunk async for chunk in source if not chunk.startswith(":")])

    assert asyncio.run(asyncio.wait_for(last_words(), 20)) == "event: over\ndata: new\n\n"
