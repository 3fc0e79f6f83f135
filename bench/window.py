"""The window and the journal: planning touches, the engine's look at a million of them, the
journal's page with a thousand entries, and taking three years along. SQLite."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from sqlalchemy import String, cast, insert, literal, select

from bench.figures import goal, ms, percentile, spread
from bench.installation import temporary
from clinic import infusions
from clinic.app import create_app
from clinic.exports import pdf, record
from clinic.journal.entries import BLANK, KIND
from clinic.parts import settle
from clinic.patient.access import COOKIE
from clinic.records.models import Infusion, Message, Patient, Record, Touch, new_id
from clinic.touches import deliver, schedule
from tests.builders import World

PLANNED, RECORDED, LOOKS, ENTRIES, MESSAGES, DAYS = 10_000, 500, 60, 1_000, 5_000, 3 * 365
_WORDS = "It was quieter than the last time, and I slept most of the afternoon. " * 12
_PAGE_GOAL = 0.1


def run(touches: int) -> None:
    _plan()
    with temporary() as home:
        world = World.make(home)
        _record(world)
        _look(world, touches)
        world.system.database.close()
    with temporary() as home:
        world = World.make(home)
        _journal(world)
        world.system.database.close()


def _plan() -> None:
    """Every touch of every infusion, as a pure function."""
    policy, zone = schedule.load(), ZoneInfo("America/New_York")
    begun, start = time.perf_counter(), datetime(2026, 1, 1, 18, tzinfo=UTC)
    for number in range(PLANNED):
        for kind in policy.kinds:
            schedule.slot(kind, start + timedelta(minutes=53 * number), zone, policy.quiet)
    taken = time.perf_counter() - begun
    count = PLANNED * len(policy.kinds)
    print(f"{PLANNED:,} infusions planned, {count:,} touches: {taken:.2f} s")


def _record(world: World) -> None:
    """Infusions recorded through the service, each with its touches and its audit row."""
    patients = [world.patient(f"Patient {number}") for number in range(50)]
    taken = []
    for number in range(RECORDED):
        end = world.clock.now() - timedelta(days=RECORDED // 50 - number // 50)
        begun = time.perf_counter()
        with world.system.database.write() as session:
            patient = session.get_one(Patient, patients[number % 50].id)
            infusions.record(world.system, session, patient, end - timedelta(minutes=45), end)
        taken.append(time.perf_counter() - begun)
    print(f"an infusion recorded, with its touches {spread(taken, 0.5, 0.95)}")


def _look(world: World, count: int) -> None:
    """The engine's look for what is due, few and many."""
    # What is due now is taken first, so that both looks find nothing to do.
    deliver.deliver_due(world.system)
    few = _timed(lambda: deliver.deliver_due(world.system))
    with world.system.database.write() as session:
        infusion = session.scalars(select(Infusion)).first()
        assert infusion is not None
        numbers = select(literal(1).label("i")).cte("numbers", recursive=True)
        numbers = numbers.union_all(select(numbers.c.i + 1).where(numbers.c.i < count))
        table, later = Touch.__table__.c, world.clock.now() + timedelta(days=30)
        values = {
            "id": literal("t") + cast(numbers.c.i, String),
            "patient_id": literal(infusion.patient_id),
            "infusion_id": literal(infusion.id),
            "kind": literal("bench-") + cast(numbers.c.i, String),
            "policy": literal(1),
            "due_at": literal(later, table.due_at.type),
            "until": literal(later + timedelta(hours=1), table.until.type),
            "chosen": literal(False, table.chosen.type),
            "state": literal("pending"),
        }
        rows = insert(Touch).from_select(list(values), select(*values.values()))
        session.execute(rows)
    many = _timed(lambda: deliver.deliver_due(world.system))
    print(
        f"a look for touches that are due {ms(few)} with few, {ms(many)} with {count:,} to come; "
        f"ratio {many / few:.2f} {goal(many < 2 * few, '< 2')}"
    )


def _journal(world: World) -> None:
    patient = world.patient("Sam Rivera", touches=False)
    conversation = world.conversation(patient)
    with world.system.database.write() as session:
        cipher, now = world.system.vault(session).cipher(patient.id), world.clock.now()
        for number in range(ENTRIES):
            at, row = now - timedelta(days=DAYS * number / ENTRIES), new_id()
            part = {"prompt": BLANK, "state": "answered", "text": f"{number} {_WORDS}"}
            data = {"state": "complete", "sharing": "private", "parts": [part]}
            session.add(
                Record(
                    id=row,
                    patient_id=patient.id,
                    kind=KIND,
                    key=f"page-{row}",
                    state="complete",
                    sharing="private",
                    data_sealed=cipher.seal("record", "data", row, json.dumps(data)),
                    created_at=at,
                    updated_at=at,
                )
            )
        for number in range(MESSAGES):
            row = new_id()
            session.add(
                Message(
                    id=row,
                    conversation_id=conversation,
                    seq=100 + number,
                    author="patient" if number % 2 else "bot",
                    text_sealed=cipher.seal("message", "text", row, _WORDS[:200]),
                    created_at=now - timedelta(hours=5 * (MESSAGES - number)),
                )
            )
    with TestClient(create_app(world.system)) as page:
        page.cookies.set(COOKIE, world.session(patient).token)
        settle()
        for path, what in (("/journal", "page"), ("/journal?find=quieter+than", "search")):
            taken = [_once(page, path) for _ in range(LOOKS)]
            met = goal(percentile(taken, 0.95) <= _PAGE_GOAL, "p95 <= 100 ms")
            print(f"the journal's {what} with {ENTRIES:,} entries {spread(taken, 0.5, 0.95)} {met}")
    begun = time.perf_counter()
    with world.system.database.write() as session:
        record.whole(world.system, session, session.get_one(Patient, patient.id), "bench")
    print(f"three years taken along as JSON: {time.perf_counter() - begun:.2f} s")
    begun = time.perf_counter()
    with world.system.database.write() as session:
        draw = pdf.gather(world.system, session, session.get_one(Patient, patient.id), "bench")
    read = time.perf_counter() - begun
    draw()
    taken = time.perf_counter() - begun
    print(f"three years taken along as PDF: {taken:.2f} s, {read:.2f} of them in the database")


def _once(page: TestClient, path: str) -> float:
    begun = time.perf_counter()
    assert page.get(path).status_code == 200
    return time.perf_counter() - begun


def _timed(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begun)
    return percentile(taken, 0.5)
