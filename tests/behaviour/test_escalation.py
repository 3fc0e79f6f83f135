"""From a risk message to a named human's recorded outcome."""

from __future__ import annotations

import email
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.escalation import machine
from clinic.escalation.engine import Engine
from clinic.notify.email import sink
from clinic.outbox import queue
from clinic.records.models import Conversation, Escalation, Outbox, Staff, StaffContact
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says

RISK = "I want to kill myself tonight"
WORRY = "everyone would be better off without me"


class Mailbox:
    """A real SMTP server on loopback; ``refuse`` answers every recipient with that line."""

    def __init__(self) -> None:
        self.mails: list[email.message.Message] = []
        self.refuse: str | None = None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"

    def to(self) -> list[str]:
        return [mail["To"] for mail in self.mails]


@pytest.fixture
def mailbox(edge: Edge):
    kept = Mailbox()
    controller = sink.start(edge.world.system.settings.home / "mail", kept)
    yield kept
    controller.stop()


@pytest.fixture
def engine(edge: Edge) -> Engine:
    return Engine(edge.world.system)


def alert(edge: Edge) -> Escalation:
    with edge.world.system.database.read() as session:
        return session.scalars(select(Escalation)).one()


def do(edge: Edge, move, staff: Staff, *more: str) -> Escalation:
    with edge.world.system.database.write() as session:
        return move(edge.world.system, session, alert(edge).id, staff, *more)


def pass_time(edge: Edge, engine: Engine, minutes: float) -> None:
    edge.world.clock.advance(timedelta(minutes=minutes))
    engine.cycle()


def test_the_on_call_clinician_gets_a_mail_without_a_word_of_the_patient(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(f"quillfeather {RISK}")
    engine.cycle()
    (mail,) = mailbox.mails
    assert mail["To"] == "noor@harbor.test"
    text = mail.as_string()
    assert "/console" in text
    assert not [word for word in ("quillfeather", "kill", "Sam", "Rivera") if word in text]


def test_nobody_answers_so_more_people_are_told_and_it_never_ends(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(RISK)
    engine.cycle()
    assert mailbox.to() == ["noor@harbor.test"]
    pass_time(edge, engine, 4.9)
    assert len(mailbox.mails) == 1
    pass_time(edge, engine, 0.2)
    assert sorted(mailbox.to()[1:]) == ["noor@harbor.test", "robin@harbor.test"]
    told = len(mailbox.mails)
    for _ in range(12):
        pass_time(edge, engine, 5)
    assert len(mailbox.mails) > told + 12
    assert alert(edge).unanswered
    assert "No clinician has answered yet" in edge.state()["alert"]["told"]


def test_an_acknowledgement_stops_the_calling_and_the_patient_sees_who(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(RISK)
    assert edge.state()["alert"] == {"level": "emergency", "told": None, "seen": None}
    engine.cycle()
    assert "alerted at 7:00 pm" in edge.state()["alert"]["told"]
    assert edge.state()["alert"]["seen"] is None
    edge.world.clock.advance(timedelta(minutes=2))
    do(edge, machine.acknowledge, edge.nurse)
    pass_time(edge, engine, 10)
    assert len(mailbox.mails) == 1
    assert edge.state()["alert"]["seen"] == "Noor saw this at 7:02 pm."


def test_an_acknowledgement_without_an_outcome_lapses_and_calls_again(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(RISK)
    engine.cycle()
    do(edge, machine.acknowledge, edge.nurse)
    pass_time(edge, engine, 14.9)
    assert alert(edge).state == "acked"
    pass_time(edge, engine, 0.2)
    assert alert(edge).state == "open"
    assert len(mailbox.mails) == 2


def test_only_an_outcome_with_a_note_ends_it_and_lowers_the_risk(edge: Edge, engine: Engine):
    edge.say(RISK)
    with pytest.raises(machine.RefusedError):
        do(edge, machine.resolve, edge.nurse, "spoke_safe", "Called.")
    do(edge, machine.acknowledge, edge.nurse)
    for disposition, note in [("", "Called."), ("nothing", "Called."), ("spoke_safe", "  ")]:
        with pytest.raises(machine.RefusedError):
            do(edge, machine.resolve, edge.nurse, disposition, note)
    do(edge, machine.resolve, edge.nurse, "spoke_safe", "Called; sister is with them.")
    assert alert(edge).state == "resolved"
    with edge.world.system.database.read() as session:
        assert session.get_one(Conversation, edge.conversation).risk_level == "none"
    assert edge.state()["alert"] is None


def test_two_clinicians_one_gets_it_and_the_other_is_told_who(edge: Edge):
    edge.say(RISK)
    do(edge, machine.acknowledge, edge.nurse)
    with pytest.raises(machine.RefusedError, match="Noor"):
        do(edge, machine.acknowledge, edge.therapist)


def test_rising_risk_calls_again_although_somebody_acknowledged(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(WORRY)
    engine.cycle()
    assert alert(edge).level == "urgent"
    do(edge, machine.acknowledge, edge.nurse)
    edge.say(RISK)
    engine.cycle()
    assert (alert(edge).level, alert(edge).state) == ("emergency", "open")
    assert len(mailbox.mails) == 2


def test_more_risk_at_the_same_level_attaches_and_tells_the_holder(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    edge.say(RISK)
    do(edge, machine.acknowledge, edge.nurse)
    edge.say(f"{RISK}, I mean it")
    engine.cycle()
    assert alert(edge).state == "acked"
    assert mailbox.to() == ["noor@harbor.test"]


def test_a_denial_silence_and_time_never_lower_the_risk(edge: Edge, engine: Engine):
    """Invariant I5."""
    edge.say(RISK)
    edge.say("never mind, just kidding, I'm fine")
    pass_time(edge, engine, 60 * 24 * 7)
    with edge.world.system.database.read() as session:
        assert session.get_one(Conversation, edge.conversation).risk_level == "emergency"
    assert alert(edge).state == "open"


def test_an_unanswered_watch_becomes_urgent(edge: Edge, mailbox: Mailbox, engine: Engine):
    """Invariant I5: the gentle question hangs in the air, so somebody calls."""
    _watch(edge)
    pass_time(edge, engine, 29)
    assert mailbox.mails == []
    pass_time(edge, engine, 2)
    assert alert(edge).reason == "watch.unanswered"
    assert len(mailbox.mails) == 1
    assert edge.contents()[-1] == "safety.card"


@pytest.mark.parametrize(("choice", "level"), [("yes", "urgent"), ("not_sure", "urgent")])
def test_yes_and_not_sure_to_the_direct_question_alert(edge: Edge, choice: str, level: str):
    _watch(edge)
    edge.tap(choice)
    assert alert(edge).level == level


def test_no_to_the_direct_question_completes_the_screen(edge: Edge, engine: Engine):
    _watch(edge)
    edge.tap("no")
    with edge.world.system.database.read() as session:
        assert session.get_one(Conversation, edge.conversation).risk_level == "none"
    pass_time(edge, engine, 60)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).first() is None


def _watch(edge: Edge) -> None:
    """A message that only deserves a question, with the assistant down: the edge asks it."""
    edge.peer.act = lambda _turn: 500
    edge.say("kms lol")
    with edge.world.system.database.read() as session:
        assert session.get_one(Conversation, edge.conversation).risk_level == "watch"
    assert edge.contents()[-1] == "safety.ask"


def test_a_mail_server_that_is_down_is_tried_again(edge: Edge, engine: Engine):
    edge.say(RISK)
    engine.cycle()
    with edge.world.system.database.read() as session:
        row = session.scalars(select(Outbox)).one()
    assert (row.state, row.attempt) == ("queued", 1)
    assert edge.state()["alert"]["told"] is None, "nothing is claimed that is not so"
    pass_time(edge, engine, 1)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox)).one().attempt == 2


def test_a_mail_server_that_comes_up_late_gets_the_mail(edge: Edge, engine: Engine):
    """The engine was there first; it must not remember that there was no server."""
    edge.say(RISK)
    engine.cycle()
    late = Mailbox()
    controller = sink.start(edge.world.system.settings.home / "mail", late)
    pass_time(edge, engine, 1)
    controller.stop()
    assert late.to() == ["noor@harbor.test"]


def test_an_address_that_can_never_work_moves_the_alert_on_at_once(
    edge: Edge, mailbox: Mailbox, engine: Engine
):
    mailbox.refuse = "550 no such user"
    edge.say(RISK)
    engine.cycle()
    mailbox.refuse = None
    engine.cycle()
    assert "robin@harbor.test" in mailbox.to()


def test_an_unverified_address_does_not_count(edge: Edge, mailbox: Mailbox, engine: Engine):
    with edge.world.system.database.write() as session:
        for contact in session.scalars(select(StaffContact)):
            if contact.staff_id == edge.nurse.id:
                contact.verified_at = None
    edge.say(RISK)
    engine.cycle()
    assert mailbox.to() == ["robin@harbor.test"], "the step that reaches nobody is skipped"


def test_a_notification_whose_sender_died_is_sent_by_the_next(edge: Edge, mailbox: Mailbox):
    system = edge.world.system
    edge.say(RISK)
    dead = queue.claim(system, "a sender that was killed")
    assert dead is not None
    engine = Engine(system)
    engine.cycle()
    assert mailbox.mails == []
    pass_time(edge, engine, 1)
    assert len(mailbox.mails) == 1
    assert not queue.settle(system, "a sender that was killed", dead, "failed"), "too late to count"
    with system.database.read() as session:
        assert session.scalars(select(Outbox)).first().state == "sent"


def test_a_late_sender_cannot_settle_what_another_is_sending(edge: Edge):
    """Fencing: the row is under way again, by somebody else and under a later attempt."""
    system = edge.world.system
    edge.say(RISK)
    late = queue.claim(system, "late")
    edge.world.clock.advance(timedelta(minutes=1))
    now = queue.claim(system, "now")
    assert late is not None
    assert now is not None
    assert (late.row, now.attempt) == (now.row, late.attempt + 1)
    assert not queue.settle(system, "late", late, "failed")
    assert not queue.settle(system, "now", late, "failed"), "an attempt of the past"
    assert queue.settle(system, "now", now, "sent")


def test_what_nobody_needs_any_more_is_not_sent(edge: Edge, mailbox: Mailbox, engine: Engine):
    edge.say(RISK)
    do(edge, machine.acknowledge, edge.nurse)
    engine.cycle()
    assert mailbox.mails == []
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox)).one().state == "dropped"


def test_a_silent_engine_is_said_to_everybody(edge: Edge, engine: Engine):
    engine.cycle()
    assert edge.state()["staffed"] is True
    assert edge.client.get("/health").json()["engine"] == "up"
    edge.world.clock.advance(timedelta(seconds=16))
    assert edge.state()["staffed"] is False
    assert edge.client.get("/health").status_code == 503


@pytest.mark.parametrize("typed", ["yes", "Yes.", "yeah", "I'm not sure", "idk", "sometimes"])
def test_a_typed_yes_or_unclear_answer_means_what_the_tap_means(edge: Edge, typed: str):
    _watch(edge)
    edge.say(typed)
    assert (alert(edge).level, alert(edge).reason) in [
        ("urgent", "safety.ask.yes"),
        ("urgent", "safety.ask.not_sure"),
    ]
    assert edge.contents()[-2:] == ["safety.card", "measure.cssrs_screener.1"]


def test_a_typed_no_answers_the_question_and_a_denial_in_other_words_does_not(edge: Edge):
    _watch(edge)
    edge.say("no I'd never do that, forget it")
    assert _risk(edge) == "watch"
    edge.say("No.")
    assert _risk(edge) == "none"


def test_the_same_words_without_a_question_mean_nothing(edge: Edge):
    edge.say("yes")
    assert _risk(edge) == "none"


def test_a_no_to_another_question_does_not_lower_the_worry(edge: Edge):
    """Invariant I5: "no" to chest pain is no answer about suicide."""
    _watch(edge)
    edge.peer.act = lambda turn: says(turn, "measure.medical_check.1")
    edge.say("I feel dizzy")
    edge.tap("no")
    assert _risk(edge) != "none"


def test_a_button_the_conversation_has_left_behind_is_refused(edge: Edge):
    _watch(edge)
    old = next(m for m in edge.shown() if m["content"] == "safety.ask")
    edge.tap("no")
    edge.peer.act = lambda turn: says(turn, "conversation.menu")
    edge.say("hello again")
    _watch(edge)
    answer = edge.post({"message": old["id"], "choice": "no"})
    assert answer.json()["type"] == "about:moved-on"
    assert _risk(edge) == "watch"


def test_yes_to_the_bodys_question_is_about_the_body(edge: Edge):
    edge.peer.act = lambda turn: says(turn, "measure.medical_check.1")
    edge.say("can I ask something")
    edge.tap("yes")
    assert (alert(edge).level, alert(edge).categories) == ("emergency", ["medical"])
    assert edge.contents()[-2] == "safety.card_medical"


def test_asking_for_a_person_now_calls_one(edge: Edge, mailbox: Mailbox, engine: Engine):
    """Invariant I2: "this goes to your team as urgent" is said with the rows that make it so."""
    wish = {
        "kind": "clinic_task",
        "key": "wish-1",
        "data": {"task": "human_request", "urgency": "urgent"},
    }
    edge.peer.act = lambda turn: says(turn, "conversation.human_urgent", records=(wish,))
    edge.say("get me a person please")
    engine.cycle()
    assert alert(edge).reason == "patient.asked"
    assert mailbox.to() == ["noor@harbor.test"]
    assert _risk(edge) == "none", "wanting a person is no risk"


def test_worry_only_the_assistant_saw_is_watched_too(edge: Edge, engine: Engine):
    def worried(turn):
        return says(turn, "safety.ask") | {"intent": {"name": "safety_risk", "confidence": 1.0}}

    edge.peer.act = worried
    edge.say("an ordinary sentence")
    assert _risk(edge) == "watch"
    pass_time(edge, engine, 31)
    assert alert(edge).reason == "watch.unanswered"


def test_three_gentle_worries_in_a_row_are_urgent(edge: Edge):
    edge.peer.act = lambda turn: says(turn, "conversation.menu")
    for _ in range(3):
        edge.say("kms lol")
    assert _risk(edge) == "urgent"
    assert alert(edge).level == "urgent"


def _risk(edge: Edge) -> str:
    with edge.world.system.database.read() as session:
        return session.get_one(Conversation, edge.conversation).risk_level
