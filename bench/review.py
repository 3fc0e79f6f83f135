"""Reading: a transcript page and finding words in a long record, in a made clinic of many messages,
on both databases; and a therapist's week, opened and marked through the interface."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, select

from bench import caseload
from bench.databases import worlds
from bench.figures import goal, ms, percentile, spread, timed
from bench.installation import temporary
from clinic import demo_weeks
from clinic.clock import ManualClock
from clinic.parts import settle
from clinic.records.crypto import PatientCipher
from clinic.records.models import Conversation, Message, Patient, RiskAssessment, Staff, new_id
from clinic.system import assemble
from tests.builders import World, settings
from tests.desk import Browser, heartbeat, read_week

#: Messages of the record that is read, and how often each thing is done.
LONG, LOOKS, FINDS = 5_000, 60, 20
PAGE_GOAL, FIND_GOAL = 0.1, 0.3
_WORDS = (
    "It was quieter than the last time, and I slept most of the afternoon.",
    "The music carried me, and then there was the blue door again.",
    "A hard morning. I lay down and that was all right, I think.",
    "Ten minutes outside after lunch. I did it on three days of five.",
)


def run(patients: int, messages: int) -> None:
    for name, world in worlds():
        _pages(name, world, patients, messages)


def week(patients: int, weeks: int, most: int) -> None:
    """The demo clinic of so many patients, read by one therapist."""
    with temporary() as home:
        chosen, now = settings(home), datetime(2026, 6, 1, 12, tzinfo=UTC)
        made = demo_weeks.make(chosen, now, patients, weeks, seed=1)
        world = World(assemble(chosen, clock := ManualClock(now)), clock)
        heartbeat(world)
        with world.system.database.read() as session:
            query = select(Staff).where(Staff.name.startswith("Therapist")).order_by(Staff.name)
            therapists = session.scalars(query).all()
        begun, read, pages = time.perf_counter(), 0, 0
        for therapist in therapists:
            more, opened = read_week(Browser(world).sign_in(therapist), most - read)
            read, pages = read + more, pages + opened
        took = time.perf_counter() - begun
        print(
            f"week: {read} patients, {pages} pages opened and marked in {took:.1f} s "
            f"({patients} patients, {weeks} weeks, {made:,} messages in the clinic)"
        )
        world.system.database.close()


def _pages(name: str, world: World, patients: int, messages: int) -> None:
    therapist, chief = world.staff("Robin"), world.staff("Chief", "supervisor")
    caseload.fill(world, therapist, chief, patients, messages // patients)
    patient = world.patient("Sam Rivera", therapist)
    _write(world, patient)
    settle()
    browser = Browser(world).sign_in(therapist)
    path = f"/console/patients/{patient.id}"
    starts = Random(1).sample(range(1, LONG - 100), LOOKS)
    looks = timed([lambda s=s: browser.get(f"{path}/review?start={s}") for s in starts])  # type: ignore[misc]
    browser.get(f"{path}/review")
    finds = timed([lambda: browser.post(f"{path}/find", {"words": "three days"})] * FINDS)
    told = f"{LONG:,} messages in the record, {messages:,} in the clinic"
    for what, (waited, worked), least in (
        ("transcript page", looks, PAGE_GOAL),
        ("find", finds, FIND_GOAL),
    ):
        print(f"{name} {what}: {spread(waited, 0.5, 0.95)}, of it processor", end=" ")
        print(f"{spread(worked, 0.5, 0.95)} ({told})", end=" ")
        print(goal(percentile(waited, 0.95) <= least, f"p95 <= {ms(least)}"))
    world.system.database.close()


def _write(world: World, patient: Patient) -> None:
    """A long record, sealed and assessed as it would be, with a check-in's worth of flags."""
    system, now = world.system, world.clock.now()
    cipher = PatientCipher(patient.id, system.keyring.unwrap(patient.id, patient.data_key))
    talk = Conversation(id=new_id(), patient_id=patient.id, created_at=now, next_seq=LONG + 1)
    for week_ago in range(20):
        world.infusion(patient, hours_ago=24 * 7 * week_ago + 30)
    with system.database.write() as session:
        session.add(talk)
        session.flush()
        rows = list(_messages(cipher, talk.id, now))
        session.execute(insert(Message), rows)
        said = [row for row in rows if row["author"] == "patient"]
        session.execute(insert(RiskAssessment), [_assessment(row) for row in said])


def _messages(cipher: PatientCipher, talk: str, now: datetime) -> Iterator[dict[str, Any]]:
    for seq in range(1, LONG + 1):
        row = new_id()
        yield {
            "id": row,
            "conversation_id": talk,
            "seq": seq,
            "author": "patient" if seq % 2 else "bot",
            "kind": "say",
            "text_sealed": cipher.seal("message", "text", row, _WORDS[seq % len(_WORDS)]),
            "content": None if seq % 2 else "reflection.stayed",
            "content_version": None if seq % 2 else 1,
            "choices": [],
            "turn": "answered" if seq % 2 else None,
            "spoken": True,
            "created_at": now - timedelta(minutes=40 * (LONG - seq)),
        }


def _assessment(row: dict[str, Any]) -> dict[str, Any]:
    flagged = row["seq"] % 41 == 0
    evidence = {
        "start": 0,
        "end": 12,
        "rule": "bench.rule",
        "version": 1,
        "category": "suicide",
        "level": "watch",
        "reason": "Made up for this measurement",
    }
    return {
        "message_id": row["id"],
        "level": "watch" if flagged else "none",
        "conversation_level": "watch" if flagged else "none",
        "categories": ["suicide"] if flagged else [],
        "evidence": [evidence] if flagged else [],
        "score": None,
        "rules": "bench",
        "unscreened": False,
        "created_at": row["created_at"],
    }
