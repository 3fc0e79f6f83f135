"""The disk is full: the operating system takes no further byte. What was to be written is refused
as a whole and said so; what was there stays; and all goes on when there is room again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.conversation import intake
from clinic.records.models import Escalation, EscalationMessage, Outbox, RiskAssessment
from tests.behaviour.conftest import Edge
from tests.behaviour.test_escalation import Mailbox
from tests.behaviour.test_escalation import mailbox as mailbox
from tests.behaviour.test_failpoints import alert, count, expect_whole, later, run
from tests.behaviour.victim import RISK


def refuse(edge: Edge, what: str) -> None:
    ended = run(edge, what, "full")
    assert ended.returncode == 1
    assert "OperationalError" in ended.stderr
    assert RISK not in ended.stderr


def test_a_message_is_refused_whole_and_taken_when_there_is_room(edge: Edge, mailbox: Mailbox):
    refuse(edge, "message")
    tables = (RiskAssessment, EscalationMessage, Escalation, Outbox)
    assert [count(edge, table) for table in tables] == [0] * 4
    again = intake.receive_text(edge.world.system, edge.conversation, RISK, "key-of-the-victim")
    assert not again.replayed
    later(edge)
    assert mailbox.to() == ["noor@harbor.test"]
    expect_whole(edge)


@pytest.mark.parametrize("what", ["deliver", "step", "acknowledge"])
def test_an_alert_loses_nothing_and_goes_on_calling(edge: Edge, mailbox: Mailbox, what: str):
    intake.receive_text(edge.world.system, edge.conversation, RISK, "key-number-1")
    edge.world.clock.advance(timedelta(minutes=5))
    refuse(edge, what)
    assert alert(edge).state == "open"
    later(edge)
    assert sorted(mailbox.to()) == ["noor@harbor.test"] * 2 + ["robin@harbor.test"]
    expect_whole(edge)


def test_a_notification_that_went_out_unnoted_goes_out_again(edge: Edge, mailbox: Mailbox):
    """At least once: better twice than not at all."""
    intake.receive_text(edge.world.system, edge.conversation, RISK, "key-number-1")
    refuse(edge, "settle")
    assert len(mailbox.mails) == 1
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox.state)).all() == ["sending"]
    later(edge, minutes=1)
    assert len(mailbox.mails) == 2
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1
    expect_whole(edge)
