"""An alert drill: say what mails must come, move the clock, and whatever came besides is a failure.

After the manner of GoAlert's smoke tests: a small clinic, a message, ``expect_mail``,
``fast_forward``. At the end nothing may be left that nobody expected: no mail, no error in the log,
no word of the patient in anything that went out.
"""

from __future__ import annotations

import email.message
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.escalation.engine import Engine
from clinic.notify.email import sink
from clinic.records.models import Escalation, Staff
from tests.behaviour.conftest import Edge

#: In every risky message of a drill; it must never leave the house.
CANARY = "quillfeather"
RISK = f"{CANARY}: I want to kill myself tonight"
#: Asks for a call-back the same day.
WORRY = f"{CANARY}: everyone would be better off without me"
_PRIVATE = (CANARY, "kill", "Sam", "Rivera")


class Drill:
    """One clinic under test, its mail server and its engine."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.engine = Engine(edge.world.system)
        self.mails: list[email.message.Message] = []
        self._seen = 0

    async def handle_DATA(self, _server, _session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"

    def expect_mail(self, *names: str, says: str = "") -> None:
        """Run the engine once; exactly these people have new mail, as often as named."""
        self.engine.cycle()
        fresh, self._seen = self.mails[self._seen :], len(self.mails)
        assert sorted(mail["To"] for mail in fresh) == sorted(f"{n}@harbor.test" for n in names)
        for mail in fresh:
            assert says in f"{mail['Subject']} {mail.get_payload()}"

    def expect_nothing(self) -> None:
        self.expect_mail()

    def fast_forward(self, time: str) -> None:
        """Time passes ("30m", "2h", "1d") with the engine looking every minute, and at the end."""
        number, unit = re.fullmatch(r"([\d.]+)([mhd])", time).groups()  # type: ignore[union-attr]
        minutes = float(number) * {"m": 1, "h": 60, "d": 1440}[unit]
        while minutes > 0:
            step = min(minutes, 1.0)
            self.edge.world.clock.advance(timedelta(minutes=step))
            self.engine.cycle()
            minutes -= step

    def jump(self, hours: float) -> None:
        """The clock jumps while the engine was not looking (a machine asleep, a wrong clock)."""
        self.edge.world.clock.advance(timedelta(hours=hours))
        self.engine.cycle()

    def move(self, act, staff: Staff, *more) -> Escalation:
        """A clinician does something with the newest alert."""
        system = self.edge.world.system
        with system.database.write() as session:
            return act(system, session, self.alert().id, staff, *more)

    def alert(self) -> Escalation:
        with self.edge.world.system.database.read() as session:
            return session.scalars(select(Escalation).order_by(Escalation.number.desc())).first()

    def forget(self) -> None:
        """What came so far is not what this drill is about."""
        self.engine.cycle()
        self._seen = len(self.mails)


@contextmanager
def drill(edge: Edge, caplog: pytest.LogCaptureFixture) -> Iterator[Drill]:
    running = Drill(edge)
    controller = sink.start(edge.world.system.settings.home / "mail", running)
    try:
        yield running
        for _ in range(3):
            running.expect_nothing()
    finally:
        controller.stop()
    for mail in running.mails:
        left = [word for word in _PRIVATE if word in mail.as_string()]
        assert not left, f"a mail holds {left}"
    assert not [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert CANARY not in caplog.text
