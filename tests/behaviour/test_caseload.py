"""My patients by what needs me: each reason in words, whoever needs it most at the top."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import event, text, update

from bot import risk
from clinic import infusions, people
from clinic.console.inbox import needs
from clinic.console.inbox.cases import Case, of
from clinic.conversation import delivery, measuring
from clinic.escalation import machine
from clinic.journal import entries
from clinic.records.models import Conversation, Infusion, Patient, Record, Staff, Touch, new_id
from clinic.records.vault import UNREADABLE
from tests.builders import World
from tests.desk import Browser, alert, in_order, message, record, shown


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def sam(world: World, robin: Staff) -> Patient:
    return world.patient("Sam Rivera", robin)


def cases(world: World, staff: Staff) -> list[Case]:
    with world.system.database.read() as session:
        return of(world.system, session, staff)


def words(world: World, staff: Staff) -> list[str]:
    """The reasons of the one patient."""
    (one,) = cases(world, staff)
    return [need.words for need in one.needs]


def read(world: World, staff: Staff, patient: Patient) -> None:
    """Mark everything as read, as the review page does."""
    with world.system.database.read() as session:
        newest = session.get_one(Conversation, world.conversation(patient)).next_seq - 1
    browser = Browser(world).sign_in(staff)
    browser.get(f"/console/patients/{patient.id}/review")
    answer = browser.post(f"/console/patients/{patient.id}/reviewed", {"seq": str(newest)})
    assert answer.status_code == 303


def score(world: World, patient: Patient, measure: str, value: float, carries: bool = True) -> None:
    """A finished measure; ``carries``: with the scores before it, as the edge keeps one."""
    now, row_id = world.clock.now(), new_id()
    data: dict[str, Any] = {
        "measure": measure,
        "version": 1,
        "answers": {},
        "unclear": [],
        "score": {"value": value, "complete": True},
    }
    with world.system.database.write() as session:
        vault = world.system.vault(session)
        if carries:
            held = measuring.administrations(session, vault, patient.id)
            earlier = [one for one in held[::-1] if one.data["measure"] == measure]
            data["earlier"] = measuring.carried((one.updated_at, one.data) for one in earlier)
        row = Record(
            id=row_id,
            patient_id=patient.id,
            kind=measuring.KIND,
            key=f"{measure}-{new_id()}",
            state="complete",
            created_at=now,
            updated_at=now,
        )
        row.data_sealed = vault.seal(patient.id, "record", "data", row_id, json.dumps(data))
        measuring.mark_newest(session, row)
        session.add(row)


def missed_touch(world: World, patient: Patient, days_ago: float) -> None:
    due = world.clock.now() - timedelta(days=days_ago)
    with world.system.database.write() as session:
        infusion = session.query(Infusion).filter_by(patient_id=patient.id).first()
        assert infusion is not None
        session.add(
            Touch(
                patient_id=patient.id,
                infusion_id=infusion.id,
                kind=f"made-{days_ago}",
                policy=1,
                due_at=due,
                until=due + timedelta(hours=10),
                state="missed",
                reason="not_answered",
                opened_at=due,
            )
        )


def test_who_is_new_and_quiet_needs_nothing(world: World, robin: Staff, sam: Patient) -> None:
    assert words(world, robin) == []
    page = shown(Browser(world).sign_in(robin).get("/console/patients").text)
    assert "Nothing waits for you with your patient" in page


def test_what_i_have_not_marked_as_read_is_counted_until_i_do(
    world: World, robin: Staff, sam: Patient
) -> None:
    message(world, sam, "First")
    message(world, sam, "Companion's", author="bot")
    message(world, sam, "Second")
    assert words(world, robin) == ["2 messages you have not read"]
    read(world, robin, sam)
    assert words(world, robin) == []
    message(world, sam, "Third")
    assert words(world, robin) == ["1 message you have not read"]


def test_a_hundred_unread_messages_and_more_are_said_without_a_number(
    world: World, robin: Staff, sam: Patient
) -> None:
    for number in range(needs.MANY - 1):
        message(world, sam, f"line {number}")
    message(world, sam, "And how was that?", author="bot")
    assert words(world, robin) == ["99 messages you have not read"]
    message(world, sam, "one line more")
    message(world, sam, "and another")
    assert words(world, robin) == ["100 or more messages you have not read"]


def test_what_a_colleague_has_read_is_unread_to_me(
    world: World, robin: Staff, sam: Patient
) -> None:
    chief = world.staff("Chief", "supervisor")
    with world.system.database.write() as session:
        held = session.get_one(Patient, sam.id)
        people.relate(world.system, session, held, chief, "supervisor")
    message(world, sam, "First")
    read(world, chief, sam)
    assert words(world, chief) == []
    assert words(world, robin) == ["1 message you have not read"]


def test_an_entry_shared_after_i_had_read_past_it_comes_up(
    world: World, robin: Staff, sam: Patient
) -> None:
    conversation_id = world.conversation(sam)
    # Reading the rules is slow the first time, and a late screen is an alert.
    risk.assess("")
    with world.system.database.read() as session:
        conversation = session.get_one(Conversation, conversation_id)
    kept = entries.write(
        world.system, conversation, entries.BLANK, "The sea.", "private", "", "a-key-of-it"
    )
    read(world, robin, sam)
    assert words(world, robin) == []
    world.clock.advance(timedelta(minutes=1))
    with world.system.database.write() as session:
        entries.Journal(world.system, session, sam.id).share(kept.entry_id, "shared")
    assert words(world, robin) == ["1 shared page you have not read"]


def test_an_alert_says_who_has_it(world: World, robin: Staff, sam: Patient) -> None:
    alert_id = alert(world, sam)
    assert words(world, robin)[0] == "Alert 1, nobody has it yet, opened"
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, robin)
    assert words(world, robin)[0] == "Alert 1, Robin has it, opened"


def test_a_question_that_stands_open_is_said(world: World, robin: Staff, sam: Patient) -> None:
    conversation_id = world.conversation(sam)
    with world.system.database.write() as session:
        conversation = delivery.locked(session, conversation_id)
        conversation.risk_level = "watch"
    assert words(world, robin) == ["Asked directly, no answer yet"]


def test_a_request_counts_until_it_is_done(world: World, robin: Staff, sam: Patient) -> None:
    record(world, sam, "clinic_task", "task", {"task": "forms", "urgency": "routine"})
    assert words(world, robin)[0] == "1 request for the team"
    with world.system.database.write() as session:
        session.query(Record).filter_by(kind="clinic_task").one().state = "complete"
    assert "1 request for the team" not in words(world, robin)


def test_a_score_that_rose_by_enough_is_said_and_one_that_fell_is_not(
    world: World, robin: Staff, sam: Patient
) -> None:
    for value in (6, 8, 14):
        score(world, sam, "phq9", value)
        world.clock.advance(timedelta(days=2))
    score(world, sam, "gad7", 15)
    world.clock.advance(timedelta(minutes=1))
    score(world, sam, "gad7", 5)
    assert words(world, robin) == ["PHQ-9 rose from 8 to 14,"]
    score(world, sam, "phq9", 13)
    # One point is no change that means something; seven from the best are.
    assert words(world, robin) == ["PHQ-9 is 13, up from a best of 6,"]


@pytest.mark.parametrize("carries", [True, False])
def test_a_slow_rise_is_seen_against_the_best_though_no_step_of_it_means_anything(
    world: World, robin: Staff, sam: Patient, carries: bool
) -> None:
    for value in (16, 4, 7, 10):
        score(world, sam, "phq9", value, carries)
        world.clock.advance(timedelta(days=7))
    page = shown(Browser(world).sign_in(robin).get("/console/patients").text)
    assert "PHQ-9 is 10, up from a best of 4, " in page


def test_a_score_above_the_one_before_any_infusion_says_so(
    world: World, robin: Staff, sam: Patient
) -> None:
    score(world, sam, "phq9", 9)
    world.clock.advance(timedelta(days=2))
    world.infusion(sam, hours_ago=1)
    for value in (8, 15):
        world.clock.advance(timedelta(days=7))
        score(world, sam, "phq9", value)
    page = shown(Browser(world).sign_in(robin).get("/console/patients").text)
    assert "PHQ-9 rose from 8 to 15, above the 9 before any infusion," in page


def test_measures_from_before_they_carried_scores_are_compared_all_the_same(
    world: World, robin: Staff, sam: Patient
) -> None:
    for value in (9, 8, 15):
        score(world, sam, "phq9", value, carries=False)
        world.clock.advance(timedelta(days=7))
    score(world, sam, "gad7", 4, carries=False)
    assert words(world, robin)[0] == "PHQ-9 rose from 8 to 15,"
    score(world, sam, "phq9", 16)
    assert words(world, robin)[0] == "PHQ-9 is 16, up from a best of 8,"


def test_an_upgrade_finds_the_newest_of_each_measure(
    world: World, robin: Staff, sam: Patient
) -> None:
    for value in (8, 15):
        score(world, sam, "phq9", value, carries=False)
        score(world, sam, "gad7", value, carries=False)
        world.clock.advance(timedelta(days=7))
    upgrade = import_module("clinic.records.migrations.versions.0026_newest_measures")
    with world.system.database.write() as session:
        session.execute(update(Record).values(newest=False))
        session.execute(text(upgrade.MARK))
    assert sorted(words(world, robin)[:2]) == [
        "GAD-7 rose from 8 to 15,",
        "PHQ-9 rose from 8 to 15,",
    ]


def test_a_mood_is_low_by_the_patients_own_and_by_nobody_elses(
    world: World, robin: Staff, sam: Patient
) -> None:
    alex = world.patient("Alex Stone", robin)
    for usual, low in ((7, 2), (6, 3), (8, 2), (7, 3)):
        score(world, sam, "mood", usual)
        score(world, alex, "mood", low)
        world.clock.advance(timedelta(days=1))
    score(world, sam, "mood", 3)
    score(world, alex, "mood", 3)
    needed = {one.name: [need.words for need in one.needs] for one in cases(world, robin)}
    assert needed["Sam Rivera"] == ["Mood 3, below their own mean of 7.0 in 4 answers,"]
    assert needed["Alex Stone"] == []
    browser = Browser(world).sign_in(robin)
    assert "Alex Stone" not in browser.get("/console/patients?mood=low").text
    page = shown(browser.get("/console/patients?mood=low").text)
    assert "Mood 3, below their own mean of 7.0 in 4 answers" in page


def test_a_mood_within_what_is_usual_is_no_reason(world: World, robin: Staff, sam: Patient) -> None:
    for value in (4, 8, 4, 8, 5):
        score(world, sam, "mood", value)
        world.clock.advance(timedelta(days=1))
    assert words(world, robin) == []


def test_few_answers_are_nobodys_usual_mood(world: World, robin: Staff, sam: Patient) -> None:
    for value in (8, 8, 8, 1):
        score(world, sam, "mood", value)
        world.clock.advance(timedelta(days=1))
    assert words(world, robin) == []


def test_a_low_mood_of_last_week_is_no_news(world: World, robin: Staff, sam: Patient) -> None:
    for value in (8, 8, 8, 8, 1):
        score(world, sam, "mood", value)
        world.clock.advance(timedelta(days=1))
    assert words(world, robin) == ["Mood 1, below their own mean of 8.0 in 4 answers,"]
    message(world, sam, "Here I am")
    read(world, robin, sam)
    world.clock.advance(timedelta(days=6))
    assert words(world, robin) == []


def test_a_best_of_long_ago_is_no_measure_of_now(world: World, robin: Staff, sam: Patient) -> None:
    score(world, sam, "phq9", 2)
    for value in (8, 9):
        world.clock.advance(timedelta(days=84))
        score(world, sam, "phq9", value)
    assert "up from a best" not in Browser(world).sign_in(robin).get("/console/patients").text


def test_old_news_of_a_score_is_no_news(world: World, robin: Staff, sam: Patient) -> None:
    for value in (8, 14):
        score(world, sam, "phq9", value)
        world.clock.advance(timedelta(days=1))
    world.clock.advance(timedelta(days=28))
    assert all("PHQ-9" not in said for said in words(world, robin))


def test_a_score_is_compared_with_the_one_before_however_long_ago_that_was(
    world: World, robin: Staff, sam: Patient
) -> None:
    score(world, sam, "phq9", 8)
    world.clock.advance(timedelta(days=90))
    score(world, sam, "phq9", 14)
    assert words(world, robin)[0] == "PHQ-9 rose from 8 to 14,"


def test_who_looks_for_a_score_that_rose_finds_an_old_one_too(
    world: World, robin: Staff, sam: Patient
) -> None:
    for value in (8, 14):
        score(world, sam, "phq9", value)
        world.clock.advance(timedelta(days=40))
    browser = Browser(world).sign_in(robin)
    assert "Sam Rivera" in browser.get("/console/patients?score=up").text
    assert "Sam Rivera" not in browser.get("/console/patients?score=down").text


def test_visits_unanswered_count_until_the_patient_writes(
    world: World, robin: Staff, sam: Patient
) -> None:
    world.infusion(sam, hours_ago=70)
    message(world, sam, "Before")
    read(world, robin, sam)
    world.clock.advance(timedelta(days=3))
    missed_touch(world, sam, 2)
    assert words(world, robin) == []
    missed_touch(world, sam, 1)
    assert words(world, robin) == ["2 visits of the companion unanswered"]
    message(world, sam, "Here I am")
    read(world, robin, sam)
    assert words(world, robin) == []


def test_the_next_infusion_comes_up_two_days_before(
    world: World, robin: Staff, sam: Patient
) -> None:
    start = world.clock.now() + timedelta(days=3)
    with world.system.database.write() as session:
        infusions.plan(world.system, session, session.get_one(Patient, sam.id), start)
    assert words(world, robin) == []
    world.clock.advance(timedelta(days=1))
    assert words(world, robin) == ["Infusion 1 on Friday, 7:00 pm"]
    world.clock.advance(timedelta(days=1))
    assert words(world, robin) == ["Infusion 1 tomorrow, 7:00 pm"]


def test_silence_is_counted_in_days_and_ends_with_the_program(
    world: World, robin: Staff, sam: Patient
) -> None:
    message(world, sam, "Last words for a while")
    read(world, robin, sam)
    world.clock.advance(timedelta(days=6, hours=23))
    assert words(world, robin) == []
    world.clock.advance(timedelta(hours=1))
    assert words(world, robin) == ["Has not written for 7 days"]
    with world.system.database.write() as session:
        session.get_one(Patient, sam.id).program = "ended"
    assert words(world, robin) == []


def test_who_never_wrote_is_silent_too(world: World, robin: Staff, sam: Patient) -> None:
    world.clock.advance(timedelta(days=8))
    assert words(world, robin) == ["Has not written yet, 8 days after being added"]


def test_whoever_needs_it_most_stands_first(world: World, robin: Staff) -> None:
    quiet, unread, worse, urgent, emergency = (
        world.patient(name, robin) for name in ("Ann A", "Ben B", "Cat C", "Dan D", "Eve E")
    )
    message(world, unread, "Hello")
    for value in (8, 14):
        score(world, worse, "phq9", value)
        world.clock.advance(timedelta(minutes=1))
    alert(world, urgent)
    alert(world, emergency, "emergency")
    assert [one.id for one in cases(world, robin)] == [
        one.id for one in (emergency, urgent, worse, unread, quiet)
    ]
    page = Browser(world).sign_in(robin).get("/console/patients").text
    assert in_order(page, ["Eve E", "Dan D", "Cat C", "Ben B", "Ann A"])
    assert "4 of 5 need something of you" in shown(page)


def test_only_those_i_may_read_stand_there(world: World, robin: Staff, sam: Patient) -> None:
    other = world.patient("Kim Olsen", world.staff("Lee"))
    message(world, other, "Not for Robin")
    assert [one.name for one in cases(world, robin)] == ["Sam Rivera"]
    assert cases(world, world.staff("Ada", "admin")) == []


def test_an_empty_list_says_how_it_fills(world: World) -> None:
    page = shown(Browser(world).sign_in(world.staff("Ada", "admin")).get("/console/patients").text)
    assert "No patients yet" in page
    assert "each row says why it is where it is" in page


def test_a_row_that_does_not_open_leaves_the_list_alive(
    world: World, robin: Staff, sam: Patient
) -> None:
    for value in (8, 14):
        score(world, sam, "phq9", value)
    with world.system.database.write() as session:
        session.get_one(Patient, sam.id).name_sealed = b"damaged"
        session.query(Record).filter_by(kind=measuring.KIND).first().data_sealed = b""  # type: ignore[union-attr]
    world.patient("Ann A", robin)
    assert [one.name for one in cases(world, robin)] == [UNREADABLE, "Ann A"]


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements the database is sent meanwhile."""
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = world.system.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_more_patients_are_not_more_questions_to_the_database(world: World, robin: Staff) -> None:
    def asked() -> int:
        with counted(world) as sent:
            cases(world, robin)
        return len(sent)

    def one_more(number: int) -> None:
        patient = world.patient(f"Patient {number}", robin)
        world.infusion(patient, hours_ago=30)
        message(world, patient, "Words")
        alert(world, patient)
        score(world, patient, "phq9", 9)
        score(world, patient, "phq9", 15)

    one_more(1)
    few = asked()
    for number in range(2, 8):
        one_more(number)
    assert asked() == few
    assert few <= 24, few
