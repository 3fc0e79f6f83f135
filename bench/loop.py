"""The closed loop in one process, on both databases: what a risk message costs, and a look of the
engine at ten thousand notifications that wait and a million that are settled."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import String, cast, insert, literal, select, update
from sqlalchemy.orm import Session

from bench.databases import worlds
from bench.figures import goal, ms
from clinic.conversation import intake
from clinic.escalation.engine import Engine
from clinic.notify import ALERT, Channels, Outgoing
from clinic.outbox import queue
from clinic.records.models import Heartbeat, Outbox, StaffContact
from tests.builders import World

RISK = "I want to kill myself tonight"
WAITING, LOOKS, SENT = 10_000, 40, 200


class _Taken(Channels):
    """A provider that takes everything at once: what is measured is ours."""

    def send(self, channel: str, outgoing: Outgoing) -> str:
        return "taken"


def run(risks: int, settled: int) -> None:
    for name, world in worlds():
        _measure(name, world, risks, settled)


def _measure(name: str, world: World, risks: int, settled: int) -> None:
    world.staff("Noor", "on_call", on_call=True)
    chats = [world.conversation(world.patient()) for _ in range(risks)]
    system, engine = world.system, Engine(world.system, _Taken(world.system))
    engine.cycle()
    look, sending = _timed(engine.cycle, LOOKS), _sending(world, SENT)

    _fill(world, settled, "sent", world.clock.now())
    _fill(world, WAITING, "queued", world.clock.now() + timedelta(days=1))
    full, sending_full = _timed(engine.cycle, LOOKS), _sending(world, SENT)
    what = f"{WAITING:,} waiting, {settled:,} settled"
    print(f"{name} look of the engine {ms(full)}; with an empty outbox {ms(look)} ({what})")
    print(f"{name} ratio of a look, full to empty {full / look:.2f} {goal(full < 2 * look, '< 2')}")
    ratio = sending_full / sending
    print(f"{name} a notification claimed, sent and settled {ms(sending_full)}; ratio {ratio:.2f}")

    commit = _timed(lambda: _bare_commit(world), risks)
    begun = time.perf_counter()
    for number, chat in enumerate(chats):
        intake.receive_text(system, chat, RISK, f"bench-{number:06d}")
    each = (time.perf_counter() - begun) / risks
    print(f"{name} risk messages {1 / each:.0f} a second, each {each / commit:.1f} bare commits")
    system.database.close()


def _timed(act: Callable[[], object], times: int) -> float:
    """The lower quartile of its seconds: other work on the machine only ever adds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begun)
    return statistics.quantiles(taken, n=4)[0]


def _sending(world: World, count: int) -> float:
    """Seconds for each of ``count`` notifications that are due now."""
    kind = f"due-{time.perf_counter_ns()}"
    _fill(world, count, "queued", world.clock.now(), kind)
    begun = time.perf_counter()
    tried = queue.deliver_due(world.system, _Taken(world.system), "bench")
    taken = time.perf_counter() - begun
    assert tried == count, f"{tried} of {count}"
    with world.system.database.write() as session:
        settled = update(Outbox).where(Outbox.key.startswith(kind)).values(priority=99)
        session.execute(settled)
    return taken / count


def _bare_commit(world: World) -> None:
    with world.system.database.write() as session:
        session.merge(Heartbeat(name="bench", at=world.clock.now(), detail={}))


def _fill(world: World, count: int, state: str, due: object, kind: str = "") -> None:
    """Outbox rows made inside the database."""
    with world.system.database.write() as session:
        contact = session.scalars(select(StaffContact.id)).first()
        numbers = select(literal(1).label("i")).cte("numbers", recursive=True)
        numbers = numbers.union_all(select(numbers.c.i + 1).where(numbers.c.i < count))
        table = Outbox.__table__.c
        values = {
            "key": literal(f"{kind or state}/") + cast(numbers.c.i, String),
            "channel": literal("email"),
            "contact_id": literal(contact),
            "template": literal(ALERT),
            "params": literal({}, table.params.type),
            "priority": literal(10),
            "due_at": literal(due, table.due_at.type),
            "state": literal(state),
            "attempt": literal(0),
            "created_at": literal(due, table.created_at.type),
        }
        session.execute(insert(Outbox).from_select(list(values), select(*values.values())))
    _analyse(world)


def _analyse(world: World) -> None:
    """As either database does by itself after so many rows."""
    with Session(world.system.database.engine.execution_options(immediate=True)) as session:
        session.connection().exec_driver_sql("ANALYZE outbox")
        session.commit()
