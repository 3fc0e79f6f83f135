"""A light day for the patient's own calendar: right for any calendar, and it betrays nothing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from clinic import infusions
from clinic.patient import light_day
from clinic.records.models import Infusion, Patient
from tests.builders import World

NOW = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)


def planned(world: World, sam: Patient, ahead: timedelta) -> str:
    start = world.clock.now() + ahead
    with world.system.database.write() as session:
        held = session.get_one(Patient, sam.id)
        return infusions.plan(world.system, session, held, start).id


def link(page: TestClient) -> str:
    found = re.search(r'href="(/days/light/\w+)"', page.get("/days").text)
    assert found
    return found[1]


def fields(file: bytes) -> dict[str, str]:
    """Name to value of every line, unfolded as RFC 5545 has it."""
    text = file.decode().replace("\r\n ", "")
    return dict(re.split(":", line, maxsplit=1) for line in text.split("\r\n") if line)


def test_a_planned_day_is_fetched_from_the_page_as_one_whole_day_by_the_patients_clock(
    world: World, sam: Patient, page: TestClient
) -> None:
    infusion = planned(world, sam, timedelta(days=3))
    answer = page.get(link(page))
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert 'filename="light-day.ics"' in answer.headers["content-disposition"]
    with world.system.database.read() as session:
        row = session.get_one(Infusion, infusion)
        zone = session.get_one(Patient, sam.id).timezone
    day = row.started_at.astimezone(ZoneInfo(zone)).date()
    said = fields(answer.content)
    assert said["DTSTART;VALUE=DATE"] == f"{day:%Y%m%d}"
    assert said["DTEND;VALUE=DATE"] == f"{day + timedelta(days=1):%Y%m%d}"
    assert said["SUMMARY"] == "Light day"


def test_nothing_in_the_file_betrays_what_the_day_is_for(
    world: World, sam: Patient, page: TestClient
) -> None:
    infusion = planned(world, sam, timedelta(days=3))
    file = page.get(link(page)).content.decode()
    told = r"harbor|afterglow|clinic|infus|ketamin|therap|patient|health|medic|drip|http|localhost"
    assert not re.search(told, file, re.IGNORECASE)
    assert infusion not in file
    assert set(fields(file.encode())) == {
        *("BEGIN", "VERSION", "PRODID", "UID", "DTSTAMP", "SEQUENCE", "DTSTART;VALUE=DATE"),
        *("DTEND;VALUE=DATE", "SUMMARY", "CLASS", "TRANSP", "END"),
    }


def test_a_moved_day_replaces_the_one_in_the_calendar_and_another_day_does_not(
    world: World, sam: Patient, page: TestClient
) -> None:
    infusion = planned(world, sam, timedelta(days=3))
    first = fields(page.get(link(page)).content)
    world.clock.advance(timedelta(hours=1))
    with world.system.database.write() as session:
        row = session.get_one(Infusion, infusion)
        row.started_at += timedelta(days=2)
    second = fields(page.get(link(page)).content)
    assert second["UID"] == first["UID"]
    assert int(second["SEQUENCE"]) > int(first["SEQUENCE"])
    assert second["DTSTART;VALUE=DATE"] != first["DTSTART;VALUE=DATE"]
    other = planned(world, sam, timedelta(days=9))
    assert fields(page.get(f"/days/light/{other}").content)["UID"] != first["UID"]


def test_a_cancelled_one_and_one_that_was_have_no_link_and_nobody_elses_is_given(
    world: World, sam: Patient, page: TestClient
) -> None:
    world.infusion(sam, hours_ago=30)
    assert "/days/light/" not in page.get("/days").text
    infusion = planned(world, sam, timedelta(days=3))
    with world.system.database.write() as session:
        session.get_one(Infusion, infusion).cancelled = True
    assert "/days/light/" not in page.get("/days").text
    assert page.get(f"/days/light/{infusion}").headers["location"] == "/days"
    other = world.patient("Other Person", touches=False)
    theirs = planned(world, other, timedelta(days=3))
    assert page.get(f"/days/light/{theirs}").headers["location"] == "/days"


@pytest.mark.parametrize(
    "title", ["Ruhe, nur Ruhe; sonst nichts \\ gar nichts", "Ein sehr ruhiger Tag für mich " * 6]
)
def test_a_translated_title_is_escaped_and_folded_as_calendars_read_it(title: str) -> None:
    file = light_day.entry(title, date(2026, 12, 31), "one", NOW)
    assert file.endswith(b"END:VCALENDAR\r\n") and b"\n" not in file.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))
    for line in file.split(b"\r\n"):
        # No letter is torn in two.
        line.decode()
    read = re.sub(r"\\([\\;,])", r"\1", fields(file)["SUMMARY"])
    assert read == title
    assert fields(file)["DTEND;VALUE=DATE"] == "20270101"
    assert fields(file)["DTSTAMP"] == "20260310T230000Z"
