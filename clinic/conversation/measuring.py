"""Measures in a conversation: what was asked, what was answered, and what that means for people.

The edge keeps it, not the assistant: an answer is stored and weighed in the transaction that stores
the message, so it counts while the assistant is down (invariants I1, I4). One administration is one
record of kind ``measure``: ``{"measure", "version", "asked", "answers", "unclear", "score"}``, and
``named`` where the questions name what the clinic has set. A finished one is not changed any more
and carries the scores ``earlier`` than its own (docs/adr/0033).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from bot import cadence, measures
from bot.content import Item
from bot.risk.levels import Level
from bot.stages import Place
from clinic import feed, medical_history
from clinic.records.models import Conversation, Message, Record, RecordMessage, new_id
from clinic.records.vault import Vault
from clinic.system import System

KIND = "measure"
#: Literal, so that SQLite sees that ``ix_record_newest_measure`` holds them.
NEWEST = text("record.kind = 'measure' AND record.newest")
#: One that was begun is gone on with for so long; after that it stays unfinished.
_GOES_ON = timedelta(hours=24)
#: Finished ones an answer is compared with.
_EARLIER = 26


@dataclass(frozen=True)
class Weighed:
    """What an answer means: a level (none when nothing rises), and the kinds of risk whose gentle
    screen it completes."""

    level: Level
    completes: tuple[str, ...] = ()


def asked(
    system: System,
    session: Session,
    conversation: Conversation,
    item: Item,
    named: Mapping[str, str],
) -> None:
    """Note that a measure's question is on the page now, and what it ``named``."""
    name, item_id = _place(item)
    record, data = current(system, session, conversation, name)
    if item_id not in data["asked"]:
        data["asked"].append(item_id)
    if named:
        data["named"] = data.get("named", {}) | dict(named)
    _keep(system, session, conversation, record, data)


def answered(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    item: Item,
    value: int,
    unclear: bool = False,
) -> Weighed:
    """Store one answer with its message, and say what it means."""
    name, item_id = _place(item)
    measure = measures.measures()[name]
    record, data = current(system, session, conversation, name)
    data["answers"][item_id] = value
    if unclear:
        data["unclear"].append(item_id)
    score = measures.score(measure, data["answers"])
    data["score"] = {"value": score.value, "band": score.band}
    record.state = "complete" if score.complete else "draft"
    earlier = _finished(system, session, conversation.patient_id, name, but=record.id)
    data["earlier"] = carried((one.updated_at, one.data) for one in earlier)
    if score.complete:
        mark_newest(session, record)
    _keep(system, session, conversation, record, data)
    session.merge(RecordMessage(record_id=record.id, message_id=message.id))
    rules = [
        rule
        for rule in measures.due_rules(measure, data["answers"], _answers(earlier, measure))
        if rule.item == item_id or (rule.item is None and score.complete)
    ]
    for task in sorted({rule.task for rule in rules if rule.task}):
        _give_task(system, session, conversation, message, task, record.id)
    level = max((rule.level for rule in rules), default=Level.none)
    done = score.complete and score.band is not None and score.band == measure.completes
    kinds = tuple(sorted({kind for i in measure.items for kind in i.asks}))
    if measure.scoring != "triage":
        return Weighed(level, kinds if done else ())
    patient_id = conversation.patient_id
    level = medical_history.raised(system, session, patient_id, level, measure.item(item_id).asks)
    if done and medical_history.noted(system, session, patient_id):
        # The lowest tier is the next one up: nobody is told that all is well (domain.md 4.2).
        return Weighed(max(level, Level.urgent))
    return Weighed(level, kinds if done else ())


@dataclass(frozen=True)
class Administration:
    """One time a measure was asked, as the record holds it."""

    state: str | None
    updated_at: datetime
    data: dict[str, Any]


def administrations(session: Session, vault: Vault, patient_id: str) -> list[Administration]:
    """All of a patient's, newest first."""
    rows = vault.documents(_records(session, patient_id))
    return [Administration(row.state, row.updated_at, data) for row, data in rows]


def score_of(data: Mapping[str, Any]) -> float | None:
    """What a finished one came to; None for a triage."""
    value: float | None = (data["score"] or {}).get("value")
    return value


def carried(held: Iterable[tuple[datetime, Mapping[str, Any]]]) -> dict[str, list[float]]:
    """Scores as a later one carries them, in the order they come in: ``at`` is seconds since 1970.
    Two lists of numbers, which a list of hundreds of patients reads in no time."""
    found = [(int(at.timestamp()), score_of(data)) for at, data in held]
    scored = [(at, score) for at, score in found if score is not None]
    return {"at": [at for at, _ in scored], "scores": [score for _, score in scored]}


def mark_newest(session: Session, record: Record) -> None:
    """It is the newest of its measure from now on, and none of those before it is."""
    session.execute(
        update(Record)
        .where(
            Record.patient_id == record.patient_id,
            NEWEST,
            Record.key.startswith(f"{name_of(record.key)}-", autoescape=True),
        )
        .values(newest=False)
    )
    record.newest = True


def taken(held: Iterable[Administration], now: datetime) -> dict[str, dict[str, Any]]:
    """The newest administration of each measure that is not long ago (screener.Taken).
    ``held``: newest first."""
    found: dict[str, dict[str, Any]] = {}
    for one in held:
        name = one.data["measure"]
        measure = measures.measures().get(name)
        old = one.updated_at < now - _GOES_ON
        if old or name in found or measure is None or one.data["version"] != measure.version:
            continue
        found[name] = {
            "state": one.state,
            "asked": one.data["asked"],
            "answers": one.data["answers"],
            "hours": max(0.0, (now - one.updated_at).total_seconds() / 3600),
        }
    return found


def due(
    held: Iterable[Administration], where: Place, indications: Sequence[str], now: datetime
) -> list[str]:
    """What the patient is to be asked now (bot/cadence.py). One that was begun counts as due.
    ``held``: newest first."""
    finished: dict[str, float] = {}
    for one in held:
        if one.state == "complete":
            finished.setdefault(one.data["measure"], (now - one.updated_at) / timedelta(days=1))
    since = None if where.hours_since is None else where.hours_since / 24
    return list(cadence.due(where.stage, since, finished, indications))


def name_of(key: str) -> str:
    """Which measure a record is of, by its key: the name, a dash and an id (``current``)."""
    return key.rpartition("-")[0]


def _place(item: Item) -> tuple[str, str]:
    if item.measure is None:
        raise ValueError(f"{item.id} is no question of a measure")
    return item.measure


def _records(
    session: Session, patient_id: str, since: datetime | None = None, name: str | None = None
) -> list[Record]:
    """Administrations, newest first."""
    query = select(Record).where(Record.patient_id == patient_id, Record.kind == KIND)
    if since is not None:
        query = query.where(Record.updated_at >= since)
    if name is not None:
        query = query.where(Record.key.startswith(f"{name}-", autoescape=True))
    return list(session.scalars(query.order_by(Record.created_at.desc(), Record.updated_at.desc())))


def current(
    system: System, session: Session, conversation: Conversation, name: str
) -> tuple[Record, dict[str, Any]]:
    """The administration under way, or a fresh one."""
    now, version = system.clock.now(), measures.measures()[name].version
    newest = _records(session, conversation.patient_id, since=now - _GOES_ON, name=name)[:1]
    for record, data in system.vault(session).documents(newest):
        # A measure that has changed since is begun anew: its answers may mean something else.
        if record.state == "draft" and data["version"] == version:
            return record, data
    fresh = Record(
        id=new_id(),
        patient_id=conversation.patient_id,
        kind=KIND,
        key=f"{name}-{new_id()}",
        state="draft",
        created_at=now,
    )
    empty: dict[str, Any] = {"asked": [], "answers": {}, "unclear": [], "score": None}
    return fresh, {"measure": name, "version": version, **empty}


def _finished(
    system: System, session: Session, patient_id: str, name: str, but: str
) -> list[Administration]:
    """The finished ones, oldest first."""
    rows = _records(session, patient_id, name=name)[:_EARLIER]
    done = [row for row in rows if row.state == "complete" and row.id != but]
    found = system.vault(session).documents(done)
    held = [Administration(row.state, row.updated_at, data) for row, data in found]
    return sorted(held, key=lambda one: one.updated_at)


def _answers(earlier: Sequence[Administration], measure: measures.Measure) -> list[dict[str, int]]:
    """Of those that asked the same as now."""
    return [one.data["answers"] for one in earlier if one.data["version"] == measure.version]


def _keep(
    system: System,
    session: Session,
    conversation: Conversation,
    record: Record,
    data: dict[str, Any],
) -> None:
    record.updated_at = system.clock.now()
    record.data_sealed = system.vault(session).seal(
        conversation.patient_id, "record", "data", record.id, json.dumps(data)
    )
    session.add(record)
    session.flush()
    feed.publish(system, session, feed.STAFF, "record", record.id)


def _give_task(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    task: str,
    measure_record: str,
) -> None:
    """Put something on the clinic's list, once an administration."""
    key = f"{task}-{measure_record}"
    exists = session.scalars(
        select(Record.id).where(
            Record.patient_id == conversation.patient_id,
            Record.kind == "clinic_task",
            Record.key == key,
        )
    ).first()
    if exists:
        return
    now = system.clock.now()
    record = Record(
        id=new_id(),
        patient_id=conversation.patient_id,
        kind="clinic_task",
        key=key,
        message_id=message.id,
        created_at=now,
        updated_at=now,
    )
    record.data_sealed = system.vault(session).seal(
        conversation.patient_id,
        "record",
        "data",
        record.id,
        json.dumps({"task": task, "urgency": "routine"}),
    )
    session.add(record)
    session.flush()
    feed.publish(system, session, feed.STAFF, "record", record.id)
