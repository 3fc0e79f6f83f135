"""Work on the caseload: filters that are kept, news since the last visit, marking many as read."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from clinic import people
from clinic.console.inbox import filters
from clinic.conversation import delivery
from clinic.records.models import Patient, Reader, SavedFilter, Staff
from tests.behaviour.test_caseload import score
from tests.builders import World
from tests.desk import Browser, alert, audit, message, shown

NAMES = ("Ann A", "Ben B", "Cat C", "Dan D")


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def four(world: World, robin: Staff) -> list[Patient]:
    """Four patients: one with an alert, one unread, one worse, one five days after an infusion."""
    ann, ben, cat, dan = (world.patient(name, robin) for name in NAMES)
    alert(world, ann)
    message(world, ben, "Hello")
    for value in (8, 14):
        score(world, cat, "phq9", value)
        world.clock.advance(timedelta(minutes=1))
    world.infusion(dan, hours_ago=5 * 24)
    return [ann, ben, cat, dan]


def names(page: str) -> list[str]:
    return re.findall(r'<a class="case__name"[^>]*><bdi>([^<]+)</bdi>', page)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("level=any", ["Ann A"]),
        ("level=urgent", ["Ann A"]),
        ("level=emergency", []),
        ("category=suicide", ["Ann A"]),
        ("category=abuse", []),
        ("stage=day_4_5", ["Dan D"]),
        ("within=7", ["Dan D"]),
        ("within=3", []),
        ("within=more", []),
        ("within=none", ["Ann A", "Ben B", "Cat C"]),
        ("score=up", ["Cat C"]),
        ("score=down", []),
        ("unread=yes", ["Ann A", "Ben B"]),
        ("unread=yes&within=none&level=any", ["Ann A"]),
        # What is no option chooses nothing.
        ("level=made-up&tag=nobody's", list(NAMES)),
    ],
)
def test_a_filter_shows_who_fits_all_of_it(
    world: World, robin: Staff, four: list[Patient], asked: str, found: list[str]
) -> None:
    browser = Browser(world).sign_in(robin)
    assert sorted(names(browser.get(f"/console/patients?{asked}").text)) == found
    assert sorted(names(browser.get(f"/console/patients/rows?{asked}").text)) == found


def test_a_tag_is_a_filter(world: World, robin: Staff, four: list[Patient]) -> None:
    browser = Browser(world).sign_in(robin)
    ben = four[1]
    browser.get(f"/console/patients/{ben.id}/messages/1")
    browser.post(f"/console/patients/{ben.id}/messages/1/tag", {"text": "family"})
    page = browser.get("/console/patients").text
    tag = re.search(r"<option>([^<]*)</option>", page)
    assert tag
    assert names(browser.get(f"/console/patients?tag={tag[1]}").text) == ["Ben B"]


def test_a_kept_filter_is_ones_own_and_can_be_removed(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get("/console/patients?level=any")
    kept = browser.post("/console/patients/filters", {"level": "any", "name": " My  alerts "})
    assert kept.headers["location"] == "/console/patients?level=any"
    page = browser.get(kept.headers["location"]).text
    assert "My alerts" in page
    assert "1 of your 4 patients. Level: Any alert." in shown(page)
    other = Browser(world).sign_in(world.staff("Lee"))
    assert "My alerts" not in other.get("/console/patients").text
    with world.system.database.read() as session:
        path = f"/console/patients/filters/{session.query(SavedFilter).one().id}/remove"
    browser.get("/console/patients")
    browser.post(path)
    assert "My alerts" not in browser.get("/console/patients").text


def test_the_same_name_replaces_and_a_filter_needs_a_name_and_a_choice(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    browser = Browser(world).sign_in(robin)
    for level in ("any", "urgent"):
        browser.get("/console/patients")
        browser.post("/console/patients/filters", {"level": level, "name": "Mine"})
    with world.system.database.read() as session:
        assert session.query(SavedFilter).one().chosen == {"level": "urgent"}
    for fields in ({"level": "any", "name": " "}, {"name": "Empty"}):
        browser.get("/console/patients")
        answer = browser.post("/console/patients/filters", fields)
        assert answer.status_code == 422
        assert "The filter was not kept" in answer.text


def test_a_level_that_stands_without_an_alert_is_a_filter(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    with world.system.database.write() as session:
        conversation = delivery.locked(session, world.conversation(four[1]))
        conversation.risk_level = "watch"
    browser = Browser(world).sign_in(robin)
    assert names(browser.get("/console/patients?level=watch").text) == ["Ben B"]
    assert names(browser.get("/console/patients?level=any").text) == ["Ann A"]


def test_what_i_have_to_follow_up_is_a_filter(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    lee = world.staff("Lee")
    with world.system.database.write() as session:
        people.relate(world.system, session, four[2], lee, "supervisor")
    browser = Browser(world).sign_in(robin)
    for patient, to, on in (
        (four[1], robin, "2026-03-10"),
        (four[2], lee, "2026-03-10"),
        (four[3], robin, "2026-03-20"),
    ):
        home = f"/console/patients/{patient.id}"
        browser.get(home)
        kept = browser.post(f"{home}/follow-up", {"what": "Call", "to": to.id, "on": on})
        assert kept.status_code == 303
    assert names(browser.get("/console/patients?follow=due").text) == ["Ben B"]
    assert "Follow-up: Mine, due by today" in shown(browser.last)


def test_news_is_what_came_since_i_was_last_here_on_an_earlier_day(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    first = Browser(world).sign_in(robin)
    assert "Since your last visit" not in first.get("/console/patients").text
    world.clock.advance(timedelta(hours=14))
    morning = Browser(world).sign_in(robin)
    assert "no news" in morning.get("/console/patients").text
    message(world, four[3], "I am back")
    page = morning.get("/console/patients").text
    assert re.search(r"Since your last visit, Mar 10, 7:0\d pm : news of 1 patient", shown(page))
    assert names(morning.get("/console/patients?since=visit").text) == ["Dan D"]
    # Signed out by fifteen idle minutes, and in again: the morning's news is news still.
    world.clock.advance(timedelta(minutes=20))
    after_coffee = Browser(world).sign_in(robin)
    assert "news of 1 patient" in shown(after_coffee.get("/console/patients").text)


def test_many_are_marked_as_read_as_far_as_i_have_opened_them(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    ann, ben, cat, _ = four
    browser = Browser(world).sign_in(robin)
    for patient in (ann, ben):
        browser.get(f"/console/patients/{patient.id}/review")
    message(world, ben, "One more, after I had looked")
    browser.get("/console/patients")
    answer = browser.post(
        "/console/patients/read", {"patient": [ann.id, ben.id, cat.id], "back": "unread=yes"}
    )
    assert answer.headers["location"] == "/console/patients?unread=yes&marked=1&left=1"
    page = shown(browser.get(answer.headers["location"]).text)
    assert "1 patient marked as read. 1 hold words you have not opened yet" in page
    assert names(browser.get("/console/patients?unread=yes").text) == ["Ben B"]
    # A receipt for each: as far as was opened, and no further.
    assert [row.detail["last"] for row in audit(world, "transcript.reviewed")] == [1, 1]


def test_what_was_never_opened_is_never_marked(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get("/console/patients")
    answer = browser.post("/console/patients/read", {"patient": four[1].id})
    assert answer.headers["location"] == "/console/patients?marked=0&left=1"
    with world.system.database.read() as session:
        assert [row for row in session.query(Reader) if row.seq] == []
    assert audit(world, "transcript.reviewed") == []


def test_a_strangers_patient_among_the_chosen_marks_nobody(
    world: World, robin: Staff, four: list[Patient]
) -> None:
    stranger = world.patient("Kim Olsen", world.staff("Lee"))
    browser = Browser(world).sign_in(robin)
    browser.get(f"/console/patients/{four[1].id}/review")
    answer = browser.post("/console/patients/read", {"patient": [four[1].id, stranger.id]})
    assert answer.status_code == 404
    assert audit(world, "transcript.reviewed") == []
    assert [row.patient_id for row in audit(world, "access.denied")] == [stranger.id]


def test_where_a_form_leads_back_holds_nothing_but_a_filter(world: World, robin: Staff) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get("/console/patients")
    answer = browser.post(
        "/console/patients/read", {"back": "unread=yes&next=//elsewhere&marked=9"}
    )
    assert answer.headers["location"] == "/console/patients?unread=yes&marked=0&left=0"


def test_every_option_says_itself(world: World) -> None:
    for name, (label, options) in filters.FIELDS.items():
        for option, says in options.items():
            assert filters.say({name: option}) == f"{label}: {says}"


def test_a_long_list_shows_its_top_first_and_the_rest_on_asking(
    world: World, robin: Staff, monkeypatch: pytest.MonkeyPatch, four: list[Patient]
) -> None:
    monkeypatch.setattr("clinic.console.inbox.caseload._SHOWN", 3)
    browser = Browser(world).sign_in(robin)
    page = browser.get("/console/patients").text
    assert names(page) == ["Ann A", "Cat C", "Ben B"]
    assert "Show the other 1 too" in page
    assert names(browser.get("/console/patients?all=1").text)[3:] == ["Dan D"]
