"""One kill at each edge, by name: before a commit, after it, after a claim, after a send.

The random kills of test_kill.py show that nothing is lost on the whole; these show at which line.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic.conversation import intake
from clinic.escalation import machine
from clinic.escalation.engine import Engine
from clinic.records.models import (
    Conversation,
    Escalation,
    EscalationMessage,
    Message,
    Outbox,
    RiskAssessment,
)
from tests.behaviour.conftest import Edge
from tests.behaviour.test_escalation import Mailbox
from tests.behaviour.test_escalation import mailbox as mailbox
from tests.behaviour.victim import RISK

BOTH = pytest.mark.parametrize("instant", ["before_commit", "after_commit"])


def kill(edge: Edge, what: str, instant: str) -> None:
    """Let a process of its own do the work and die at that instant."""
    ended = run(edge, what, instant)
    assert ended.returncode == -signal.SIGKILL, f"it lived: {ended.stderr[-2000:]}"


def run(edge: Edge, what: str, instant: str) -> subprocess.CompletedProcess[str]:
    world = edge.world
    with world.system.database.read() as session:
        alert = session.scalars(select(Escalation.id)).first()
    command = [
        sys.executable,
        "-m",
        "tests.behaviour.victim",
        str(world.system.settings.home),
        world.system.settings.database_url,
        world.clock.now().isoformat(),
        what,
        instant,
        edge.conversation,
        alert or "",
        edge.nurse.id,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def later(edge: Edge, minutes: float = 0) -> None:
    """Time passes, every lease is over, and another engine does its work."""
    edge.world.clock.advance(timedelta(minutes=minutes))
    Engine(edge.world.system).cycle()


def expect_whole(edge: Edge) -> None:
    """Per message and per alert: assessed, tied, called, and the audit chain unbroken."""
    with edge.world.system.database.read() as session:
        said = select(Message.id).where(Message.author == "patient", Message.kind != "open")
        assessed = set(session.scalars(select(RiskAssessment.message_id)))
        assert set(session.scalars(said)) <= assessed
        worrying = session.scalars(
            select(RiskAssessment.message_id).where(
                RiskAssessment.level.in_(["urgent", "emergency"])
            )
        )
        assert set(worrying) <= set(session.scalars(select(EscalationMessage.message_id)))
        for alert in session.scalars(select(Escalation)):
            rows = session.scalars(select(Outbox).where(Outbox.escalation_id == alert.id)).all()
            assert rows
            assert {row.state for row in rows} <= {"sent", "dropped", "queued"}
        assert edge.world.system.audit.verify(session).whole


def alert(edge: Edge) -> Escalation:
    with edge.world.system.database.read() as session:
        return session.scalars(select(Escalation)).one()


def count(edge: Edge, table: type) -> int:
    with edge.world.system.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@BOTH
def test_a_message_is_there_with_everything_or_not_at_all(
    edge: Edge, mailbox: Mailbox, instant: str
):
    kill(edge, "message", instant)
    stored = 1 if instant == "after_commit" else 0
    tables = (RiskAssessment, EscalationMessage, Escalation, Outbox)
    assert [count(edge, table) for table in tables] == [stored] * 4
    # No receipt came, so the patient's page sends it again with the same key.
    again = intake.receive_text(edge.world.system, edge.conversation, RISK, "key-of-the-victim")
    assert again.replayed is (instant == "after_commit")
    assert [reply["content"] for reply in again.replies] == ["safety.card"], "the card, either way"
    assert [count(edge, table) for table in tables] == [1] * 4
    later(edge)
    assert mailbox.to() == ["noor@harbor.test"]
    expect_whole(edge)


@pytest.mark.parametrize(
    ("what", "instant", "state", "mails"),
    [
        ("deliver", "before_commit", "queued", 1),
        ("deliver", "after_commit", "sending", 1),
        ("deliver", "claimed", "sending", 1),
        ("deliver", "sent", "sending", 2),
        ("settle", "before_commit", "sending", 2),
        ("settle", "after_commit", "sent", 1),
    ],
)
def test_a_notification_is_sent_at_least_once(
    edge: Edge, mailbox: Mailbox, what: str, instant: str, state: str, mails: int
):
    intake.receive_text(edge.world.system, edge.conversation, RISK, "key-number-1")
    kill(edge, what, instant)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox.state)).all() == [state]
    later(edge, minutes=1)
    assert mailbox.to() == ["noor@harbor.test"] * mails
    # What may come twice is one mail to every mail program.
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox.state)).all() == ["sent"]
    expect_whole(edge)


@BOTH
def test_a_step_is_taken_once(edge: Edge, mailbox: Mailbox, instant: str):
    intake.receive_text(edge.world.system, edge.conversation, RISK, "key-number-1")
    later(edge)
    edge.world.clock.advance(timedelta(minutes=5))
    kill(edge, "step", instant)
    assert count(edge, Outbox) == (3 if instant == "after_commit" else 1)
    later(edge)
    assert sorted(mailbox.to()[1:]) == ["noor@harbor.test", "robin@harbor.test"]
    later(edge)
    assert len(mailbox.to()) == 3
    expect_whole(edge)


@BOTH
def test_a_lapsed_acknowledgement_opens_again(edge: Edge, mailbox: Mailbox, instant: str):
    system = edge.world.system
    intake.receive_text(system, edge.conversation, RISK, "key-number-1")
    later(edge)
    with system.database.write() as session:
        machine.acknowledge(system, session, alert(edge).id, edge.nurse)
    edge.world.clock.advance(timedelta(minutes=15))
    kill(edge, "step", instant)
    assert alert(edge).state == ("open" if instant == "after_commit" else "acked")
    later(edge)
    assert alert(edge).state == "open"
    assert mailbox.to() == ["noor@harbor.test"] * 2
    expect_whole(edge)


@BOTH
def test_an_unanswered_question_becomes_urgent(edge: Edge, mailbox: Mailbox, instant: str):
    with edge.world.system.database.write() as session:
        chat = session.get_one(Conversation, edge.conversation)
        chat.risk_level, chat.risk_categories = "watch", ["suicide"]
        chat.watch_until = edge.world.clock.now()
    kill(edge, "watch", instant)
    assert count(edge, Escalation) == (1 if instant == "after_commit" else 0)
    later(edge)
    assert (alert(edge).level, alert(edge).reason) == ("urgent", "watch.unanswered")
    assert mailbox.to() == ["noor@harbor.test"]
    expect_whole(edge)


@BOTH
def test_an_acknowledgement_counts_when_it_is_committed(edge: Edge, mailbox: Mailbox, instant: str):
    intake.receive_text(edge.world.system, edge.conversation, RISK, "key-number-1")
    later(edge)
    kill(edge, "acknowledge", instant)
    later(edge, minutes=5)
    held = instant == "after_commit"
    assert alert(edge).state == ("acked" if held else "open")
    assert len(mailbox.to()) == (1 if held else 3)
    assert bool(edge.state()["alert"]["seen"]) is held
    expect_whole(edge)


@BOTH
def test_an_outcome_counts_when_it_is_committed(edge: Edge, mailbox: Mailbox, instant: str):
    system = edge.world.system
    intake.receive_text(system, edge.conversation, RISK, "key-number-1")
    later(edge)
    with system.database.write() as session:
        machine.acknowledge(system, session, alert(edge).id, edge.nurse)
    kill(edge, "resolve", instant)
    later(edge, minutes=15)
    ended = instant == "after_commit"
    assert alert(edge).state == ("resolved" if ended else "open")
    with system.database.read() as session:
        risk = session.get_one(Conversation, edge.conversation).risk_level
    assert risk == ("none" if ended else "emergency")
    assert len(mailbox.to()) == (1 if ended else 2)
    expect_whole(edge)


@BOTH
def test_a_conversation_is_held_when_that_is_committed(edge: Edge, instant: str):
    kill(edge, "take", instant)
    held = instant == "after_commit"
    assert edge.state()["mode"] == ("human" if held else "bot")
    assert ("conversation.human_has_joined" in edge.contents()) is held
