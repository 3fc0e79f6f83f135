"""The caseload on a made clinic, on both databases: a therapist's list, a supervisor's of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from sqlalchemy import Engine, insert, text

from bench.databases import worlds
from bench.figures import goal, ms, percentile, spread, timed
from clinic import people
from clinic.conversation import measuring
from clinic.parts import settle
from clinic.records.crypto import PatientCipher
from clinic.records.models import (
    Conversation,
    Infusion,
    Message,
    Patient,
    Record,
    Reviewed,
    Staff,
    new_id,
)
from tests.builders import World
from tests.desk import Browser

LOOKS = 60
#: How many of the patients are the therapist's; the supervisor may read all.
MINE = 60
GOAL = 0.1
_BATCH = 5_000


def run(patients: int, messages: int) -> None:
    for name, world in worlds():
        _measure(name, world, patients, messages)


def _measure(name: str, world: World, patients: int, messages: int) -> None:
    therapist, chief = world.staff("Robin"), world.staff("Chief", "supervisor")
    fill(world, therapist, chief, patients, messages // patients)
    settle()
    for who, staff, count in (("therapist", therapist, MINE), ("supervisor", chief, patients)):
        browser = Browser(world).sign_in(staff)
        waited, worked = timed([lambda: browser.get("/console/patients")] * LOOKS)  # noqa: B023
        what = f"{min(count, patients)} of {patients} patients, {messages:,} messages"
        print(f"{name} caseload of a {who}: {spread(waited, 0.5, 0.95)}, of it processor", end=" ")
        print(f"{spread(worked, 0.5, 0.95)} ({what})", end=" ")
        print(goal(percentile(waited, 0.95) <= GOAL, f"p95 <= {ms(GOAL)}"), flush=True)
    world.system.database.close()


def fill(world: World, therapist: Staff, chief: Staff, patients: int, each: int) -> None:
    """Rows as a year of use would leave them; nothing here is opened but names and scores."""
    draw = Random(1)
    now, engine = world.clock.now(), world.system.database.engine
    talks = [
        _patient(world, [chief, therapist] if number < MINE else [chief], number, each, draw)
        for number in range(patients)
    ]
    _insert(engine, Message, _messages(talks, each, now))
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))


def _patient(world: World, readers: list[Staff], number: int, each: int, draw: Random) -> str:
    """One of them, in a transaction of their own: a clinic that runs beside goes on. Returns the
    conversation."""
    now, system = world.clock.now(), world.system
    with system.database.write() as session:
        patient = people.add_patient(system, session, f"Patient {number}", "America/New_York")
        patient.touches_wanted = False
        for person in readers:
            kind = "therapist" if "therapist" in person.roles else "supervisor"
            people.relate(system, session, patient, person, kind)
        for week in range(6):
            end = now - timedelta(days=7 * week + draw.randint(1, 6))
            start = end - timedelta(minutes=50)
            session.add(
                Infusion(patient_id=patient.id, number=6 - week, started_at=start, ended_at=end)
            )
        talk = Conversation(id=new_id(), patient_id=patient.id, created_at=now, next_seq=each + 1)
        session.add(talk)
        session.flush()
        # Most are read but for the last days; every tenth never was.
        if number % 10:
            seq = each - draw.randint(0, 40)
            for person in readers:
                session.add(Reviewed(conversation_id=talk.id, staff_id=person.id, seq=seq, at=now))
        for measure, highest in (("phq9", 20), ("gad7", 20), ("mood", 10)):
            weeks = [(now - timedelta(days=7 * one), draw.randint(0, highest)) for one in range(12)]
            session.add_all(_scores(world, patient, measure, weeks[::-1]))
    return talk.id


def _messages(talks: list[str], each: int, now: datetime) -> Iterator[dict[str, Any]]:
    for talk in talks:
        for seq in range(1, each + 1):
            yield {
                "id": new_id(),
                "conversation_id": talk,
                "seq": seq,
                "author": "patient" if seq % 2 else "bot",
                "kind": "say",
                "text_sealed": b"x" * 160,
                "choices": [],
                "turn": "answered" if seq % 2 else None,
                "spoken": True,
                "created_at": now - timedelta(minutes=10 * (each - seq)),
            }


def _scores(
    world: World, patient: Patient, measure: str, weeks: list[tuple[datetime, int]]
) -> Iterator[Record]:
    """Finished measures, oldest first, as the edge keeps them."""
    key = world.system.keyring.unwrap(patient.id, patient.data_key)
    cipher, earlier = PatientCipher(patient.id, key), list[tuple[datetime, dict[str, Any]]]()
    for at, value in weeks:
        row = Record(
            id=new_id(),
            patient_id=patient.id,
            kind=measuring.KIND,
            key=f"{measure}-{new_id()}",
            state="complete",
            newest=at == weeks[-1][0],
            created_at=at,
            updated_at=at,
        )
        data = {"measure": measure, "answers": {}, "unclear": [], "score": {"value": value}}
        data |= {"earlier": measuring.carried(earlier)}
        row.data_sealed = cipher.seal("record", "data", row.id, json.dumps(data))
        earlier.append((at, data))
        yield row


def _insert(engine: Engine, model: type[Message], rows: Iterator[dict[str, Any]]) -> None:
    while batch := list(islice(rows, _BATCH)):
        with engine.begin() as connection:
            connection.execute(insert(model), batch)
