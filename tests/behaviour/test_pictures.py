"""Measures over time, after-effects and their length, the series, and the clinic in figures."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot import measures
from bot.content import question
from bot.variables import TRACKED
from clinic.console.pictures import room
from clinic.conversation import delivery, intake
from clinic.escalation import machine
from clinic.records.models import Patient, Staff, Touch
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, in_order, record, shown


@pytest.fixture
def ames(world: World) -> Staff:
    return world.staff("Ames")


@pytest.fixture
def sam(world: World, ames: Staff) -> Patient:
    return world.patient("Sam Rivera", ames)


def look(world: World, staff: Staff, path: str) -> str:
    heartbeat(world)
    return Browser(world).sign_in(staff).get(path).text


def over_time(world: World, sam: Patient, ames: Staff) -> str:
    return look(world, ames, f"/console/patients/{sam.id}/pictures")


def answer(world: World, sam: Patient, name: str, value: int, but: int = 0) -> None:
    """All of a measure's questions with one value, the last one with another."""
    conversation, now = world.conversation(sam), world.clock.now().timestamp()
    items = measures.measures()[name].items
    for item in items:
        with world.system.database.write() as session:
            locked = delivery.locked(session, conversation)
            asked = delivery.say(world.system, session, locked, question(name, item.id))
        said = but if item is items[-1] else value
        intake.receive_choice(
            world.system, conversation, asked.id, str(said), f"key-{name}-{item.id}-{now}"
        )


def figure(page: str, name: str) -> str:
    return re.split(rf'<figure class="[^"]+" id="{name}"', page)[1].split("</figure>")[0]


def test_only_a_step_that_means_something_is_called_a_change(
    world: World, sam: Patient, ames: Staff
) -> None:
    # 8 items of 2 are 16; then 8 (8 fewer, more than the five that mean something); then 8 again.
    for value in (2, 1, 1):
        answer(world, sam, "phq9", value)
        world.clock.advance(timedelta(days=14))
    drawn = figure(over_time(world, sam, ames), "measure-phq9")
    assert "Down from 16 to 8 (mild) since Mar 10." in shown(drawn)
    assert drawn.count("<polygon") == 1, "one step means something"
    assert drawn.count("<circle") == 2
    rows = shown(drawn.split("<tbody>")[1])
    assert in_order(rows, ["Mar 10 16 moderately severe", "Mar 24 8 mild Down", "Apr 7 8 mild"])
    assert rows.count("Down") == 1
    assert "remission below 5" in shown(drawn)


def test_less_than_a_meaningful_change_is_about_the_same(
    world: World, sam: Patient, ames: Staff
) -> None:
    answer(world, sam, "gad7", 2, but=2)
    world.clock.advance(timedelta(days=14))
    answer(world, sam, "gad7", 2, but=0)
    drawn = figure(over_time(world, sam, ames), "measure-gad7")
    assert "About the same since Mar 10: 14 at first, 12 now (moderate)." in shown(drawn)
    assert "<polygon" not in drawn


def test_infusions_stand_in_the_picture_where_they_were(
    world: World, sam: Patient, ames: Staff
) -> None:
    answer(world, sam, "phq9", 2)
    world.clock.advance(timedelta(days=7))
    world.infusion(sam, hours_ago=1)
    world.clock.advance(timedelta(days=7))
    answer(world, sam, "phq9", 1)
    drawn = figure(over_time(world, sam, ames), "measure-phq9")
    assert "<title>Infusion 1</title>" in drawn
    first, last = re.findall(r'<(?:circle|polygon) (?:cx="|points=")([\d.]+)', drawn)
    (event,) = re.findall(r'picture__event" x1="([\d.]+)"', drawn)
    assert float(first) < float(event) < float(last)


def test_the_end_of_after_effects_lies_between_two_check_ins(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=1)
    record(world, sam, "check_in", "c1", {"fog": 2, "nausea": 0, "dizzy": 0})
    world.clock.advance(timedelta(hours=2))
    record(world, sam, "check_in", "c2", {"body": "foggy"})
    world.clock.advance(timedelta(hours=17))
    record(world, sam, "check_in", "c3", {"body": "fine"})
    page = over_time(world, sam, ames)
    assert "Felt up to 3 hours after an infusion" in shown(page)
    assert "By when it had gone is known for 1 of 1." in shown(page)
    rows = shown(figure(page, "after-effects").split("<tbody>")[1])
    assert "Infusion 1 3 20 fog" in rows


@pytest.mark.parametrize("body", [code for code in TRACKED["body"].choices if code != "fine"])
def test_no_answer_about_the_body_but_fine_means_gone(
    world: World, sam: Patient, ames: Staff, body: str
) -> None:
    world.infusion(sam, hours_ago=1)
    record(world, sam, "check_in", "c1", {"fog": 2})
    world.clock.advance(timedelta(hours=2))
    record(world, sam, "check_in", "c2", {"body": body})
    world.clock.advance(timedelta(hours=17))
    record(world, sam, "check_in", "c3", {"body": "fine"})
    rows = shown(figure(over_time(world, sam, ames), "after-effects").split("<tbody>")[1])
    assert "Infusion 1 3 20 " in rows


def test_without_a_later_answer_nobody_knows_when_it_ended(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=1)
    record(world, sam, "check_in", "c1", {"nausea": 3})
    page = over_time(world, sam, ames)
    assert "Infusion 1 1 not known nausea" in shown(figure(page, "after-effects"))
    assert "picture__open" not in page


def test_the_series_says_what_came_between_the_infusions(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=1)
    for number, mood in enumerate((2, -1)):
        record(world, sam, "check_in", f"m{number}", {"mood": mood})
    record(world, sam, "check_in", "i", {"intensity": 7, "tone": "mixed"})
    answer(world, sam, "phq9", 1)
    alert(world, sam, "emergency")
    world.clock.advance(timedelta(days=3))
    world.infusion(sam, hours_ago=1)
    page = over_time(world, sam, ames)
    series = shown(page.split("The series")[1].split("<tbody>")[1])
    assert in_order(
        series, ["1 Mar 10", "PHQ-9 8", "+0.5 (n = 2)", "7", "Mixed", "Emergency", "1 2 5:10 pm"]
    )
    assert "not asked" in series.split("2 5:10 pm")[1]


def test_response_is_drawn_by_infusion_against_the_last_score_before_the_first(
    world: World, sam: Patient, ames: Staff
) -> None:
    answer(world, sam, "phq9", 2)
    answer(world, sam, "gad7", 2, but=2)
    for value in (1, 0):
        world.clock.advance(timedelta(days=7))
        world.infusion(sam, hours_ago=1)
        answer(world, sam, "phq9", value)
    drawn = figure(over_time(world, sam, ames), "response")
    assert "PHQ-9: 16 before, 0 after infusion 2, 100 % less: remission." in shown(drawn)
    assert "GAD-7: 14 before, not asked since." in shown(drawn)
    rows = shown(drawn.split("<tbody>")[1])
    assert in_order(
        rows, ["Before the first 16 14", "Infusion 1 8 (-50 %) not asked", "Infusion 2"]
    )
    # On the line of the response, half way down; the remission (below 5 of 16) lies beneath it.
    half, rest = re.findall(r'picture__level"[^>]*y1="([\d.]+)"', drawn)
    assert re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', drawn)[1] == half
    assert float(rest) > float(half)
    assert in_order(shown(drawn), ["PHQ-9 response", "PHQ-9 remission"])


def test_half_a_response_is_none_and_the_source_of_the_cut_off_is_said(
    world: World, sam: Patient, ames: Staff
) -> None:
    answer(world, sam, "phq9", 2)
    world.clock.advance(timedelta(hours=3))
    world.infusion(sam, hours_ago=1)
    world.clock.advance(timedelta(days=1))
    answer(world, sam, "phq9", 1, but=3)
    page = over_time(world, sam, ames)
    assert "11 after infusion 1, 31 % less: no response yet." in shown(figure(page, "response"))
    assert "PHQ-9 response: 50 % gone (McInnes 2022)" in shown(page)
    assert "GAD-7 response" not in shown(page), "none is published"


def test_what_was_first_asked_after_the_first_infusion_has_nothing_to_compare_with(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=1)
    answer(world, sam, "phq9", 2)
    drawn = figure(over_time(world, sam, ames), "response")
    assert "PHQ-9: no score above 0 from before the first infusion" in shown(drawn)
    assert "picture__level" not in drawn


def test_the_gravest_of_messages_and_alerts_stands_under_its_infusion(
    world: World, sam: Patient, ames: Staff
) -> None:
    answer(world, sam, "phq9", 1)
    for level in ("urgent", "emergency"):
        world.clock.advance(timedelta(days=3))
        world.infusion(sam, hours_ago=1)
        alert(world, sam, level)
    drawn = figure(over_time(world, sam, ames), "response")
    marks = re.findall(r"picture__risk--(\w+)\" d=\"[^\"]*\"><title>([^<]*)", drawn)
    assert marks == [
        ("none", "Before the first: none"),
        ("urgent", "Infusion 1: urgent"),
        ("emergency", "Infusion 2: emergency"),
    ]
    assert "Gravest risk: emergency, after infusion 2." in shown(drawn)
    # One alert, opened after the first and graver since the second.
    assert "Infusion 1 not asked Urgent 1" in shown(drawn.split("<tbody>")[1])


def test_what_the_patient_said_of_each_infusion_is_drawn_against_their_numbers(
    world: World, sam: Patient, ames: Staff
) -> None:
    for number, strong in enumerate((8, 5), 1):
        world.infusion(sam, hours_ago=1)
        record(world, sam, "check_in", f"i{number}", {"intensity": strong, "mood": -number})
        world.clock.advance(timedelta(days=4))
    page = over_time(world, sam, ames)
    strong = figure(page, "tracked-intensity")
    assert "Asked 2 times: between 5 and 8 on a scale from 0 to 10." in shown(strong)
    assert in_order(strong, ["<title>Infusion 1</title>", "<title>Infusion 2</title>"])
    mood = shown(figure(page, "tracked-mood"))
    assert "between -2 and -1 on a scale from -4 to +4." in mood


def test_nothing_to_draw_says_so_and_looking_is_recorded(
    world: World, sam: Patient, ames: Staff
) -> None:
    page = shown(over_time(world, sam, ames))
    assert in_order(page, ["Nothing measured yet", "No infusion yet."])
    assert len(audit(world, "measures.read")) == 1


# The clinic.


def test_the_clinic_in_figures(world: World, ames: Staff) -> None:
    nurse = world.staff("Noor", on_call=True)
    patients = [world.patient(f"Patient {n}", ames) for n in range(5)]
    for patient in patients:
        world.infusion(patient, hours_ago=30)
    alert_id = alert(world, patients[0], "urgent")
    alert(world, patients[1], "urgent")
    world.clock.advance(timedelta(minutes=12))
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, nurse)
        # Opened again and taken again later: the first one counts.
        machine.release(world.system, session, alert_id, nurse)
    world.clock.advance(timedelta(minutes=30))
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, nurse)
        session.execute(
            update(Touch).where(Touch.kind == "day_1").values(state="answered", reason=None)
        )
        one = session.query(Touch).filter_by(kind="day_1", patient_id=patients[0].id).one()
        one.state = "missed"
    page = shown(look(world, ames, "/console/overview"))
    assert "2 alerts in 5 infusions: 40.0 for every hundred." in page
    assert "Urgent 2 1 12 min too few" in page
    assert re.search(r"Day 1 4 1 0 0 80 %", page)
    for patient in range(5):
        assert f"Patient {patient}" not in page


def test_the_clinics_figures_are_drawn_week_by_week(world: World, ames: Staff) -> None:
    """Tuesday, March 10: an infusion and an alert answered in ten minutes; two weeks later two
    infusions and none."""
    nurse, sam, max_ = (
        world.staff("Noor", on_call=True),
        *(world.patient(name, ames) for name in ("Sam", "Max")),
    )
    world.infusion(sam, hours_ago=1)
    first = alert(world, sam, "emergency")
    world.clock.advance(timedelta(minutes=10))
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, first, nurse)
    world.clock.advance(timedelta(days=14))
    world.infusion(sam, hours_ago=1)
    world.infusion(max_, hours_ago=1)
    page = look(world, ames, "/console/overview?days=30")
    soon = figure(page, "soon-emergency")
    assert soon.count("picture__bar") + soon.count("picture__open") == 1
    assert in_order(shown(soon), ["Week of Mar 9 10 1 1", "Week of Mar 16 none 0 0"])
    rate = figure(page, "rate")
    assert "Week of Mar 9 100 1 1" in shown(rate)
    assert "Week of Mar 23, so far 0 0 2" in shown(rate)
    assert rate.count("picture__open") == 1, "the week that is going on"
    assert "March 2026, so far 33 1 3" in shown(look(world, ames, "/console/overview?days=365"))


def rate_room(world: World, patient: Patient, **said: str) -> None:
    world.clock.advance(timedelta(minutes=1))
    record(world, patient, "check_in", f"s-{world.clock.now()}", said)


def test_ratings_of_the_room_are_shown_from_five_patients_on_and_never_apart(
    world: World, ames: Staff
) -> None:
    patients = [world.patient(f"Patient {n}", ames) for n in range(6)]
    for patient in patients[:4]:
        rate_room(world, patient, light="poor")
    # One person's word, however often, is one person's.
    rate_room(world, patients[0], light="poor")
    world.clock.advance(timedelta(days=31))
    assert "Too few answers yet" in shown(look(world, ames, "/console/overview"))
    rate_room(world, patients[4], light="good")
    assert "Too few answers yet" in shown(look(world, ames, "/console/overview")), "not over yet"
    world.clock.advance(timedelta(days=31))
    rate_room(world, patients[5], light="mixed")
    world.clock.advance(timedelta(days=31))
    for path in ("/console/overview", "/console/overview/room"):
        page = look(world, ames, path)
        light = figure(page, "room-light")
        assert "Jan to Apr 2026: 1 good, 0 mixed, 5 poor" in shown(light)
        assert "Jan to Apr 2026 5 1 0 5" in shown(light), "May waits: one answer alone"
        assert 'id="room-sound"' not in page
        assert not re.search(r"Patient \d", shown(page))
    assert "Sound and noise: fewer than 5 patients have answered" in shown(page)


def test_a_note_about_the_room_says_later_what_it_said_before(world: World, ames: Staff) -> None:
    """Months that were once shown together are never split: nothing is learned from two notes."""
    patients = [world.patient(f"Patient {n}", ames) for n in range(8)]
    for patient in patients:
        rate_room(world, patient, privacy="good")
    world.clock.advance(timedelta(days=31))
    before = figure(look(world, ames, "/console/overview/room"), "room-privacy")
    for patient in patients[:3]:
        rate_room(world, patient, privacy="poor")
    world.clock.advance(timedelta(days=31))
    assert figure(look(world, ames, "/console/overview/room"), "room-privacy") == before
    for patient in patients[3:5]:
        rate_room(world, patient, privacy="mixed")
    world.clock.advance(timedelta(days=31))
    now = shown(figure(look(world, ames, "/console/overview/room"), "room-privacy"))
    assert in_order(now, ["Jan to Mar 2026: 8 good", "Apr to May 2026: 0 good, 2 mixed, 3 poor"])


def test_how_few_patients_may_be_shown_is_policy_and_never_one(tmp_path: Path) -> None:
    assert room.fewest() == 5
    one = tmp_path / "overview.yml"
    one.write_text("fewest: 1", encoding="utf-8")
    with pytest.raises(ValueError, match="at least 2"):
        room.fewest(one)


def test_an_empty_clinic_has_no_figures_and_says_so(world: World, ames: Staff) -> None:
    page = shown(look(world, ames, "/console/overview?days=30"))
    assert "0 alerts in 0 infusions." in page
    assert "None were due." in page
    assert in_order(page, ["Nothing to draw yet", "Too few answers yet"])
    for days in ("0", "31", "x"):
        assert "There is nothing here for you" in look(
            world, ames, f"/console/overview?days={days}"
        )
