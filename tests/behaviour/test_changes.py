"""Over time, and "why was this one different?": side by side, honest about how little is known."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from clinic.conversation import measuring
from clinic.journal.steps import Steps
from clinic.records.models import Patient, Record, new_id
from tests.builders import World
from tests.desk import audit, record, shown

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def an_infusion(world: World, sam: Patient, key: str, **said: object) -> None:
    """The day of one: what was asked before, the infusion, what was asked after; then four days."""
    before = {n: v for n, v in said.items() if n in ("sleep_hours", "worry", "mood")}
    if before:
        record(world, sam, "check_in", f"before-{key}", before)
    world.clock.advance(3 * HOUR)
    world.infusion(sam, hours_ago=1)
    world.clock.advance(DAY)
    after = {n: v for n, v in said.items() if n not in before}
    if after:
        record(world, sam, "check_in", f"after-{key}", after)
    world.clock.advance(3 * DAY)


def a_measure(world: World, sam: Patient, name: str, value: float) -> None:
    now = world.clock.now()
    row = Record(
        id=new_id(),
        patient_id=sam.id,
        kind=measuring.KIND,
        key=new_id(),
        state="complete",
        created_at=now,
        updated_at=now,
    )
    data = {
        **{"measure": name, "version": 1, "answers": {}, "asked": [], "unclear": []},
        "score": {"value": value, "band": None, "label": None},
    }
    with world.system.database.write() as session:
        row.data_sealed = world.system.vault(session).seal(
            sam.id, "record", "data", row.id, json.dumps(data)
        )
        session.add(row)
    world.clock.advance(7 * DAY)


def look(page: TestClient) -> str:
    answer = page.get("/changes")
    assert answer.status_code == 200
    return shown(answer.text)


def test_one_infusion_is_compared_with_nothing(world: World, sam: Patient, page: TestClient):
    assert "Once something is known of two" in look(page)
    an_infusion(world, sam, "1", intensity=7)
    assert "Once something is known of two" in look(page)


def test_infusions_stand_side_by_side_and_few_are_said_to_be_few(
    world: World, sam: Patient, page: TestClient
):
    an_infusion(world, sam, "1", sleep_hours=8, worry=2, intensity=4, tone="peaceful")
    an_infusion(world, sam, "2", sleep_hours=4, worry=8, intensity=9, tone="hard")
    said = look(page)
    assert "2 infusions only" in said and "nobody can tell" in said
    assert re.search(r"Hours of sleep 8 4\b", said), "before belongs to the one that came"
    assert re.search(r"How strong it was 4 9\b", said)
    assert "Peaceful or hard peaceful hard" in said
    assert "further from your own usual" not in said, "two are too few for a usual"
    for cause in ("because", "caused by", "due to"):
        assert cause not in said


def test_what_is_unusual_is_named_from_four_values_on_and_only_then(
    world: World, sam: Patient, page: TestClient
):
    for number, (sleep, worry) in enumerate([(7, 3), (8, 4), (7, 3), (3, 4)]):
        an_infusion(world, sam, str(number), sleep_hours=sleep, worry=worry, insight=5)
    said = look(page)
    unusual = said.partition("than they mostly are:")[2].partition(".")[0]
    assert "Hours of sleep" in unusual
    assert "Insight" not in unusual, "what never varied has no usual to differ from"


def test_minutes_given_to_looking_back_stand_beside_what_followed(
    world: World, sam: Patient, page: TestClient
):
    an_infusion(world, sam, "1", intensity=4)
    with world.system.database.write() as session:
        Steps(world.system, session, sam.id).spent(25, "writing")
    an_infusion(world, sam, "2", intensity=5)
    assert re.search(r"Minutes given to looking back 25 0\b", look(page))


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ((14, 11), "about the same. Less than 5 points"),
        ((14, 9), "lower by a size that means something (5 points or more)"),
        ((9, 14), "higher by a size that means something"),
    ],
)
def test_a_change_is_named_only_beyond_what_means_something(
    world: World, sam: Patient, page: TestClient, scores: tuple[int, int], says: str
):
    for value in scores:
        a_measure(world, sam, "phq9", value)
    assert says in look(page)
    a_measure(world, sam, "gad2", 3)
    a_measure(world, sam, "gad2", 0)
    assert "No size of change is known here" in look(page)


def test_a_picture_has_its_figures_beside_it_and_one_value_is_not_drawn(
    world: World, sam: Patient, page: TestClient
):
    record(world, sam, "check_in", "a", {"mood": -3})
    assert "<svg" not in page.get("/changes").text
    world.clock.advance(DAY)
    record(world, sam, "check_in", "b", {"mood": 2})
    text = page.get("/changes").text
    assert text.count("<svg") == 1 and text.count('role="img"') == 1
    assert re.search(r"Mar 10.*?-3.*?Mar 11.*?2", shown(text))


@pytest.mark.parametrize("name", ["openness", "readiness"])
def test_how_open_and_ready_before_each_infusion_is_drawn(
    world: World, sam: Patient, page: TestClient, name: str
):
    for number, value in enumerate((3, 8)):
        record(world, sam, "check_in", f"before-{number}", {name: value})
        an_infusion(world, sam, str(number))
    says = {"openness": "How open you were before", "readiness": "How ready you were before"}
    assert page.get("/changes").text.count("<svg") == 1
    assert f"{says[name]} each infusion At first 3, last time 8." in look(page)


def test_what_they_held_stands_side_by_side(world: World, sam: Patient, page: TestClient):
    an_infusion(world, sam, "1", content=["imagery", "emotion"])
    an_infusion(world, sam, "2", content=["nothing"])
    assert "imagery, emotion nothing" in look(page)


def test_doses_are_not_shown_to_patients(world: World, sam: Patient, page: TestClient):
    """Nobody is to chase a number (domain.md 3.1)."""
    from clinic import infusions

    for days in (8, 4):
        end = world.clock.now() - days * DAY
        with world.system.database.write() as session:
            found = session.get_one(Patient, sam.id)
            given = {"dose_mg": 43.21}
            infusions.record(world.system, session, found, end - HOUR, end, False, given)
        record(world, sam, "check_in", f"x{days}", {"intensity": days})
    assert "43" not in look(page)


def test_everything_can_be_taken_along_to_read_and_print(
    world: World, sam: Patient, page: TestClient
):
    """Words of any alphabet, long ones and control signs included, make a PDF with its pictures."""
    an_infusion(world, sam, "1", intensity=4, mood=-2)
    an_infusion(world, sam, "2", intensity=5, mood=3)
    for number, words in enumerate(["The sea 🌊 море 海", "long " * 3000, "W" * 4000, "a\tb\r\n"]):
        record(world, sam, "win", f"w{number}", {"text": words})
    answer = page.post("/team/download/pdf")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-") and answer.content.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type/Page\b", answer.content)) > 3
    assert audit(world, "record.export")
