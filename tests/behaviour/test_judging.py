"""Judging the detector: two readers, a third who decides, agreement, sentences for the tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from bot.risk import ruleset
from clinic import people
from clinic.console.review.agreement import agreement
from clinic.records.models import (
    Judgement,
    Message,
    Patient,
    Record,
    RecordMessage,
    Staff,
    TestSentence,
)
from tests.builders import World
from tests.desk import Browser, audit, authenticator, heartbeat, message, record, shown

RISK = "I do not want to be here any more, said Quillon in Lisbon"


@pytest.fixture
def readers(world: World) -> list[Staff]:
    heartbeat(world)
    return [world.staff(name) for name in ("Ames", "Lee", "Noor")]


@pytest.fixture
def sam(world: World, readers: list[Staff]) -> Patient:
    patient = world.patient("Sam Rivera", readers[0])
    with world.system.database.write() as session:
        for reader in readers[1:]:
            people.relate(world.system, session, patient, reader, "supervisor")
    return patient


@pytest.fixture
def desks(world: World, readers: list[Staff]) -> list[Browser]:
    return [Browser(world).sign_in(reader) for reader in readers]


def page(sam: Patient, rest: str) -> str:
    return f"/console/patients/{sam.id}/{rest}"


def judge(desk: Browser, sam: Patient, level: str, seq: int = 1, **fields: str) -> int:
    desk.get(page(sam, f"messages/{seq}"))
    return desk.post(page(sam, f"judged/{seq}"), {"level": level} | fields).status_code


def rows(world: World) -> list[Judgement]:
    with world.system.database.read() as session:
        return list(session.query(Judgement).order_by(Judgement.at, Judgement.id))


def test_right_false_alarm_and_missed_follow_from_the_level(
    world: World, sam: Patient, desks: list[Browser]
) -> None:
    for text in ("one", "two", "three words here"):
        message(world, sam, text, (text, "test.rule", "watch"))
    assert judge(desks[0], sam, "watch", 1) == 303
    assert judge(desks[0], sam, "none", 2) == 303
    missed = {"category": "suicide", "text": "words here"}
    assert judge(desks[0], sam, "urgent", 3, **missed) == 303
    (last,) = [row for row in rows(world) if row.level == "urgent"]
    assert (last.starts, last.ends, last.category, last.rules) == (6, 16, "suicide", "test")
    assert "Right 1 False alarm 1 Missed 1" in shown(desks[0].get("/console/judging").text)
    assert len(audit(world, "judgement.add")) == 3


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"level": ""}, "Choose the level"),
        ({"level": "terrible"}, "Choose the level"),
        ({"level": "urgent"}, "Choose what kind of risk"),
        (
            {"level": "urgent", "category": "suicide", "text": "never said"},
            "are not in the message",
        ),
    ],
)
def test_what_is_no_judgement_is_refused(
    world: World, sam: Patient, desks: list[Browser], fields: dict[str, str], says: str
) -> None:
    message(world, sam, "a quiet day")
    desks[0].get(page(sam, "messages/1"))
    answer = desks[0].post(page(sam, "judged/1"), fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert rows(world) == []


def test_the_second_reader_does_not_know_what_the_first_one_said(
    world: World, sam: Patient, desks: list[Browser]
) -> None:
    message(world, sam, "a quiet day")
    judge(desks[0], sam, "emergency", category="suicide")
    before = shown(desks[1].get(page(sam, "messages/1")).text)
    assert "Somebody has read it already." in before
    assert "Ames: Emergency" not in before
    assert "A second reader" in desks[1].get("/console/judging").text
    assert "A second reader" not in desks[0].get("/console/judging").text
    judge(desks[1], sam, "emergency", category="suicide")
    assert "Ames : Emergency Missed" in shown(desks[1].get(page(sam, "messages/1")).text).replace(
        "Ames:", "Ames :"
    )


def test_where_two_differ_a_third_decides_and_nobody_judges_twice(
    world: World, sam: Patient, desks: list[Browser]
) -> None:
    message(world, sam, RISK, ("not want to be here", "test.rule", "urgent"))
    judge(desks[0], sam, "urgent")
    judge(desks[1], sam, "watch")
    assert judge(desks[0], sam, "watch") == 422
    third = shown(desks[2].get(page(sam, "messages/1")).text)
    assert "Two readers differ. You decide." in third
    assert judge(desks[2], sam, "urgent") == 303
    assert [(row.level, row.final) for row in rows(world)].count(("urgent", True)) == 1
    assert judge(desks[2], sam, "urgent") == 422


def test_agreement_is_shown_with_how_many_it_rests_on(
    world: World, sam: Patient, desks: list[Browser]
) -> None:
    for number, (one, two) in enumerate([("none", "none"), ("none", "none"), ("none", "watch")], 1):
        message(world, sam, f"message {number}", ("message", "test.rule", "watch"))
        judge(desks[0], sam, one, number)
        judge(desks[1], sam, two, number)
    said = shown(desks[0].get("/console/judging").text)
    assert "67 % of 3 messages read twice got the same level." in said
    assert "Cohen's kappa is 0.00 (n = 3;" in said
    assert "With so few it says little." in said


def test_kappa_is_the_published_one() -> None:
    # Cohen's own kind of table: 20 and 15 agree, 5 and 10 do not (0.7 observed, 0.5 by chance).
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert agreement(pairs).kappa == pytest.approx(0.4)
    assert agreement([("a", "a")] * 3).kappa is None
    assert agreement([]).kappa is None
    assert agreement([("a", "b"), ("b", "a")]).kappa == pytest.approx(-1)


def first_reads(desk: Browser) -> list[str]:
    """ "SR, message 3: Flagged Watch" of each."""
    listed = desk.get("/console/judging").text.partition('id="first-reads"')[2].partition("</table")
    rows = re.findall(r"<tr>(.*?)</tr>", listed[0].partition("<tbody>")[2], re.DOTALL)
    return [shown(row) for row in rows]


def test_who_reads_first_begins_with_what_was_flagged_and_a_few_by_lot(
    world: World, sam: Patient, readers: list[Staff], desks: list[Browser]
) -> None:
    stranger = world.patient("Kim Olsen", world.staff("Charlie"))
    for number in range(1, 13):
        message(world, sam, f"a day like others, number {number}")
        message(world, stranger, f"nobody else's day {number}")
    message(world, sam, "flagged words", ("flagged", "test.rule", "watch"))
    assert len(first_reads(desks[0])) == 1, "today's words are in tomorrow's lot"
    world.clock.advance(timedelta(days=1))
    desks = [Browser(world).sign_in(reader) for reader in readers[:2]]
    today = first_reads(desks[0])
    assert "SR , message 13" in today[0] and "Flagged Watch" in today[0]
    assert len(today) == 4
    assert all("by lot" in row for row in today[1:])
    message(world, sam, "more words")
    assert first_reads(desks[0]) == today == first_reads(desks[1]), "the same all day, for all"
    # One is judged: it goes, waits for a second reader, and no other takes its place.
    seq = re.search(r"message (\d+)", today[1])
    assert seq and judge(desks[0], sam, "none", int(seq[1])) == 303
    assert first_reads(desks[0]) == [today[0], *today[2:]]
    assert "A second reader" in desks[1].get("/console/judging").text
    drawn = {row.partition(" Drawn")[0] for row in today[1:]}
    for _ in range(3):
        world.clock.advance(timedelta(days=1))
        rows_now = first_reads(Browser(world).sign_in(readers[0]))
        drawn |= {row.partition(" Drawn")[0] for row in rows_now[1:]}
    assert len(drawn) > 6, "the lot falls anew each day"


def test_words_the_patient_keeps_are_not_in_the_lot(
    world: World, sam: Patient, readers: list[Staff]
) -> None:
    kept = message(world, sam, "a page I keep")
    gone = message(world, sam, "broken")
    message(world, sam, "words anybody may read")
    part = {"prompt": "p", "state": "answered", "text": "x"}
    record(
        world,
        sam,
        "journal_entry",
        "e1",
        {"state": "complete", "sharing": "private", "parts": [part]},
    )
    with world.system.database.write() as session:
        entry = session.query(Record).filter_by(kind="journal_entry").one()
        session.add(RecordMessage(record_id=entry.id, message_id=kept.id))
        session.get_one(Message, gone.id).text_sealed = b"\x01"
    world.clock.advance(timedelta(days=1))
    rows = first_reads(Browser(world).sign_in(readers[0]))
    assert [row.partition(" Mar")[0] for row in rows] == ["SR , message 3"]


def test_the_way_there_says_how_many_wait_for_me(
    world: World, sam: Patient, desks: list[Browser]
) -> None:
    def link(desk: Browser) -> str:
        page = desk.get("/console/patients").text
        return shown(re.search(r'<a href="/console/judging".*?</a>', page, re.DOTALL)[0])  # type: ignore[index]

    message(world, sam, RISK, ("not want to be here", "test.rule", "urgent"))
    assert link(desks[1]) == "Judging"
    judge(desks[0], sam, "urgent")
    assert [link(desk) for desk in desks[:2]] == ["Judging", "Judging 1 waits for you"]
    judge(desks[1], sam, "watch")
    assert link(desks[1]) == "Judging"
    assert link(desks[2]) == "Judging 1 waits for you"
    assert link(Browser(world).sign_in(world.staff("Charlie"))) == "Judging"


@pytest.fixture
def phenomena() -> Iterator[object]:
    """The reader of the risk tests' files."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "risk"))
    import phenomena

    yield phenomena
    sys.path.pop(0)


def test_only_confirmed_words_leave_and_the_risk_tests_can_run_them(
    world: World,
    sam: Patient,
    readers: list[Staff],
    desks: list[Browser],
    phenomena: object,
    tmp_path: Path,
) -> None:
    app = authenticator(world, readers[0])
    message(world, sam, RISK, ("not want to be here", "test.rule", "urgent"))
    desks[0].get(page(sam, "messages/1"))
    early = desks[0].post(page(sam, "judged/1/sentence"), {"text": "x", "confirmed": "yes"})
    assert "Two readers have to agree first" in early.text
    for desk in desks[:2]:
        judge(desk, sam, "urgent")
    desks[0].get(page(sam, "messages/1"))
    reworded = {"text": "I do not want to be here any more, said a friend in a city"}
    refused = desks[0].post(page(sam, "judged/1/sentence"), reworded)
    assert "Confirm that nobody can be known" in refused.text
    assert (
        desks[0].post(page(sam, "judged/1/sentence"), reworded | {"confirmed": "yes"}).is_redirect
    )
    with world.system.database.read() as session:
        assert b"friend" not in session.query(TestSentence).one().text_sealed

    desks[0].get("/console/judging")
    assert desks[0].post("/console/judging/export", {"code": "000000"}).status_code == 422
    desks[0].get("/console/judging")
    code = app.at(world.clock.now())
    given = desks[0].post("/console/judging/export", {"code": code})
    assert given.status_code == 200
    assert "Quillon" not in given.text
    (group,) = yaml.safe_load(given.text)
    assert group == {
        "name": "judged urgent, suicide",
        "at_least": "urgent",
        "at_most": "emergency",
        "category": "suicide",
        "hours": None,
        "texts": [reworded["text"]],
    }
    desks[0].get("/console/judging")
    again = desks[0].post("/console/judging/export", {"code": code})
    assert again.status_code == 422, "a code works once"
    assert len(audit(world, "judgement.export")) == 1
    file = tmp_path / "reviewed.yml"
    file.write_text(given.text, encoding="utf-8")
    (case,) = phenomena.grouped(file)  # type: ignore[attr-defined]
    assert case.holds(ruleset())


@pytest.mark.parametrize(
    ("said", "readings", "group"),
    [
        # A false alarm: a test that lets the graver level pass could not fail for it again.
        ("emergency", ["urgent", "urgent"], ("urgent", "urgent", "suicide")),
        ("watch", ["none", "none"], ("none", "none", "suicide")),
        ("urgent", ["urgent", "urgent"], ("urgent", "emergency", "suicide")),
        ("", ["none", "none"], ("none", "none", None)),
        ("", ["urgent medical", "urgent medical"], ("urgent", "emergency", "medical")),
        # Whose level does not count, theirs is not the kind of risk either.
        (
            "",
            ["watch abuse", "urgent medical", "urgent medical"],
            ("urgent", "emergency", "medical"),
        ),
    ],
)
def test_the_file_fails_for_what_its_readers_called_wrong(
    world: World,
    sam: Patient,
    readers: list[Staff],
    desks: list[Browser],
    said: str,
    readings: list[str],
    group: tuple[str, str, str | None],
) -> None:
    app = authenticator(world, readers[0])
    message(world, sam, "words", *([("words", "test.rule", said)] if said else []))
    for desk, reading in zip(desks, readings, strict=False):
        level, _, category = reading.partition(" ")
        assert judge(desk, sam, level, category=category) == 303
    kept = {"text": "Reworded", "confirmed": "yes"}
    desks[0].get(page(sam, "messages/1"))
    assert desks[0].post(page(sam, "judged/1/sentence"), kept).is_redirect
    desks[0].get("/console/judging")
    given = desks[0].post("/console/judging/export", {"code": app.at(world.clock.now())})
    (found,) = yaml.safe_load(given.text)
    assert (found["at_least"], found["at_most"], found.get("category")) == group


def test_the_sentences_of_others_patients_stay(
    world: World, sam: Patient, readers: list[Staff], desks: list[Browser]
) -> None:
    stranger = world.staff("Charlie")
    app = authenticator(world, stranger)
    message(world, sam, RISK, ("not want to be here", "test.rule", "urgent"))
    for desk in desks[:2]:
        judge(desk, sam, "urgent")
    desks[0].get(page(sam, "messages/1"))
    desks[0].post(page(sam, "judged/1/sentence"), {"text": "Reworded", "confirmed": "yes"})
    other = Browser(world).sign_in(stranger)
    assert "message 1" not in other.get("/console/judging").text
    given = other.post("/console/judging/export", {"code": app.at(world.clock.now())})
    assert (given.status_code, yaml.safe_load(given.text)) == (200, [])
