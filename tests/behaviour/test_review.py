"""Reading a record: one time line, what is unread, marks with a receipt, notes, finding words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from clinic import people
from clinic.console.review import review
from clinic.conversation import delivery
from clinic.escalation import machine
from clinic.journal import entries
from clinic.records.models import (
    Annotation,
    AnnotationVersion,
    Message,
    Patient,
    Staff,
    Touch,
)
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, in_order, message, record, shown

NASTY = '<script>alert(1)</script> "quoted" & {{ 7*7 }} <mark> \u202eevil\u202c'


@pytest.fixture
def ames(world: World) -> Staff:
    heartbeat(world)
    return world.staff("Ames")


@pytest.fixture
def sam(world: World, ames: Staff) -> Patient:
    return world.patient("Sam Rivera", ames)


@pytest.fixture
def browser(world: World, ames: Staff) -> Browser:
    return Browser(world).sign_in(ames)


def page(sam: Patient, rest: str = "review") -> str:
    return f"/console/patients/{sam.id}/{rest}"


def later(world: World, ames: Staff, **by: float) -> Browser:
    """So much later, with a new sign-in."""
    world.clock.advance(timedelta(**by))
    heartbeat(world)
    return Browser(world).sign_in(ames)


def waiting(world: World, staff: Staff, patient: Patient) -> int:
    with world.system.database.read() as session:
        found = review.unread(session, staff.id, [patient.id]).get(patient.id)
    return found.count if found else 0


def notes(world: World) -> list[Annotation]:
    with world.system.database.read() as session:
        return list(session.query(Annotation).order_by(Annotation.created_at, Annotation.id))


# The time line.


def test_everything_stands_on_one_line_in_its_order(
    world: World, sam: Patient, ames: Staff
) -> None:
    message(world, sam, "before any of it")
    world.clock.advance(timedelta(days=4))
    world.infusion(sam, hours_ago=4)
    message(world, sam, "fog and a blue door")
    record(world, sam, "check_in", "c1", {"mood": 2, "distress": 3})
    alert(world, sam, "emergency")
    browser = later(world, ames, minutes=3)
    with world.system.database.write() as session:
        running = machine.running_for(session, sam.id)
        assert running is not None
        machine.acknowledge(world.system, session, running.id, ames)
        machine.resolve(world.system, session, running.id, ames, "spoke_safe", "Called.")
    said = shown(browser.get(page(sam)).text.split('<ol class="turns"')[1])
    assert in_order(
        said,
        [
            "Preparing for the first infusion",
            "before any of it",
            "Nothing for 3 days",
            "Infusion 1, 2:10 pm to 3:00 pm",
            "Evening after infusion 1",
            "fog and a blue door",
            "reason of test.rule. test.rule, version 1",
            "Check-in: Mood +2 (-4 to +4); Distress 3 of 10",
            "Alert 1 opened: Emergency",
            "Alert 1 acknowledged by Ames",
            "Alert 1 resolved: Spoke with the patient, safe for now",
        ],
    )


def test_a_finished_measure_stands_on_the_line(
    world: World, sam: Patient, browser: Browser
) -> None:
    from bot import measures
    from bot.content import question
    from clinic.conversation import intake

    conversation = world.conversation(sam)
    for item in measures.measures()["phq2"].items:
        with world.system.database.write() as session:
            locked = delivery.locked(session, conversation)
            asked = delivery.say(world.system, session, locked, question("phq2", item.id))
        intake.receive_choice(world.system, conversation, asked.id, "2", f"key-{item.id}-tap")
    assert re.search(r"PHQ-2: 4\b", shown(browser.get(page(sam)).text))


def test_a_page_that_stays_open_is_told_no_stage_a_second_time(
    world: World, sam: Patient, browser: Browser
) -> None:
    world.infusion(sam, hours_ago=30)
    for number in range(12):
        message(world, sam, f"words-{number}-")
    whole = browser.get(f"/console/patients/{sam.id}").text
    fresh = browser.get(page(sam, "turns?after=2")).text
    assert whole.count("landmark--stage") == 1
    assert "words-2-" in fresh and "words-11-" in fresh
    assert "landmark" not in fresh


def test_the_companions_visits_stand_on_the_line_with_what_became_of_them(
    world: World, sam: Patient, ames: Staff
) -> None:
    world.infusion(sam, hours_ago=50)
    message(world, sam, "before it")
    world.clock.advance(timedelta(hours=1))
    became = (("answered", None), ("missed", "alert"), ("cancelled", "stopped"))
    with world.system.database.write() as session:
        planned = session.query(Touch).order_by(Touch.due_at).limit(len(became)).all()
        for hours, (touch, (state, reason)) in enumerate(zip(planned, became, strict=True)):
            touch.due_at = world.clock.now() + timedelta(hours=hours)
            touch.until = touch.due_at + timedelta(hours=1)
            touch.state, touch.reason = state, reason
            touch.opened_at = touch.due_at if state == "answered" else None
    world.clock.advance(timedelta(hours=5))
    message(world, sam, "after it")
    said = shown(later(world, ames, minutes=1).get(page(sam)).text.split('<ol class="turns"')[1])
    fates = [". Answered", ". Missed: an alert or a worry was open"]
    assert in_order(said, ["before it", "The companion: ", *fates, "after it"])
    assert said.count("The companion: ") == 2


def test_what_the_companion_said_names_sentence_and_version(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "How are you?", author="bot", content="reflection.body", content_version=3)
    assert "reflection.body, version 3" in browser.get(page(sam)).text


def test_a_long_record_comes_in_pages_and_every_landmark_stands_on_exactly_one(
    world: World, sam: Patient, ames: Staff
) -> None:
    for number in range(1, 81):
        message(world, sam, f"words-{number}-")
        if number == 50:
            world.clock.advance(timedelta(hours=2))
            world.infusion(sam, hours_ago=1)
            world.clock.advance(timedelta(hours=2))
    heartbeat(world)
    browser = Browser(world).sign_in(ames)
    first, second = browser.get(page(sam)).text, browser.get(page(sam, "review?start=51")).text
    assert in_order(first, ["words-1-", "words-50-", "Later"])
    assert "words-51-" not in first
    assert in_order(second, ["Earlier", "words-51-", "words-80-"])
    assert [p.count("landmark--infusion") for p in (first, second)] == [1, 0]
    before = browser.get(page(sam, "review?before=51")).text
    assert "words-50-" in before
    assert before.count("landmark--infusion") == 1
    since = browser.get(page(sam, "review?since=2026-03-11T02:00:00%2B00:00")).text
    assert "words-51-" in since
    assert "words-50-" not in since


# Unread, marks and receipts.


def test_it_opens_at_the_first_unread_message_and_opening_marks_nothing(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    for number in range(1, 8):
        message(world, sam, f"words-{number}-")
    browser.get(page(sam))
    browser.post(page(sam, "reviewed"), {"seq": "5"})
    assert waiting(world, ames, sam) == 2
    shown_now = browser.get(page(sam)).text
    assert "words-2-" not in shown_now
    assert in_order(shown_now, ["words-3-", "words-5-", "words-6-", "words-7-"])
    assert shown_now.count("data-walk") == 2
    assert waiting(world, ames, sam) == 2
    assert [row.detail["first"] for row in audit(world, "transcript.read")] == [1, 3]


def test_a_mark_is_ones_own_and_never_goes_back(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    other = world.staff("Lee")
    message(world, sam, "one")
    message(world, sam, "two")
    browser.get(page(sam))
    assert browser.post(page(sam, "reviewed"), {"seq": "2"}).status_code == 303
    browser.get(page(sam))
    browser.post(page(sam, "reviewed"), {"seq": "1"})
    assert (waiting(world, ames, sam), waiting(world, other, sam)) == (0, 2)
    assert len(audit(world, "transcript.reviewed")) == 1
    assert "Nothing unread" in browser.get(page(sam)).text
    message(world, sam, "three")
    assert waiting(world, ames, sam) == 1


def test_the_patient_sees_the_receipt_once_it_is_marked(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "hello")
    browser.get(page(sam))

    def receipt() -> str:
        with world.system.database.read() as session:
            conversation = delivery.locked(session, world.conversation(sam))
            found = delivery.read_notice(world.system, session, conversation, world.clock.now())
        return str(found["text"]) if found else ""

    assert receipt() == ""
    browser.post(page(sam, "reviewed"), {"seq": "1"})
    assert "Ames" in receipt()


@pytest.mark.parametrize("seq", ["9", "0", "-1", "x"])
def test_what_is_not_there_cannot_be_marked(
    world: World, sam: Patient, ames: Staff, browser: Browser, seq: str
) -> None:
    message(world, sam, "one")
    browser.get(page(sam))
    assert browser.post(page(sam, "reviewed"), {"seq": seq}).status_code == 404
    assert waiting(world, ames, sam) == 1


def test_one_goes_on_to_the_patient_who_waited_longest(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    young = world.patient("Kim Young", ames)
    stranger = world.patient("Not Mine")
    message(world, stranger, "first of all")
    message(world, sam, "older")
    world.clock.advance(timedelta(minutes=1))
    message(world, young, "younger")
    assert browser.get("/console/review").headers["location"] == page(sam)
    assert browser.get(f"/console/review?but={sam.id}").headers["location"] == page(young)
    for patient in (sam, young):
        browser.get(page(patient))
        browser.post(page(patient, "reviewed"), {"seq": "1"})
    assert "Nothing else is unread" in browser.get("/console/review").text


def test_an_entry_shared_after_it_was_marked_past_is_pointed_to(
    world: World, sam: Patient, ames: Staff
) -> None:
    part = {"prompt": "p", "state": "answered", "text": "the blue door"}
    entry = {"state": "complete", "sharing": "private", "parts": [part]}
    record(world, sam, "journal_entry", "e1", entry)
    browser = later(world, ames, minutes=1)
    browser.get(page(sam))
    browser.post(page(sam, "reviewed"), {"seq": "1"})
    assert "Shared or changed since" not in browser.get(page(sam)).text
    world.clock.advance(timedelta(minutes=1))
    with world.system.database.write() as session:
        journal = entries.Journal(world.system, session, sam.id)
        journal.share(journal.entries()[0].id, "shared")
    assert "Shared or changed since" in later(world, ames, minutes=1).get(page(sam)).text


# Notes and the rest.


def test_a_note_is_sealed_shown_to_the_team_and_never_to_the_patient(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "a hard week")
    browser.get(page(sam, "messages/1"))
    kept = browser.post(page(sam, "messages/1/note"), {"text": f"Ask about sleep. {NASTY}"})
    assert kept.status_code == 303
    (row,) = notes(world)
    assert b"sleep" not in (row.text_sealed or b"")
    for place in ("review", "messages/1"):
        text_of = browser.get(page(sam, place)).text
        assert f"Ask about sleep. {NASTY}" in shown(text_of)
        assert "<script>alert" not in text_of
    (act,) = audit(world, "annotation.add")
    assert act.detail == {"kind": "note"}


def test_two_who_change_one_note_both_keep_their_words(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    lee = world.staff("Lee")
    with world.system.database.write() as session:
        people.relate(world.system, session, sam, lee, "supervisor")
    message(world, sam, "a hard week")
    browser.get(page(sam))
    browser.post(page(sam, "notes"), {"text": "first"})
    (row,) = notes(world)
    other = Browser(world).sign_in(lee)
    browser.get(page(sam))
    other.get(page(sam))
    path = page(sam, f"annotations/{row.id}/change")
    browser.post(path, {"text": "by Ames", "version": "1"})
    world.clock.advance(timedelta(seconds=1))
    answer = other.post(path, {"text": "by Lee", "version": "1"})
    assert "said=both" in answer.headers["location"]
    said = shown(other.get(answer.headers["location"]).text)
    assert in_order(said, ["Both are kept", "by Ames", "changed by Ames", "by Lee"])
    with world.system.database.read() as session:
        assert session.query(AnnotationVersion).count() == 1


def test_a_session_that_ends_in_the_middle_of_a_note_loses_nothing(
    world: World, sam: Patient, ames: Staff
) -> None:
    message(world, sam, "a hard week")
    browser = Browser(world).sign_in(ames)
    browser.get(page(sam, "messages/1"))
    form = browser.last
    world.clock.advance(timedelta(days=1))
    answer = browser.post(page(sam, "messages/1/note"), {"text": f"Half an hour of work {NASTY}"})
    assert answer.status_code == 401
    assert f"Half an hour of work {NASTY}" in shown(answer.text)
    assert form and notes(world) == []


def test_a_quote_is_a_span_of_the_patients_words_and_follows_their_sharing(
    world: World, sam: Patient, ames: Staff, browser: Browser
) -> None:
    part = {"prompt": "p", "state": "answered", "text": "words of a form"}
    entry = {"state": "complete", "sharing": "shared", "parts": [part]}
    record(world, sam, "journal_entry", "e1", entry)
    browser.get(page(sam, "messages/1"))
    browser.post(page(sam, "messages/1/quote"), {"text": "words  of\na"})
    (row,) = notes(world)
    assert (row.starts, row.ends, row.text_sealed) == (0, 10, None)
    assert "words of a</bdi>" in browser.get(page(sam)).text
    refused = browser.post(page(sam, "messages/1/quote"), {"text": "never said"})
    assert refused.status_code == 422
    assert "Copy them as they stand." in refused.text
    record(world, sam, "journal_entry", "e1", entry | {"sharing": "private"})
    assert "words of a</bdi>" not in browser.get(page(sam)).text


def test_tags_and_bookmarks_come_and_go(world: World, sam: Patient, browser: Browser) -> None:
    message(world, sam, "a hard week")
    browser.get(page(sam, "messages/1"))
    browser.post(page(sam, "messages/1/tag"), {"text": "  sleep   trouble "})
    browser.get(page(sam))
    browser.post(page(sam, "messages/1/bookmark"))
    beside = shown(browser.get(page(sam)).text.split("<aside")[1])
    assert in_order(beside, ["Bookmarks", "Message 1", "Tags", "sleep trouble"])
    assert browser.post(page(sam, "messages/1/bookmark")).status_code == 422
    for row in notes(world):
        browser.get(page(sam))
        browser.post(page(sam, f"annotations/{row.id}/remove"))
    said = shown(browser.get(page(sam)).text)
    assert "sleep trouble" not in said
    assert len(notes(world)) == 2


def test_an_empty_or_endless_note_is_refused_with_the_words_kept(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "a hard week")
    browser.get(page(sam, "messages/1"))
    assert "There was nothing to keep." in browser.post(page(sam, "messages/1/note")).text
    long = browser.post(page(sam, "messages/1/note"), {"text": "x" * 8001})
    assert long.status_code == 422
    assert "x" * 8001 in long.text


# Finding.


def test_words_are_found_in_messages_and_notes_but_not_in_what_is_private(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, f"The BLUE door again. {NASTY}")
    message(world, sam, "nothing of it")
    part = {"prompt": "p", "state": "answered", "text": "x"}
    record(
        world, sam, "journal_entry", "e1",
        {"state": "complete", "sharing": "private", "parts": [part]},
    )  # fmt: skip
    browser.get(page(sam, "messages/1"))
    browser.post(page(sam, "messages/1/note"), {"text": "He keeps coming back to the blue door"})
    browser.get(page(sam))
    found = browser.post(page(sam, "find"), {"words": "blue  door"})
    assert found.status_code == 200
    assert "2 found" in found.text
    assert ">BLUE</mark>" in found.text
    assert ">door</mark>" in found.text
    assert "<script>alert" not in found.text
    hidden = browser.post(page(sam, "find"), {"words": "words of a form"})
    assert "Not found" in hidden.text
    acts = audit(world, "transcript.find")
    assert [row.detail["shown"] for row in acts] == [2, 0]
    assert "blue" not in str([row.detail for row in acts])


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        ("door café", ["CAFÉ", "door"]),
        ("“blue door”", ["blue door"]),
        ("DON'T", ["don’t"]),
        ('"door blue"', []),
        ("cafe window", []),
    ],
)
def test_words_are_found_in_any_order_whatever_their_case_and_accents(
    world: World, sam: Patient, browser: Browser, typed: str, marked: list[str]
) -> None:
    message(world, sam, "I don’t know: the blue door, then the CAFÉ")
    message(world, sam, "a window")
    browser.get(page(sam))
    found = browser.post(page(sam, "find"), {"words": typed}).text
    assert sorted(re.findall(r"<mark[^>]*>([^<]*)</mark>", found)) == marked


def test_older_places_are_a_press_away(world: World, sam: Patient, browser: Browser) -> None:
    for number in range(1, 54):
        message(world, sam, f"the sea, day {number}", author="bot")
    browser.get(page(sam, "messages/53"))
    browser.post(page(sam, "messages/53/note"), {"text": "Always the sea"})
    browser.get(page(sam))
    newest = browser.post(page(sam, "find"), {"words": "the sea"})
    assert "51 found, and there are older ones" in shown(newest.text)
    (before,) = re.findall(r'name="before" value="(\d+)"', newest.text)
    older = browser.post(page(sam, "find"), {"words": "the sea", "before": before})
    assert "3 found" in shown(older.text)
    assert re.findall(r"day (\d+)", shown(older.text)) == ["3", "2", "1"]
    assert 'name="before"' not in older.text


def test_what_is_looked_for_never_stands_in_an_address(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, "hello")
    assert browser.get(page(sam, "find?words=hello")).status_code == 405


# Bad input.


def test_a_corrupt_row_is_shown_as_such_and_the_rest_of_the_page_lives(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(
        world,
        sam,
        "whole before",
    )
    broken = message(world, sam, "gone words", ("gone", "test.rule", "watch"))
    cut = message(world, sam, "cut words")
    message(world, sam, "whole after")
    record(world, sam, "check_in", "c1", {"mood": 2})
    with world.system.database.write() as session:
        session.execute(
            update(Message).where(Message.id == broken.id).values(text_sealed=b"\x01" + b"x" * 40)
        )
        session.execute(update(Message).where(Message.id == cut.id).values(text_sealed=b"\x01"))
        session.execute(text("UPDATE record SET data_sealed = x'01'"))
    for place in ("review", "messages/2", ""):
        said = shown(browser.get(page(sam, place).rstrip("/")).text)
        assert "This cannot be opened: its bytes were changed." in said
        assert "whole before" in said
    said = shown(browser.get(page(sam)).text)
    assert in_order(said, ["whole before", "cannot be opened", "cannot be opened", "whole after"])
    assert "1 row of this record cannot be opened and is not shown." in said
    found = browser.post(page(sam, "find"), {"words": "whole"})
    assert "2 messages cannot be opened and were not looked into." in found.text
    assert "2 found" in found.text


def test_a_hundred_thousand_letters_are_one_scrolling_field(
    world: World, sam: Patient, browser: Browser
) -> None:
    message(world, sam, f"{NASTY} " * 2000)
    shown_page = browser.get(page(sam)).text
    assert "turn__text--long" in shown_page
    assert "<script>alert" not in shown_page


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("get", "review"),
        ("get", "messages/1"),
        ("post", "reviewed"),
        ("post", "find"),
        ("post", "notes"),
        ("post", "messages/1/note"),
        ("post", "annotations/x/change"),
        ("post", "annotations/x/remove"),
    ],
)
def test_an_outsider_finds_nothing(
    world: World, sam: Patient, browser: Browser, method: str, rest: str
) -> None:
    message(world, sam, "one")
    outsider = Browser(world).sign_in(world.staff("Charlie"))
    outsider.get("/console")
    fields = {"seq": "1", "text": "x", "words": "one"}
    if method == "get":
        answer = outsider.get(page(sam, rest))
    else:
        answer = outsider.post(page(sam, rest), fields)
    assert answer.status_code == 404
    assert notes(world) == []
    # Another patient's annotation cannot be reached through one's own.
    own = world.patient("Own Patient", None)
    browser.get(page(sam, "messages/1"))
    browser.post(page(sam, "messages/1/note"), {"text": "secret"})
    (row,) = notes(world)
    with world.system.database.write() as session:
        charlie = session.query(Staff).filter_by(name="Charlie").one()
        people.relate(world.system, session, own, charlie, "therapist")
    outsider.get(page(own))
    stolen = outsider.post(page(own, f"annotations/{row.id}/change"), {"text": "x", "version": "1"})
    assert stolen.status_code == 422
    assert "secret" not in stolen.text
