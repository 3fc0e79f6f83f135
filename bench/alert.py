"""From a message that shows risk to the first notification in a mail server's hands."""

from __future__ import annotations

import queue
import random
import time
from typing import Any

from bench.figures import goal, percentile, spread
from bench.installation import HOST, BenchError, installed, temporary
from bench.page import page
from clinic.notify.email import sink

RISK = "I want to kill myself tonight"
_LONGEST = 15.0


class _Watch:
    """A mail server that notes when it was handed a mail."""

    def __init__(self) -> None:
        self.handed: queue.SimpleQueue[float] = queue.SimpleQueue()

    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:
        self.handed.put(time.perf_counter())
        return "250 kept"


def run(count: int) -> None:
    watch = _Watch()
    with temporary() as home:
        server = sink.start(home / "bench-mail", watch)
        try:
            mail = {"AFTERGLOW_SMTP_HOST": HOST, "AFTERGLOW_SMTP_PORT": str(server.port)}
            with installed(home, **mail) as ours:
                ours.until_page()
                ours.until_ready()
                # One more than counts: the first one loads what the others find loaded.
                tokens = ours.patients(count + 1)
                waits = [_one(ours.port, token, watch) for token in tokens]
        finally:
            server.stop()
    waited = waits[1:]
    longest = percentile(waited, 0.99)
    spreads = spread(waited, 0.5, 0.99)
    print(f"alert first notification {spreads} of {count} {goal(longest < 1, '< 1 s')}")
    print(f"alert very first of a fresh start {waits[0] * 1000:.0f} ms")


def _one(port: int, token: str, watch: _Watch) -> float:
    """One patient, one alert: several of one patient would join the alert that is open."""
    chance = random.Random(token)
    with page(port, token) as patient:
        # Not in step with the engine's beat.
        time.sleep(0.5 + chance.random() / 2)
        if not watch.handed.empty():
            raise BenchError("a mail that nobody waited for")
        begun, _ = patient.send(RISK)
        try:
            return watch.handed.get(timeout=_LONGEST) - begun
        except queue.Empty:
            raise BenchError(f"no mail within {_LONGEST:.0f} s") from None
