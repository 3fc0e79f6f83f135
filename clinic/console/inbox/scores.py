"""How each patient's newest scores stand to those before them.

A finished measure carries the scores before it (clinic/conversation/measuring.py): of each one row
is opened, and not all of twelve weeks.
"""

import contextlib
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from bot import measures
from clinic.console.inbox import needs
from clinic.console.inbox.needs import Change, Mood
from clinic.console.relations import Ids
from clinic.conversation import measuring
from clinic.records.crypto import CryptoError
from clinic.records.models import Infusion, Record
from clinic.records.vault import Vault

#: The measure whose answers are set against the patient's own usual ones.
MOOD = "mood"
#: Whose, and of what.
Place = tuple[str, str]
# The table's columns, and not the class's: rows as the database gives them.
_COLUMN = Record.__table__.c
_ROWS = select(_COLUMN.patient_id, _COLUMN.updated_at, _COLUMN.key, _COLUMN.id, _COLUMN.data_sealed)


class Series(NamedTuple):
    """The newest score of a measure, and those before it, oldest first."""

    newest: float
    finished_at: datetime
    #: When, in seconds since 1970, and what it was.
    at: list[float]
    scores: list[float]

    def of_late(self) -> list[float]:
        """Those before it that are not too long ago to be compared with."""
        since = self.finished_at.timestamp() - needs.policy()["best_days"] * 24 * 3600
        return self.scores[bisect_right(self.at, since) :]

    def last_before(self, moment: datetime | None) -> float | None:
        place = bisect_left(self.at, moment.timestamp()) if moment else 0
        return self.scores[place - 1] if place else None


def changes(
    session: Session, vault: Vault, ids: Ids, since: datetime
) -> tuple[dict[str, list[Change]], dict[str, Mood]]:
    """Of measures finished ``since``, by patient: those in which a change can mean something, and
    how the mood stands to the patient's own."""
    every = _series(session, vault, ids, since)
    begun = _begun(session, ids) if every else {}
    found: dict[str, list[Change]] = defaultdict(list)
    moods = {}
    for (patient_id, name), held in every.items():
        if name == MOOD:
            moods[patient_id] = Mood(held.newest, held.finished_at, tuple(held.of_late()))
        elif held.scores:
            found[patient_id].append(_change(name, held, begun.get(patient_id)))
    return found, moods


def _change(name: str, held: Series, begun: datetime | None) -> Change:
    measure, before, after = measures.measures()[name], held.scores[-1], held.newest
    # The one before counts however long ago it was.
    best = min([before, *held.of_late()])
    said = measures.changed(measure, before, after)
    if measures.changed(measure, best, after) != "up":
        return Change(measure.name, before, after, said, held.finished_at)
    first = held.last_before(begun)
    above = first is not None and measures.changed(measure, first, after) == "up"
    return Change(
        measure.name, before, after, said, held.finished_at, best, first if above else None
    )


def _begun(session: Session, ids: Ids) -> dict[str, datetime]:
    """When the first infusion of each began."""
    rows = session.execute(
        select(Infusion.patient_id, func.min(Infusion.started_at))
        .where(Infusion.patient_id.in_(ids), Infusion.cancelled.is_(False))
        .group_by(Infusion.patient_id)
    )
    return {patient_id: at for patient_id, at in rows}  # noqa: C416 - rows are not pairs to mypy


def _series(session: Session, vault: Vault, ids: Ids, since: datetime) -> dict[Place, Series]:
    """Of each measure finished ``since``, its newest score and those it carries."""
    query = _ROWS.where(_COLUMN.patient_id.in_(ids), measuring.NEWEST, _COLUMN.updated_at > since)
    newest = {place: (at, data) for place, at, data in _opened(session, vault, query)}
    alone = {place: at for place, (at, data) in newest.items() if "earlier" not in data}
    older = _before(session, vault, alone) if alone else {}
    found = {}
    for place, (at, data) in newest.items():
        score = measuring.score_of(data)
        if score is not None:
            earlier = older[place] if place in older else data["earlier"]
            found[place] = Series(score, at, earlier["at"], earlier["scores"])
    return found


def _before(
    session: Session, vault: Vault, alone: dict[Place, datetime]
) -> dict[Place, dict[str, list[float]]]:
    """What those would carry that were finished before a measure carried anything."""
    query = _ROWS.where(
        _COLUMN.patient_id.in_({patient_id for patient_id, _ in alone}),
        _COLUMN.kind == measuring.KIND,
        _COLUMN.state == "complete",
    )
    held: dict[Place, list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
    for place, at, data in _opened(session, vault, query.order_by(_COLUMN.updated_at)):
        if place in alone and at < alone[place]:
            held[place].append((at, data))
    return {place: measuring.carried(held[place]) for place in alone}


def _opened(
    session: Session, vault: Vault, query: Select[Any]
) -> Iterable[tuple[Place, datetime, dict[str, Any]]]:
    """Measures that are compared: which, when, and what it holds. One that does not open is left
    out: it is shown as such on the patient's own page, and the list lives."""
    compared = {one.id for one in measures.measures().values() if one.change is not None} | {MOOD}
    for patient_id, at, key, row_id, sealed in session.connection().execute(query):
        name = measuring.name_of(key)
        if name in compared:
            with contextlib.suppress(CryptoError):
                words = vault.cipher(patient_id).open("record", "data", row_id, sealed)
                yield (patient_id, name), at, json.loads(words)
