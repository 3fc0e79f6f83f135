"""One page before a visit: figures, states and the patient's own words, each with its source."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from clinic.escalation import machine
from clinic.journal import entries
from clinic.records.models import Conversation, Patient, Record, RecordMessage, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, in_order, message, record, shown


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
            "Nothing that is shared says what came of it.",
            "Ten minutes outside",
            "An old one",
        ],
    )
    lines = re.findall(r'<li><a href="([^"]+)">', page.split('class="sheets summary"')[1])
    assert len(lines) == 9
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


def entry(
    world: World, sam: Patient, key: str, *parts: tuple[str, str], shared: bool = True
) -> None:
    """What a dialogue made of the patient's answers: (question, answer) each."""
    told = [{"prompt": prompt, "state": "answered", "text": text} for prompt, text in parts]
    sharing = "shared" if shared else "private"
    data = {"state": "complete", "sharing": sharing, "parts": told}
    record(world, sam, "journal_entry", key, data)


def section(page: str, title: str) -> str:
    """What a reader sees under a title."""
    return shown(page.split(f">{title}<")[1].split("</section>")[0])


def test_the_intention_of_an_infusion_stays_beside_what_came_of_it(
    world: World, sam: Patient, ames: Staff
) -> None:
    record(world, sam, "intention", "i0", {"text": "The very first one"})
    world.clock.advance(timedelta(days=1))
    record(world, sam, "intention", "i1", {"text": "To be kinder to myself"})
    world.clock.advance(timedelta(days=2))
    world.infusion(sam, hours_ago=1)
    world.clock.advance(timedelta(days=3))
    kept = entry
    kept(world, sam, "e1", ("reflection_3.intended", "I forgave my brother"), ("x", "unasked"))
    kept(world, sam, "e2", ("reflection_3.intended", "a secret"), shared=False)
    record(world, sam, "intention", "i2", {"text": "To let it be"})
    found = section(look(world, sam, ames), "Intention, and what came of it")
    assert in_order(
        found,
        ["To be kinder to myself", "before the infusion", "I forgave my brother", "To let it be"],
    )
    assert "came of it" in found
    assert "for the next" in found
    for absent in ("The very first one", "a secret", "unasked"):
        assert absent not in found


def test_an_intention_of_which_nothing_was_said_says_so(
    world: World, sam: Patient, ames: Staff
) -> None:
    record(world, sam, "intention", "i1", {"text": "To be kinder to myself"})
    world.clock.advance(timedelta(days=2))
    world.infusion(sam, hours_ago=1)
    found = section(look(world, sam, ames), "Intention, and what came of it")
    assert "Nothing that is shared says what came of it." in found


def test_themes_are_wins_pages_and_what_is_kept_since_then(
    world: World, sam: Patient, ames: Staff
) -> None:
    with world.system.database.read() as session:
        held = session.get_one(Conversation, world.conversation(sam))
    record(world, sam, "win", "w0", {"text": "An old win"})
    quote(world, ames, sam, "An old sentence about the sea")
    world.clock.advance(timedelta(days=2))
    # An infusion of yesterday: on its day nobody decides who reads what.
    world.infusion(sam, hours_ago=30)
    record(world, sam, "win", "w1", {"text": "I slept through"})
    entry(world, sam, "e1", ("reflection.keep", "the open window"), ("reflection.kind", "rest"))
    page = ("A long page on gardens. " * 20, "shared", "garden, mother")
    entries.write(world.system, held, entries.BLANK, *page, "a-key-of-one-page")
    entries.write(world.system, held, entries.BLANK, "kept back", "private", "", "a-key-of-another")
    quote(world, ames, sam, "A new sentence about the hills")
    whole = look(world, sam, ames)
    found = section(whole, "In the patient&#39;s words")
    for there in (
        "I slept through",
        "the open window",
        "A long page on gardens.",
        "garden, mother",
    ):
        assert there in found, there
    assert "A new sentence about the hills" in found
    for absent in ("An old", "kept back", "rest"):
        assert absent not in found, absent
    browser = Browser(world).sign_in(ames)
    for source in re.findall(
        r'<li><a href="([^"]+)">', whole.split("In the patient&#39;s words<")[1]
    ):
        place, _, anchor = source.replace("&amp;", "&").partition("#")
        assert f'id="{anchor}"' in browser.get(place).text, source


def quote(world: World, ames: Staff, sam: Patient, words: str) -> None:
    """The clinician keeps a sentence for the summary."""
    browser = Browser(world).sign_in(ames)
    stored = message(world, sam, words)
    browser.get(f"/console/patients/{sam.id}/review?start={stored.seq}")
    place = f"/console/patients/{sam.id}/messages/{stored.seq}"
    browser.get(place)
    answer = browser.post(f"{place}/quote", {"text": words})
    assert answer.status_code == 303, shown(answer.text)


def test_what_does_not_fit_is_counted_and_one_press_away(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=1)
    for number in range(9):
        record(world, sam, "team_question", f"q{number}", {"text": f"Question {number}?"})
        world.clock.advance(timedelta(minutes=1))
    page = look(world, sam, ames)
    assert "Question 2?" not in page
    assert "Question 3?" in page
    more = re.search(r'<a href="([^"]+)">and 3 more</a>', page)
    assert more
    everything = Browser(world).sign_in(ames).get(more[1].replace("&amp;", "&")).text
    assert "Question 0?" in everything
    assert "more</a>" not in everything
