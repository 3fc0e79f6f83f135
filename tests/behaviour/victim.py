"""A process that does one piece of work and is killed at a named instant of it.

    python -m tests.behaviour.victim HOME DATABASE_URL NOW WORK INSTANT [ID ...]

INSTANT: ``before_commit`` and ``after_commit`` of the work's transaction, ``claimed`` (the
notification is ours, nothing is sent) or ``sent`` (the provider has it, nobody has noted that).
SIGKILL, by its own hand: nothing is tidied up, no handler runs. ``full``: nothing dies, but the
operating system takes no further byte for any file.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from clinic.clock import ManualClock
from clinic.conversation import handoff, intake
from clinic.escalation import machine
from clinic.escalation.engine import Engine
from clinic.notify import Channels
from clinic.outbox import queue
from clinic.records.models import Staff
from clinic.system import System, assemble
from tests.builders import settings

RISK = "I want to kill myself tonight"


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(instant: str) -> None:
    """Lay the trap. Only writing transactions commit, so the first commit is the work's."""
    if instant == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        return
    if instant in ("before_commit", "after_commit"):
        event.listen(Session, instant, die)
        return
    send = Channels.send

    def trapped(self: Channels, channel: str, outgoing: object) -> str:
        if instant == "sent":
            send(self, channel, outgoing)  # type: ignore[arg-type]
        die()
        raise AssertionError("dead")

    Channels.send = trapped  # type: ignore[method-assign,assignment]


def work(system: System, what: str, ids: list[str]) -> None:
    """``ids``: the conversation, the alert and the clinician, as far as the work needs them."""
    if what == "message":
        intake.receive_text(system, ids[0], RISK, "key-of-the-victim")
    elif what == "deliver":
        queue.deliver_due(system, Channels(system), "victim")
    elif what == "settle":
        # Claimed and sent before the trap is laid: the next commit is the settling.
        channels = Channels(system)
        claimed = queue.claim(system, "victim")
        assert claimed is not None
        arm(sys.argv[5])
        queue.deliver(system, channels, "victim", claimed)
    elif what == "step":
        Engine(system)._advance()
    elif what == "watch":
        Engine(system)._watch()
    else:
        acts: dict[str, Callable[[Session, Staff], object]] = {
            "acknowledge": lambda s, who: machine.acknowledge(system, s, ids[1], who),
            "resolve": lambda s, who: machine.resolve(
                system, s, ids[1], who, "plan_made", "Spoke at length."
            ),
            "take": lambda s, who: handoff.take(system, s, ids[0], who),
        }
        with system.database.write() as session:
            acts[what](session, session.get_one(Staff, ids[2]))


def main(home: str, url: str, now: str, what: str, instant: str, *ids: str) -> None:
    clock = ManualClock(datetime.fromisoformat(now))
    system = assemble(settings(Path(home), database_url=url), clock)
    if what != "settle":
        arm(instant)
    work(system, what, list(ids))


if __name__ == "__main__":
    main(*sys.argv[1:])
