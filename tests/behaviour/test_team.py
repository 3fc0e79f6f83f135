"""A patient sees who is on their team and who has read, and can take everything along."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

from tests.behaviour.conftest import Edge
from tests.behaviour.test_journal import QUIET, change, kept
from tests.desk import Browser, audit, heartbeat


def team(edge: Edge) -> str:
    answer = edge.client.get("/team")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def read_by(edge: Edge) -> str:
    return team(edge).partition("Who has opened your words")[2].partition("Take everything")[0]


def test_the_team_stands_there_and_nobody_has_read_yet(edge: Edge):
    assert "Robin Your therapist" in team(edge)
    assert "Nobody yet." in read_by(edge)


def test_whoever_opens_the_words_is_named_once_a_day(edge: Edge):
    heartbeat(edge.world)
    edge.say("It was like floating.")
    desk = Browser(edge.world).sign_in(edge.therapist)
    for _ in range(3):
        desk.get(f"/console/patients/{edge.patient.id}")
        edge.world.clock.advance(timedelta(minutes=1))
    assert read_by(edge).count("Robin") == 1
    edge.world.clock.advance(timedelta(days=1))
    heartbeat(edge.world)
    Browser(edge.world).sign_in(edge.therapist).get(f"/console/patients/{edge.patient.id}")
    assert read_by(edge).count("Robin") == 2


def test_another_patients_readers_are_not_shown(edge: Edge):
    heartbeat(edge.world)
    other = edge.world.patient("Alex Stone", edge.therapist)
    edge.world.conversation(other)
    Browser(edge.world).sign_in(edge.therapist).get(f"/console/patients/{other.id}")
    assert "Nobody yet." in read_by(edge)


def test_everything_can_be_taken_along(edge: Edge):
    edge.say("It was like floating.")
    address = kept(edge, QUIET, tags="sea")
    change(edge, address, "Other words.")
    answer = edge.client.post("/team/download")
    assert "attachment" in answer.headers["content-disposition"]
    whole = json.loads(answer.text)
    assert "It was like floating." in [message["text"] for message in whole["messages"]]
    [entry] = whole["journal"]
    assert entry["tags"] == ["sea"]
    assert entry["parts"][0]["text"] == "Other words."
    assert entry["earlier"][0]["parts"][0]["text"] == QUIET
    assert "days" in whole


def test_taking_it_is_on_record_and_needs_a_session(edge: Edge):
    edge.client.post("/team/download")
    reads = audit(edge.world, "record.export")
    assert [row.actor for row in reads] == [f"patient:{edge.patient.id}"]
    edge.client.cookies.clear()
    answer = edge.client.post("/team/download", follow_redirects=False)
    assert answer.headers["location"] == "/chat"
