"""From insight to step: asked about a day and a week later, settled, parked, or passed on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from clinic import infusions
from clinic.conversation.known import known
from clinic.conversation.whereabouts import infusions_of
from clinic.escalation.engine import Engine
from clinic.records.models import Escalation, Message, Patient, Record, Touch
from clinic.touches import plan
from tests.builders import World
from tests.desk import heartbeat, record, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEP = "Call my sister after lunch"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    heartbeat(made)
    yield made
    made.system.database.close()


@pytest.fixture
def sam(world: World) -> Patient:
    return world.patient()


def write(page: TestClient, kind: str, text: str, key: str = "") -> str:
    fields = {"kind": kind, "text": text, "key": key or re.sub(r"\W", "", text)[:20] or "key"}
    return page.post("/steps/write", data=fields).headers.get("location", "")


def touches(world: World, sam: Patient) -> dict[str, tuple[str, str]]:
    """kind -> (state, due by the patient's clock), of those about a record."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/New_York")
    with world.system.database.read() as session:
        return {
            one.kind: (one.state, f"{one.due_at.astimezone(zone):%a %H:%M}")
            for one in plan.of(session, sam)
            if one.record_id is not None
        }


def what_is_known(world: World, sam: Patient) -> dict[str, str]:
    with world.system.database.read() as session:
        vault, now = world.system.vault(session), world.clock.now()
        held = infusions_of(session, sam.id)
        return known(session, vault, world.system.words, sam.id, held, now, UTC)


def step_id(world: World, kind: str = "small_step") -> str:
    with world.system.database.read() as session:
        return session.scalars(select(Record.id).where(Record.kind == kind)).one()


def turn(world: World) -> None:
    Engine(world.system).cycle()
    with world.system.database.write() as session:
        for message in session.scalars(select(Message).where(Message.turn == "waiting")):
            message.turn = "answered"


def test_how_the_night_was_is_known_for_the_rest_of_the_patients_own_day(
    world: World, sam: Patient
) -> None:
    assert "slept" not in what_is_known(world, sam)
    record(world, sam, "check_in", "mood", {"mood": 0})
    assert "slept" not in what_is_known(world, sam)
    record(world, sam, "check_in", "night", {"sleep_after": 6})
    assert what_is_known(world, sam)["slept"] == "yes"
    world.clock.advance(DAY)
    assert "slept" not in what_is_known(world, sam), "another night has been"


def test_a_step_is_asked_about_a_day_and_a_week_later(world: World, sam: Patient, page: TestClient):
    assert write(page, "small_step", STEP) == "/steps?said=kept"
    assert STEP in shown(page.get("/steps").text)
    # It is Tuesday evening there.
    due = {"step_day": ("pending", "Wed 13:00"), "step_week": ("pending", "Tue 11:00")}
    assert touches(world, sam) == due
    assert "step_due" not in what_is_known(world, sam)
    world.clock.advance(19 * HOUR)
    turn(world)
    assert touches(world, sam)["step_day"][0] == "open", "the companion has come by itself"
    assert what_is_known(world, sam)["step_due"] == STEP
    assert "Your small step, a day later" in shown(page.get("/days").text)


def test_a_step_from_the_talk_is_followed_too_and_an_answer_in_the_talk_settles_it(
    world: World, sam: Patient
):
    record(world, sam, "small_step", "insight-small", {"text": STEP})
    assert set(touches(world, sam)) == {"step_day", "step_week"}
    world.clock.advance(DAY)
    record(world, sam, "check_in", "checkin-x", {"step_done": "partly"})
    assert touches(world, sam)["step_week"][0] == "pending"
    assert "step_due" not in what_is_known(world, sam), "it was said already"
    record(world, sam, "check_in", "checkin-y", {"step_done": "done"})
    assert touches(world, sam)["step_week"][0] == "cancelled"
    assert "small_step" not in what_is_known(world, sam)


def test_another_step_takes_the_place_of_the_old_one(world: World, sam: Patient, page: TestClient):
    write(page, "small_step", STEP)
    world.clock.advance(HOUR)
    write(page, "small_step", "Water the plants")
    with world.system.database.read() as session:
        states = session.execute(select(Touch.state, Touch.reason)).all()
    assert sorted(states, key=str).count(("cancelled", "another_step")) == 2
    assert [state for state, _ in states].count("pending") == 2


@pytest.mark.parametrize("state", ["done", "dropped"])
def test_a_settled_step_is_not_asked_about(
    world: World, sam: Patient, page: TestClient, state: str
):
    write(page, "small_step", STEP)
    answer = page.post(f"/steps/{step_id(world)}", data={"state": state})
    assert answer.headers["location"] == "/steps?said=settled"
    assert {state for state, _ in touches(world, sam).values()} == {"cancelled"}
    world.clock.advance(30 * HOUR)
    assert "step_due" not in what_is_known(world, sam)


def test_a_parked_decision_comes_back_after_72_hours_and_can_be_brought_to_the_clinic(
    world: World, sam: Patient, page: TestClient
):
    write(page, "parked_decision", "Whether to leave my job")
    assert touches(world, sam) == {"parked": ("pending", "Fri 19:00")}
    page.post(f"/steps/{step_id(world, 'parked_decision')}", data={"state": "keep"})
    assert touches(world, sam)["parked"][0] == "pending", "still parked is still open"
    for _ in range(2):
        page.post(f"/steps/{step_id(world, 'parked_decision')}", data={"state": "bring"})
    assert touches(world, sam)["parked"][0] == "cancelled"
    with world.system.database.read() as session:
        tasks = session.scalars(select(Record).where(Record.kind == "clinic_task")).all()
        assert [world.system.vault(session).data(row)["task"] for row in tasks] == ["therapist"]
    assert "parked" not in what_is_known(world, sam)


def test_wins_and_minutes_and_a_booked_time_stand_on_the_page(
    world: World, sam: Patient, page: TestClient
):
    world.infusion(sam, hours_ago=70)
    write(page, "win", "I slept with the light off")
    page.post("/steps/spent", data={"minutes": "25", "what": "writing"})
    page.post("/steps/spent", data={"minutes": "10", "what": "moving"})
    said = shown(page.get("/steps").text)
    assert "I slept with the light off" in said and "35 minutes" in said
    assert "Is a time booked" in said
    page.post("/steps/booked", data={"yes": "no"})
    assert "Your clinic was asked" in shown(page.get("/steps").text)
    assert step_id(world, "clinic_task")
    world.clock.advance(HOUR)
    page.post("/steps/booked", data={"yes": "yes"})
    assert "a time is booked" in shown(page.get("/steps").text)
    assert "slept with the light off" in what_is_known(world, sam)["wins"]


@pytest.mark.parametrize("minutes", ["0", "601", "-5", "ten", "", "1e2", "²"])
def test_minutes_that_cannot_be_are_refused_in_words(page: TestClient, minutes: str):
    answer = page.post("/steps/spent", data={"minutes": minutes, "what": "writing"})
    assert answer.status_code == 422 and "from 1 to 600" in shown(answer.text)


def test_words_of_danger_in_a_step_reach_a_person(world: World, sam: Patient, page: TestClient):
    assert write(page, "small_step", "I want to kill myself tonight") == "/chat"
    with world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().level == "emergency"


def test_nothing_and_the_same_twice(world: World, sam: Patient, page: TestClient):
    empty = page.post("/steps/write", data={"kind": "win", "text": "  ", "key": "abcdefgh"})
    assert empty.status_code == 422 and "nothing to save" in shown(empty.text)
    for _ in range(2):
        write(page, "win", "Twice pressed", key="the-same-key")
    assert step_id(world, "win"), "kept once"
    assert write(page, "anything", "Words", key="another-key") == "/steps"


def test_nobody_settles_what_is_another_patients(world: World, sam: Patient, page: TestClient):
    other = world.patient("Kim Ito")
    record(world, other, "small_step", "x", {"text": "Kim's own words"})
    page.post(f"/steps/{step_id(world)}", data={"state": "done"})
    with world.system.database.read() as session:
        assert session.get_one(Record, step_id(world)).state is None
    assert "Kim" not in page.get("/steps").text


def test_a_traveller_is_asked_in_the_morning_of_where_they_are(
    world: World, sam: Patient, page: TestClient
):
    write(page, "small_step", STEP)
    with world.system.database.write() as session:
        found = session.get_one(Patient, sam.id)
        infusions.travel(world.system, session, found, "Asia/Tokyo")
    with world.system.database.read() as session:
        due = {one.kind: one.due_at for one in plan.of(session, found)}
    # In Tokyo it was Wednesday morning when the step was kept: a day later is Thursday at ten.
    assert due["step_day"].isoformat() == "2026-03-12T01:00:00+00:00"


def test_who_wants_no_visits_is_not_followed(world: World, sam: Patient, page: TestClient):
    page.post("/days/visits", data={"wanted": "false"})
    write(page, "small_step", STEP)
    assert touches(world, sam) == {}
