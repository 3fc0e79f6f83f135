"""The safety plan and the screens where they are read: the patient's page, desk and export."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from clinic.app import create_app
from clinic.exports import record as export
from clinic.patient import api
from clinic.records.models import Patient, Record
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says
from tests.desk import Browser, shown

NASTY = '<script>alert(1)</script> "river" & {{ 7*7 }}'


def writes(edge: Edge, part: str, text: str, key: str) -> None:
    """The patient answers one question of the plan."""
    record = {"kind": "safety_plan_part", "key": key, "data": {"part": part, "text": text}}

    def reply(turn: dict[str, Any]) -> dict[str, Any]:
        return says(turn, "safety.plan_done", records=(record,))

    edge.peer.act = reply
    edge.say(text)
    edge.world.clock.advance(timedelta(minutes=1))


@pytest.fixture
def planned(edge: Edge) -> Edge:
    writes(edge, "coping", "walk the dog", "plan-coping-1")
    writes(edge, "people", "Jo, 555 0100", "plan-people-1")
    writes(edge, "coping", NASTY, "plan-coping-2")
    return edge


def test_the_patient_sees_the_newest_words_on_a_page_of_their_own(planned: Edge):
    page = planned.client.get("/plan")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "<script>alert" not in page.text
    said = shown(page.text)
    assert NASTY in said
    assert "Jo, 555 0100" in said
    assert "walk the dog" not in said
    assert "Call 988" in said
    links = [line["href"] for line in planned.state()["help"]["lines"]]
    assert links[-1] == "/plan"


def test_without_a_plan_the_page_says_how_to_begin(edge: Edge):
    assert "There is no plan yet" in shown(edge.client.get("/plan").text)


def test_nobody_else_sees_it(planned: Edge):
    with TestClient(create_app(planned.world.system), follow_redirects=False) as other:
        assert other.get("/plan").headers["location"] == "/chat"
        other.cookies.set(api.COOKIE, "not-a-session")
        assert other.get("/plan").status_code == 303


def test_a_plan_is_sealed_and_every_version_stays(planned: Edge):
    with planned.world.system.database.read() as session:
        rows = list(session.scalars(select(Record).where(Record.kind == "safety_plan_part")))
        assert len(rows) == 3
        assert not any(b"walk the dog" in row.data_sealed for row in rows)
    with planned.world.system.database.write() as session:
        patient = session.get_one(Patient, planned.patient.id)
        whole = export.whole(planned.world.system, session, patient, "system")
    versions = [part["text"] for part in whole["safety_plan"]["coping"]]
    assert versions == ["walk the dog", NASTY]


def test_the_assistant_is_told_the_plan_as_it_reads_now(planned: Edge):
    planned.peer.act = lambda turn: says(turn, "conversation.thanks")
    planned.say("thank you")
    told = planned.peer.turns[-1]["context"]["safety_plan"]
    assert told == {"coping": NASTY, "people": "Jo, 555 0100"}


def desk(edge: Edge) -> str:
    return (
        Browser(edge.world).sign_in(edge.therapist).get(f"/console/patients/{edge.patient.id}").text
    )


def test_the_clinician_sees_plan_and_version_beside_the_alert(planned: Edge):
    planned.peer.act = lambda _turn: 500
    planned.say("I want to kill myself")
    page = desk(planned)
    assert "<script>alert" not in page
    said = shown(page)
    assert "What I can do on my own" in said
    assert NASTY in said
    assert "version 2" in said


def test_the_clinician_sees_the_screen_answer_by_answer(edge: Edge):
    edge.peer.act = lambda _turn: 500
    edge.say("I wish I was dead")
    edge.tap("yes")
    assert "C-SSRS screener: not finished, 1 answered" in shown(desk(edge))
    edge.tap("yes")
    edge.tap("no")
    edge.say("rather not say")
    edge.tap("no")
    edge.tap("no")
    said = shown(desk(edge))
    assert "C-SSRS screener: High" in said
    assert "some intention of acting on them? Yes (said something else; counted so)" in said


def test_the_export_holds_every_measure_with_its_score(edge: Edge):
    edge.peer.act = lambda _turn: 500
    edge.say("I wish I was dead")
    for choice in ("no", "no", "no"):
        edge.tap(choice)
    with edge.world.system.database.write() as session:
        patient = session.get_one(Patient, edge.patient.id)
        whole = export.whole(edge.world.system, session, patient, "system")
    (measure,) = whole["measures"]
    assert measure["measure"] == "cssrs_screener"
    assert measure["loinc"]["panel"] == "93373-9"
    assert measure["score"] == {"value": None, "band": "none"}
    assert measure["answers"] == {"1": 0, "2": 0, "6": 0}


def answer_phq9(edge: Edge, *values: int) -> None:
    edge.peer.act = lambda turn: says(turn, "measure.phq9.1")
    edge.say("my questionnaire")
    for number, value in enumerate(values, 2):
        following = f"measure.phq9.{number}" if number <= len(values) else "conversation.thanks"
        edge.peer.act = lambda turn, name=following: says(turn, name)
        edge.tap(str(value))


def test_the_clinician_reads_which_change_means_something_and_what_has_not_fallen(edge: Edge):
    for values in ((2, 2, 2, 2, 2, 2, 2, 2, 0), (2, 2, 2, 2, 2, 2, 2, 1, 0)):
        answer_phq9(edge, *values)
        edge.world.clock.advance(timedelta(days=14))
    said = shown(desk(edge))
    assert "15 (moderately severe), about the same (16 before)" in said
    assert "no drop of" not in said
    for hours_ago in (200, 150, 100):
        edge.world.infusion(edge.patient, hours_ago=hours_ago)
    assert "PHQ-9: no drop of 20% after 4 infusions (16 at first, 15 now)" in shown(desk(edge))
    answer_phq9(edge, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    said = shown(desk(edge))
    assert "5 (mild), down from 15" in said
    assert "no drop of" not in said
