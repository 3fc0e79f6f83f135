"""An alert drill over every channel: phones, browsers, PagerDuty, a clinic's own system, a room.

``phone.expect_sms("alert 1").then_reply("ack 1")``, after the manner of GoAlert's tests. At the end
nothing may be left that nobody expected: no text message, no error in the log, no word of the
patient in anything that went out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import people
from clinic.escalation.engine import Engine
from clinic.records.models import Escalation, Outbox, Staff, StaffContact
from tests.behaviour.conftest import Edge
from tests.providers import Browser, Providers, Text

#: In every risky message; it must never leave the house.
CANARY = "quillfeather"
RISK = f"{CANARY}: I want to kill myself tonight"
WORRY = f"{CANARY}: everyone would be better off without me"
_PRIVATE = (CANARY, "kill myself", "better off", "Rivera", "0142")


class Phone:
    """A clinician's phone."""

    def __init__(self, relay: Relay, number: str) -> None:
        self._relay = relay
        self.number = number
        self.last: Text | None = None

    def expect_sms(self, says: str) -> Phone:
        """Run the engine once; exactly one new message, which says this."""
        self._relay.engine.cycle()
        (self.last,) = self._relay.providers.twilio.fresh(self.number)
        assert says in self.last.body
        return self

    def expect_nothing(self) -> None:
        self._relay.engine.cycle()
        assert self._relay.providers.twilio.fresh(self.number) == []

    def then_reply(self, body: str, **changes: str) -> Phone:
        self.answer = self._relay.providers.twilio.reply(
            self._relay.edge.client, self.number, body, **changes
        )
        return self

    def then_expect(self, says: str) -> Phone:
        assert says in self.answer.text, self.answer.text
        return self

    def reports(self, status: str, code: str = "") -> None:
        assert self.last is not None
        answer = self._relay.providers.twilio.report(
            self._relay.edge.client, self.last, status, code
        )
        assert answer.status_code == 204


class Relay:
    def __init__(self, edge: Edge, providers: Providers) -> None:
        self.edge, self.providers = edge, providers
        self.engine = Engine(edge.world.system)
        providers.push.now = providers.receiver.now = edge.world.clock.now

    def only(self, staff: Staff, channel: str, address: str) -> StaffContact:
        """This is the one way to reach them, vouched for."""
        system = self.edge.world.system
        with system.database.write() as session:
            for contact in session.scalars(
                select(StaffContact).where(StaffContact.staff_id == staff.id)
            ):
                contact.verified_at = None
            people.add_contact(system, session, staff, channel, address)
        with system.database.read() as session:
            return session.scalars(
                select(StaffContact).where(
                    StaffContact.staff_id == staff.id, StaffContact.address == address
                )
            ).one()

    def phone(self, staff: Staff, number: str) -> Phone:
        self.only(staff, "sms", number)
        return Phone(self, number)

    def browser(self, staff: Staff) -> Browser:
        made = Browser(self.providers.push)
        channel = self.engine._channels.get("push")
        self.only(staff, "push", channel.address(made.subscription))
        return made

    def pass_time(self, minutes: float) -> None:
        self.edge.world.clock.advance(timedelta(minutes=minutes))
        self.engine.cycle()

    def alert(self) -> Escalation:
        with self.edge.world.system.database.read() as session:
            return session.scalars(select(Escalation).order_by(Escalation.number.desc())).first()

    def rows(self) -> list[Outbox]:
        with self.edge.world.system.database.read() as session:
            return list(session.scalars(select(Outbox).order_by(Outbox.id)))


@contextmanager
def relay(edge: Edge, providers: Providers, caplog: pytest.LogCaptureFixture) -> Iterator[Relay]:
    running = Relay(edge, providers)
    yield running
    assert [text.body for text in providers.twilio.unseen()] == []
    for provider in providers.all:
        left = [word for word in _PRIVATE if word in provider.sent()]
        assert not left, f"{type(provider).__name__} was sent {left}"
    for browser in providers.push.browsers.values():
        assert not [word for word in _PRIVATE if word in str(browser.shown)]
    assert not [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert CANARY not in caplog.text
