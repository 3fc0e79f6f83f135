"""The assistant slow, dead, wrong or gone costs its reply and nothing else (invariant I4)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.conversation import handoff, intake, lease, whereabouts
from clinic.records.models import Clinic, Conversation, Escalation, Message, Record
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import Peer, says

FALLBACK = "conversation.unanswered"
NOT_READY = "conversation.not_ready"
RISK = "I want to kill myself tonight"


def last_turn(edge: Edge) -> str | None:
    with edge.world.system.database.read() as session:
        newest = session.scalars(
            select(Message).where(Message.author == "patient").order_by(Message.seq.desc())
        ).first()
        assert newest is not None
        return newest.turn


def foreign_text(turn):
    reply = says(turn, "conversation.out_of_scope")
    reply["messages"][0]["text"] = "You should stop your medication."
    return reply


def unknown_item(turn):
    reply = says(turn, "conversation.out_of_scope")
    reply["messages"][0]["content"] = "conversation.made_up"
    return reply


def other_version(turn):
    reply = says(turn, "conversation.out_of_scope")
    reply["messages"][0]["version"] = 99
    return reply


def other_turn(turn):
    return says(turn, "conversation.out_of_scope") | {"id": "another"}


WRONG = {
    "an error": lambda _turn: 500,
    "a refusal": lambda _turn: 401,
    "not JSON": lambda _turn: b"<html>",
    "no reply": lambda turn: says(turn),
    "a closed connection": lambda _turn: None,
    "text of its own": foreign_text,
    "an unknown sentence": unknown_item,
    "a sentence of another version": other_version,
    "a reply to another turn": other_turn,
    "a list": lambda _turn: b"[]",
    "a record of no kind": lambda turn: says(
        turn, "conversation.out_of_scope", records=({"kind": "diagnosis", "key": "k", "data": {}},)
    ),
    "a misshapen record": lambda turn: says(
        turn, "conversation.out_of_scope", records=({"kind": "check_in", "key": "k", "data": 3},)
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_nonsense_from_the_assistant_is_never_shown(edge: Edge, wrong: str):
    edge.peer.act = WRONG[wrong]
    edge.say("the light stayed with me")
    assert edge.contents() == [FALLBACK]
    assert last_turn(edge) == "unanswered"
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Record)).first() is None


@pytest.mark.parametrize("wrong", ["an error", "not JSON", "a closed connection"])
def test_risk_is_handled_whatever_the_assistant_does(edge: Edge, wrong: str):
    edge.peer.act = WRONG[wrong]
    edge.say(RISK)
    assert edge.contents() == ["safety.card", "measure.cssrs_screener.1"]
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().state == "open"


def test_a_hanging_assistant_costs_the_deadline_and_no_more(edge: Edge):
    edge.peer.act = edge.peer.hang
    edge.say("the light stayed with me")
    assert edge.contents() == [FALLBACK]
    assert last_turn(edge) == "unanswered"


def test_no_assistant_at_all_is_said_once_not_three_times(edge: Edge):
    edge.peer.close()
    for text in ("one", "two", "three"):
        edge.say(text)
    assert edge.contents() == [FALLBACK]
    assert [m["state"] for m in edge.shown() if m["author"] == "patient"] == ["unanswered"] * 3


def test_who_looks_in_while_the_assistant_starts_is_told_once_and_greeted_when_it_can(edge: Edge):
    """Never an empty page: the model may still be loading when the first patient comes."""
    edge.peer.act = WRONG["a closed connection"]
    for _ in range(2):
        edge.look_in()
    assert edge.contents() == [NOT_READY]
    edge.peer.act = lambda turn: says(turn, "conversation.out_of_scope")
    edge.look_in()
    assert [turn["message"]["kind"] for turn in edge.peer.turns] == ["open"] * 3
    assert edge.contents() == [NOT_READY, "conversation.out_of_scope"]


def test_who_looks_in_while_an_alert_is_open_keeps_the_card_before_them(edge: Edge):
    edge.peer.close()
    edge.say(RISK)
    before = edge.contents()
    edge.look_in()
    assert edge.contents() == before


def test_messages_in_a_row_are_answered_one_by_one_in_order(edge: Edge):
    for text in ("one", "two", "three"):
        assert edge.post({"text": text}).status_code == 202
    edge.settle()
    assert [turn["message"]["text"] for turn in edge.peer.turns] == ["one", "two", "three"]


def test_what_waited_through_a_crash_is_answered_by_the_next_process(edge: Edge):
    """The worker died with the turn in its hands: its lease runs out and another takes over."""
    edge.peer.act = edge.peer.hang
    edge.post({"text": "are you there?"})
    with edge.world.system.database.write() as session:
        conversation = session.get_one(Conversation, edge.conversation)
        conversation.turn_owner = "a process that was killed"
        conversation.turn_lease_until = edge.world.clock.now() + timedelta(seconds=10)
    edge.peer.release.set()
    edge.settle()
    assert last_turn(edge) == "waiting", "somebody else's turn is left alone"
    edge.peer.act = lambda turn: says(turn, "conversation.out_of_scope")
    edge.world.clock.advance(timedelta(seconds=11))
    turns = edge.client.app.state.turns  # type: ignore[attr-defined]
    edge.client.portal.call(_wake, turns, edge.conversation)  # type: ignore[union-attr]
    edge.settle()
    assert last_turn(edge) == "answered"


async def _wake(turns, conversation_id):
    turns.wake(conversation_id)


def test_words_of_yesterday_are_not_answered_as_if_they_were_new(edge: Edge):
    with edge.world.system.database.write() as session:
        session.get_one(Conversation, edge.conversation).turn_lease_until = (
            edge.world.clock.now() + timedelta(minutes=90)
        )
        session.get_one(Conversation, edge.conversation).turn_owner = "killed"
    edge.post({"text": "are you there?"})
    edge.world.clock.advance(timedelta(hours=2))
    turns = edge.client.app.state.turns  # type: ignore[attr-defined]
    edge.client.portal.call(_wake, turns, edge.conversation)  # type: ignore[union-attr]
    edge.settle()
    assert edge.peer.turns == []
    assert last_turn(edge) == "unanswered"


def test_records_are_kept_with_the_reply_and_grow_under_their_key(edge: Edge):
    def entry(turn, *words: str):
        data = {
            "state": "draft",
            "sharing": "undecided",
            "parts": [
                {"prompt": "reflection.body", "state": "answered", "text": word} for word in words
            ],
        }
        record = {"kind": "journal_entry", "key": "entry-1", "data": data}
        return says(turn, "conversation.out_of_scope", records=(record,))

    edge.peer.act = lambda turn: entry(turn, "heavy")
    edge.say("heavy")
    edge.peer.act = lambda turn: entry(turn, "heavy", "a lamp")
    edge.say("a lamp")
    with edge.world.system.database.read() as session:
        row = session.scalars(select(Record)).one()
        parts = edge.world.system.vault(session).data(row)["parts"]
    assert [part["text"] for part in parts] == ["heavy", "a lamp"]


def test_a_clinicians_hold_fences_out_a_late_reply(edge: Edge):
    """Invariant I6: the reply was asked for before the human took over."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(turn):
        asked.set()
        go_on.wait(10)
        return says(turn, "conversation.out_of_scope")

    edge.peer.act = slow
    edge.post({"text": "is somebody there?"})
    assert asked.wait(10)
    system = edge.world.system
    with system.database.write() as session:
        handoff.take(system, session, edge.conversation, edge.nurse)
    go_on.set()
    edge.settle()
    assert edge.contents() == ["conversation.human_has_joined"]
    assert last_turn(edge) == "held"


def test_a_reply_asked_for_under_an_older_epoch_is_dropped_by_the_epoch_alone(edge: Edge):
    """Somebody took over and gave back while the assistant was thinking: it is asked again."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(turn):
        asked.set()
        go_on.wait(10)
        return says(
            turn, "conversation.menu" if len(edge.peer.turns) == 1 else "conversation.thanks"
        )

    edge.peer.act = slow
    edge.post({"text": "is somebody there?"})
    assert asked.wait(10)
    with edge.world.system.database.write() as session:
        session.get_one(Conversation, edge.conversation).mode_epoch += 2
    go_on.set()
    edge.settle()
    assert edge.contents() == ["conversation.thanks"]


def test_risk_is_seen_while_a_human_holds_the_conversation(edge: Edge):
    system = edge.world.system
    with system.database.write() as session:
        handoff.take(system, session, edge.conversation, edge.nurse)
    edge.say(RISK)
    assert edge.peer.turns == []
    with system.database.read() as session:
        assert session.scalars(select(Escalation)).one().level == "emergency"
    assert edge.contents()[-1] == "safety.card"


def test_a_persons_words_carry_their_name_and_role(edge: Edge):
    system = edge.world.system
    with system.database.write() as session:
        handoff.take(system, session, edge.conversation, edge.nurse)
        handoff.say(system, session, edge.conversation, edge.nurse, "I am here.", "k1")
        handoff.say(system, session, edge.conversation, edge.nurse, "I am here.", "k1")
    said = [m for m in edge.shown() if m["author"] == "staff"]
    assert [(m["name"], m["role"], m["text"]) for m in said] == [("Noor", "Nurse", "I am here.")]
    assert edge.state()["human"] == {"name": "Noor", "role": "Nurse"}


def test_a_second_clinician_is_told_who_holds_it(edge: Edge):
    system = edge.world.system
    with system.database.write() as session:
        handoff.take(system, session, edge.conversation, edge.nurse)
    with (
        pytest.raises(handoff.RefusedError, match="Noor"),
        system.database.write() as session,
    ):
        handoff.take(system, session, edge.conversation, edge.therapist)


def test_coming_back_after_hours_lets_the_companion_greet(edge: Edge, peer: Peer):
    edge.look_in()
    edge.look_in()
    assert [turn["message"]["kind"] for turn in peer.turns] == ["open"]
    edge.world.clock.advance(timedelta(hours=5))
    edge.look_in()
    assert len(peer.turns) == 2
    assert all(m["kind"] != "open" for m in edge.shown())


@pytest.mark.parametrize(
    ("chosen", "hours", "over"),
    [(None, 4.1, True), (None, 3.9, False), ("2", 2.1, True), ("2", 1.9, False), ("48", 4.1, True)],
)
def test_after_effects_are_measured_by_the_clinics_own_limit(
    edge: Edge, peer: Peer, chosen: str | None, hours: float, over: bool
):
    with edge.world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | ({"after_effects_hours": chosen} if chosen else {})
        infusions = whereabouts.infusions_of(session, edge.patient.id)
        infusions[-1].ended_at = edge.world.clock.now() - timedelta(hours=hours)
        infusions[-1].started_at = infusions[-1].ended_at - timedelta(hours=1)
    edge.say("hello")
    assert peer.turns[-1]["context"]["effects_over"] is over


def test_a_phrase_shown_this_week_is_named_so_that_it_is_not_repeated(edge: Edge, peer: Peer):
    edge.say("one")
    edge.say("two")
    assert peer.turns[-1]["context"]["phrases_used"] == ["conversation.out_of_scope#0"]
    edge.world.clock.advance(timedelta(days=8))
    edge.say("three")
    assert peer.turns[-1]["context"]["phrases_used"] == []


def test_the_turn_is_taken_in_the_transaction_that_stores_the_message(edge: Edge) -> None:
    intake.receive_text(edge.world.system, edge.conversation, "It was a lot.", "a-key-of-its-own")
    with edge.world.system.database.read() as session:
        conversation = session.get_one(Conversation, edge.conversation)
        assert lease.held(edge.world.system, conversation, edge.world.clock.now())


def test_storing_a_message_takes_no_turn_from_a_worker_who_has_it(edge: Edge) -> None:
    with edge.world.system.database.write() as session:
        conversation = session.get_one(Conversation, edge.conversation)
        conversation.turn_owner = "another worker"
        conversation.turn_lease_until = edge.world.clock.now() + timedelta(seconds=10)
    intake.receive_text(edge.world.system, edge.conversation, "And this.", "another-key-of-mine")
    with edge.world.system.database.read() as session:
        conversation = session.get_one(Conversation, edge.conversation)
        assert conversation.turn_owner == "another worker"


@pytest.mark.parametrize("heeds", [202, 500])
def test_the_assistant_hears_the_words_while_they_are_stored(
    edge: Edge, peer: Peer, heeds: int
) -> None:
    """So that it knows what they mean by the time it is asked; its answer to that is not needed."""
    peer.heeds = heeds
    edge.say("  a quiet night ")
    assert peer.expected == ["a quiet night"]
    assert last_turn(edge) == "answered"


def test_nobody_without_a_session_makes_the_assistant_work(edge: Edge, peer: Peer) -> None:
    edge.client.cookies.clear()
    assert edge.post({"text": "a quiet night"}).status_code == 401
    edge.settle()
    assert peer.expected == []


def test_words_that_ask_to_breathe_come_with_their_pace(edge: Edge):
    edge.peer.act = lambda turn: says(turn, "grounding.start", "breathing.breathe")
    edge.say("show me a breathing exercise")
    start, breathe = (message["breath"] for message in edge.shown()[-2:])
    assert start is None
    assert breathe == {"in": 3, "out": 5, "rounds": 6}
