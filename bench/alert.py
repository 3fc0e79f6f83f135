"""From a message that shows risk to the first notification in a mail server's hands, with more and
more alerts open."""

from __future__ import annotations

import email
import random
import re
import threading
import time
from typing import Any

from sqlalchemy import select

from bench.figures import goal, percentile, spread
from bench.installation import HOST, BenchError, Installation, installed, temporary
from bench.page import page
from clinic import settings
from clinic.escalation import machine
from clinic.notify.email import sink
from clinic.records.models import Escalation, Staff
from clinic.system import assemble

RISK = "I want to kill myself tonight"
#: Alerts that are open meanwhile, the measured one among them.
OPEN = (1, 10, 100)
_LONGEST = 15.0


class _Watch:
    """A mail server that notes when it was handed the first mail of an alert."""

    def __init__(self) -> None:
        self.first: dict[int, float] = {}
        self.news = threading.Condition()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        now, subject = time.perf_counter(), email.message_from_bytes(envelope.content)["Subject"]
        number = int(next(iter(re.findall(r"\d+", str(subject))), "0"))
        with self.news:
            self.first.setdefault(number, now)
            self.news.notify_all()
        return "250 kept"

    def until(self, number: int) -> float:
        """When the alert of this number was first in our hands."""
        with self.news:
            if not self.news.wait_for(lambda: number in self.first, _LONGEST):
                raise BenchError(f"no mail about alert {number} within {_LONGEST:.0f} s")
            return self.first[number]


def run(count: int) -> None:
    watch = _Watch()
    with temporary() as home:
        server = sink.start(home / "bench-mail", watch)
        try:
            mail = {"AFTERGLOW_SMTP_HOST": HOST, "AFTERGLOW_SMTP_PORT": str(server.port)}
            with installed(home, **mail) as ours:
                ours.until_page()
                ours.until_ready()
                _measure(ours, watch, count)
        finally:
            server.stop()


def _measure(ours: Installation, watch: _Watch, count: int) -> None:
    tokens = iter(ours.patients(len(OPEN) * count + 1 + max(OPEN)))
    # The first one loads what the others find loaded.
    first = _one(ours.port, next(tokens), watch, 1)
    print(f"alert very first of a fresh start {first * 1000:.0f} ms")
    number = opened = 1
    medians = []
    for open_now in OPEN:
        while opened < open_now:
            opened, number = opened + 1, number + 1
            _one(ours.port, next(tokens), watch, number)
        waits = []
        for _ in range(count):
            number += 1
            waits.append(_one(ours.port, next(tokens), watch, number))
            _resolve(ours, number)
        medians.append(percentile(waits, 0.5))
        longest = percentile(waits, 0.99)
        says = f"{spread(waits, 0.5, 0.99)} of {count}"
        print(f"alert with {open_now:3} open {says} {goal(longest < 1, '< 1 s')}", flush=True)
    print(f"alert ratio of the medians, {OPEN[-1]} open to 1: {medians[-1] / medians[0]:.2f}")


def _one(port: int, token: str, watch: _Watch, number: int) -> float:
    """One patient, one alert: several of one patient would join the alert that is open."""
    chance = random.Random(token)
    with page(port, token) as patient:
        # Not in step with the engine's beat.
        time.sleep(0.3 + chance.random() / 2)
        begun, _ = patient.send(RISK)
        return watch.until(number) - begun


def _resolve(ours: Installation, number: int) -> None:
    """An outcome, so that as many stay open as before."""
    system = assemble(settings.load(ours.environ))
    with system.database.write() as session:
        alert = session.scalars(select(Escalation).where(Escalation.number == number)).one()
        who = session.scalars(select(Staff).where(Staff.active)).first()
        if who is None:
            raise BenchError("the demo clinic has no staff")
        machine.acknowledge(system, session, alert.id, who)
        machine.resolve(system, session, alert.id, who, "plan_made", "Measured.")
    system.database.close()
