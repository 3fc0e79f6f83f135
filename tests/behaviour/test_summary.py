"""One page before a visit: figures, states and the patient's own words, each with its source."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from clinic.escalation import machine
from clinic.journal import entries
from clinic.records.models import Patient, Record, RecordMessage, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, in_order, record, shown


@pytest.fixture
def ames(world: World) -> Staff:
    return world.staff("Ames")


@pytest.fixture
def sam(world: World, ames: Staff) -> Patient:
    return world.patient("Sam Rivera", ames)


def look(world: World, sam: Patient, staff: Staff, rest: str = "summary") -> str:
    heartbeat(world)
    return Browser(world).sign_in(staff).get(f"/console/patients/{sam.id}/{rest}").text


def test_it_says_what_came_since_the_last_infusion_and_every_line_leads_to_its_source(
    world: World, sam: Patient, ames: Staff
) -> None:
    record(world, sam, "intention", "i1", {"text": "To be kinder to myself"})
    record(world, sam, "parked_decision", "d0", {"text": "An old one"})
    world.clock.advance(timedelta(days=2))
    world.infusion(sam, hours_ago=1)
    record(world, sam, "small_step", "s1", {"text": "Ten minutes outside"})
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea?"})
    record(world, sam, "check_in", "c1", {"mood": 1, "intensity": 7})
    alert_id = alert(world, sam, "urgent")
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, ames)
        machine.resolve(world.system, session, alert_id, ames, "spoke_safe", "Called.")
    page = look(world, sam, ames)
    assert in_order(
        shown(page),
        [
            "Sam Rivera",
            "Alert 1, Urgent, Suicide: Spoke with the patient, safe for now (Ames)",
            "1 message was flagged; the gravest Urgent",
            "Infusion 1: Mood +1.0 (n = 1), how strong it was 7",
            "May I take my usual tea?",
            "To be kinder to myself",
            "Ten minutes outside",
            "An old one",
        ],
    )
    lines = re.findall(r'<li><a href="([^"]+)">', page.split('class="sheets summary"')[1])
    assert len(lines) == 8
    browser = Browser(world).sign_in(ames)
    for source in lines:
        place, _, anchor = source.replace("&amp;", "&").partition("#")
        answer = browser.get(place)
        assert answer.status_code == 200, source
        assert not anchor or f'id="{anchor}"' in answer.text, source
    assert len(audit(world, "summary.read")) == 1


def test_words_the_patient_keeps_are_not_in_it(world: World, sam: Patient, ames: Staff) -> None:
    record(world, sam, "small_step", "s1", {"text": "call my brother"})
    part = {"prompt": "p", "state": "answered", "text": "x"}
    entry = {"state": "complete", "sharing": "private", "parts": [part]}
    # The reflection the step came from: the same message, kept to themselves.
    record(world, sam, "journal_entry", "e1", entry)
    with world.system.database.write() as session:
        step = session.query(Record).filter_by(kind="small_step").one()
        whole = session.query(Record).filter_by(kind="journal_entry").one()
        session.add(RecordMessage(record_id=whole.id, message_id=step.message_id))
    assert "call my brother" not in look(world, sam, ames)
    with world.system.database.write() as session:
        journal = entries.Journal(world.system, session, sam.id)
        journal.share(journal.entries()[0].id, "shared")
    assert "call my brother" in look(world, sam, ames)


def test_an_earlier_infusion_can_be_chosen_and_nothing_says_so(
    world: World, sam: Patient, ames: Staff
) -> None:
    page = shown(look(world, sam, ames))
    assert in_order(page, ["Since the beginning", "Nothing flagged, no alert.", "None finished."])
    world.infusion(sam, hours_ago=1)
    alert(world, sam, "urgent")
    world.clock.advance(timedelta(days=3))
    world.infusion(sam, hours_ago=1)
    assert "Alert 1" not in shown(look(world, sam, ames))
    earlier = look(world, sam, ames, "summary?since=2026-03-10T00:00:00%2B00:00")
    assert "Alert 1, Urgent" in shown(earlier)


def test_what_weighs_on_a_patient_stands_there(world: World, sam: Patient, ames: Staff) -> None:
    world.infusion(sam, hours_ago=80)
    record(world, sam, "stressor", "x1", {"text": "the rent, and my father's hip"})
    page = shown(look(world, sam, ames))
    assert in_order(page, ["What weighs on them", "the rent, and my father"])


def test_a_row_that_does_not_open_is_not_taken_for_none(
    world: World, sam: Patient, ames: Staff
) -> None:
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea?"})
    assert "cannot be opened" not in shown(look(world, sam, ames))
    with world.system.database.write() as session:
        session.execute(text("UPDATE record SET data_sealed = x'01'"))
    assert "1 row of this record cannot be opened" in shown(look(world, sam, ames))
