"""The journal belongs to the patient: every word kept, found, changed with its history, shared or
not, and every word looked at for danger like any other."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from clinic.conversation import screening
from clinic.journal.entries import Journal
from clinic.records.models import Escalation, Message, Outbox, Record, RiskAssessment
from tests.behaviour.conftest import Edge
from tests.desk import Browser, heartbeat

RISK = "I am going to kill myself tonight. I have the pills here."
QUIET = "The sea, and my brother laughing. It was warm."


def page(edge: Edge, path: str) -> str:
    answer = edge.client.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found.group(1)


def write(edge: Edge, text: str, follow: bool = False, **fields: str) -> Response:
    form = {"prompt": "blank", "text": text, "sharing": "private", "tags": ""} | fields
    if "key" not in form:
        form["key"] = field(page(edge, "/journal/new"), "key")
    return edge.client.post("/journal", data=form, follow_redirects=follow)


def kept(edge: Edge, text: str = QUIET, **fields: str) -> str:
    """The address of an entry that was written."""
    answer = write(edge, text, **fields)
    assert answer.status_code == 303
    return answer.headers["location"].partition("?")[0]


def change(edge: Edge, address: str, text: str, version: str | None = None) -> Response:
    form = page(edge, f"{address}?change=0")
    values = {"key": field(form, "key"), "part": "0", "text": text}
    values["version"] = version or field(form, "version")
    return edge.client.post(f"{address}/words", data=values, follow_redirects=False)


def rows(edge: Edge, model: Any) -> list[Any]:
    with edge.world.system.database.read() as session:
        return list(session.scalars(select(model)).all())


def test_a_page_is_kept_and_read_again(edge: Edge):
    address = kept(edge, QUIET, tags="sea, Brother")
    read = page(edge, address)
    assert QUIET in read
    assert "sea, Brother" in read
    assert QUIET in page(edge, "/journal")


def test_a_quiet_page_is_no_part_of_the_talk(edge: Edge):
    kept(edge)
    edge.settle()
    assert edge.shown() == []
    assert edge.peer.turns == []


def test_every_page_is_looked_at_for_danger(edge: Edge):
    kept(edge)
    [message] = rows(edge, Message)
    [assessed] = rows(edge, RiskAssessment)
    assert assessed.message_id == message.id


def test_words_of_danger_reach_a_person_and_lead_to_the_talk(edge: Edge):
    answer = write(edge, f"{QUIET}\n\n{RISK}")
    assert answer.headers["location"] == "/chat"
    [alert] = rows(edge, Escalation)
    assert alert.level in ("urgent", "emergency")
    assert rows(edge, Outbox)
    edge.settle()
    assert "safety.card" in edge.contents()
    assert any(RISK in m["text"] for m in edge.shown())


def test_danger_in_a_tag_or_in_changed_words_is_seen_as_well(edge: Edge):
    address = kept(edge)
    form = page(edge, address)
    tags = {"key": field(form, "key"), "tags": "I want to kill myself"}
    answer = edge.client.post(f"{address}/tags", data=tags, follow_redirects=False)
    assert answer.headers["location"] == "/chat"
    assert len(rows(edge, Escalation)) == 1


def test_changed_words_of_danger_lead_to_the_talk(edge: Edge):
    address = kept(edge)
    assert change(edge, address, RISK).headers["location"] == "/chat"
    assert len(rows(edge, Escalation)) == 1


def test_while_there_is_worry_everything_written_is_heard(edge: Edge):
    edge.say(RISK)
    assert write(edge, QUIET).headers["location"] == "/chat"
    edge.settle()
    assert any(QUIET in m["text"] for m in edge.shown())


def test_a_detector_that_fails_leads_to_a_person(edge: Edge, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(screening.risk, "assess", broken)
    assert write(edge, QUIET).headers["location"] == "/chat"
    assert len(rows(edge, Escalation)) == 1


def test_sent_twice_is_kept_once(edge: Edge):
    first = write(edge, QUIET, key="the-same-key")
    second = write(edge, QUIET, key="the-same-key")
    assert first.headers["location"] == second.headers["location"]
    assert len(rows(edge, Record)) == 1


def test_what_it_said_before_stays(edge: Edge):
    address = kept(edge, "First words.")
    edge.world.clock.advance(timedelta(hours=1))
    change(edge, address, "Second words.")
    edge.world.clock.advance(timedelta(hours=1))
    change(edge, address, "Third words.")
    read = page(edge, address)
    assert read.index("Third words.") < read.index("Second words.") < read.index("First words.")


def test_a_stale_change_from_a_second_window_loses_nothing(edge: Edge):
    address = kept(edge, "First words.")
    stale = field(page(edge, f"{address}?change=0"), "version")
    change(edge, address, "From the first window.")
    answer = change(edge, address, "From the second window.", version=stale)
    other = answer.headers["location"]
    assert other.partition("?")[0] != address
    assert "From the second window." in page(edge, other)
    assert "in another window" in page(edge, other)
    assert "From the first window." in page(edge, address)


def test_found_by_a_word_a_question_or_a_tag(edge: Edge):
    kept(edge, "The lighthouse turned slowly.", tags="light")
    kept(edge, "Nothing much today.")
    found = page(edge, "/journal?find=LIGHTHOUSE")
    assert "lighthouse turned" in found
    assert "Nothing much" not in found
    assert "lighthouse turned" in page(edge, "/journal?tag=light")
    assert "Nothing here holds" in page(edge, "/journal?find=zebra")


def test_the_questions_say_why_and_take_turns(edge: Edge):
    first = page(edge, "/journal")
    offered = re.findall(r"/journal/new\?prompt=(prompt\.[a-z0-9_]+)", first)
    assert len(offered) == 3
    assert "Why this question?" in first
    kept(edge, prompt=offered[0])
    again = re.findall(r"/journal/new\?prompt=(prompt\.[a-z0-9_]+)", page(edge, "/journal"))
    assert offered[0] not in again


def test_an_answered_question_stands_above_its_words(edge: Edge):
    address = kept(edge, QUIET, prompt="prompt.body_2")
    assert "Where in your body" in page(edge, address)


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200b"])
def test_nothing_is_not_kept_and_says_so(edge: Edge, text: str):
    answer = write(edge, text)
    assert answer.status_code == 422
    assert rows(edge, Record) == []


def test_too_long_is_refused_with_the_words_still_there(edge: Edge):
    long = "word " * 5000
    answer = write(edge, long)
    assert answer.status_code == 422
    assert long.strip() in html.unescape(answer.text)
    assert "longer than" in answer.text
    assert rows(edge, Record) == []


def test_two_megabytes_are_refused_and_nothing_breaks(edge: Edge):
    answer = write(edge, "x" * 2_000_000)
    assert answer.status_code == 413


def test_markup_is_text(edge: Edge):
    words = "<script>alert(1)</script> \u202eright to left"
    address = kept(edge, words)
    shown = edge.client.get(address).text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown


def test_an_entry_of_somebody_else_is_not_there(edge: Edge):
    stranger = edge.world.patient("Alex Stone")
    conversation = edge.world.conversation(stranger)
    with edge.world.system.database.write() as session:
        message = Message(
            id="m" * 32,
            conversation_id=conversation,
            seq=1000,
            author="patient",
            text_sealed=b"",
            created_at=edge.world.clock.now(),
        )
        session.add(message)
        session.flush()
        theirs = Journal(edge.world.system, session, stranger.id).add(
            message, "blank", "Theirs alone.", "shared", ""
        )
    answer = edge.client.get(f"/journal/{theirs}", follow_redirects=False)
    assert answer.headers["location"] == "/journal"
    for act, form in (
        ("sharing", {"sharing": "shared"}),
        ("words", {"part": "0", "version": "1", "text": "x", "key": "some-key-1"}),
        ("tags", {"tags": "x", "key": "some-key-2"}),
    ):
        edge.client.post(f"/journal/{theirs}/{act}", data=form)
    with edge.world.system.database.read() as session:
        entry = Journal(edge.world.system, session, stranger.id).entry(theirs)
    assert entry is not None
    assert [part.text for part in entry.parts] == ["Theirs alone."]


def test_without_a_session_there_is_only_the_door(edge: Edge):
    address = kept(edge)
    edge.client.cookies.clear()
    for path in ("/journal", "/journal/new", address, "/days"):
        assert edge.client.get(path, follow_redirects=False).headers["location"] == "/chat"
    assert write(edge, QUIET, key="some-key-3").headers["location"] == "/chat"


def test_the_therapist_reads_what_is_shared_and_nothing_else(edge: Edge):
    heartbeat(edge.world)
    desk = Browser(edge.world).sign_in(edge.therapist)

    def read() -> str:
        return desk.get(f"/console/patients/{edge.patient.id}").text

    address = kept(edge, "Only mine.")
    kept(edge, "For us both.", sharing="shared")
    assert "For us both." in read()
    assert "Only mine." not in read()
    edge.client.post(f"{address}/sharing", data={"sharing": "shared"})
    assert "Only mine." in read()
    edge.client.post(f"{address}/sharing", data={"sharing": "private"})
    assert "Only mine." not in read()
