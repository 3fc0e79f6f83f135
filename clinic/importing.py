"""Infusions from a table (CSV): each row is tried as if somebody had entered it by hand.

Nothing is kept by looking: ``look`` does all the work and takes it back, so what it promises is
what ``keep`` does. A row that cannot be kept says its line and its reason, and holds up no other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bot.variables import BY_STAFF
from clinic import details, infusions
from clinic.people import NotPossibleError, zone_named
from clinic.records.models import Clinic, Patient
from clinic.system import System
from clinic.touches.schedule import on_the_wall

NEEDED = ("patient", "start", "end")
COLUMNS = (*NEEDED, "zone", "booster", *BY_STAFF)
_MOST = 20_000
_YES, _NO = ("yes", "y", "true", "1"), ("", "no", "n", "false", "0")

#: Finds a patient by what the table calls them. Raises NotPossibleError.
Find = Callable[[Session, str], Patient]


@dataclass(frozen=True)
class Good:
    line: int
    patient_id: str
    number: int
    started: datetime
    ended: datetime | None


@dataclass(frozen=True)
class Bad:
    line: int
    reason: str


@dataclass
class Found:
    """What a table holds, row by row. Lines count from 1, the heading included."""

    good: list[Good] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


class _TakeBackError(Exception):
    """Ends a look without keeping anything."""


def look(system: System, text: str, find: Find, actor: str) -> Found:
    """What keeping the table would do. Raises NotPossibleError when it is no table of infusions."""
    found = Found()
    try:
        with system.database.write() as session:
            found = _rows(system, session, text, find, actor)
            raise _TakeBackError
    except _TakeBackError:
        return found


def keep(system: System, text: str, find: Find, actor: str) -> Found:
    """Keep the rows that can be kept, in one transaction. Raises NotPossibleError as above."""
    with system.database.write() as session:
        return _rows(system, session, text, find, actor)


def moment(typed: str, zone: ZoneInfo) -> datetime:
    """A time with its own offset, or by the clocks of ``zone``. Raises NotPossibleError for one
    that no clock shows. UTC."""
    try:
        read = datetime.fromisoformat(typed.strip())
    except ValueError:
        raise NotPossibleError(f"{typed.strip()!r} is no time such as 2026-11-19 15:30.") from None
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    shown = on_the_wall(read.date(), read.time(), zone)
    if shown.astimezone(zone).replace(tzinfo=None) != read:
        raise NotPossibleError(f"The clocks are put forward over {read:%Y-%m-%d %H:%M} there.")
    return shown


def _rows(system: System, session: Session, text: str, find: Find, actor: str) -> Found:
    table = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True)
    names = [(name or "").strip().lower() for name in table.fieldnames or ()]
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown or len(set(names)) != len(names):
        raise NotPossibleError(
            f"The first line must name the columns: {', '.join(NEEDED)}, and any of "
            f"{', '.join(COLUMNS[len(NEEDED) :])}, each once."
        )
    table.fieldnames = names
    clinic = session.get_one(Clinic, 1)
    found = Found()
    for row in table:
        if len(found.good) + len(found.bad) >= _MOST:
            raise NotPossibleError(f"More than {_MOST} rows. Send them in parts.")
        try:
            # A row of its own: what one has begun when it fails is taken back, and no more.
            with session.begin_nested():
                good = _row(system, session, row, find, actor, clinic.timezone, table.line_num)
            found.good.append(good)
        except NotPossibleError as error:
            found.bad.append(Bad(table.line_num, str(error)))
    return found


def _row(
    system: System,
    session: Session,
    row: Mapping[str | None, str | None],
    find: Find,
    actor: str,
    clinic_zone: str,
    line: int,
) -> Good:
    if None in row:
        raise NotPossibleError("More fields than columns. Put quotes around a comma.")
    said = {name: (value or "").strip() for name, value in row.items() if name}
    patient = find(session, said["patient"])
    zone = ZoneInfo(zone_named(said.get("zone") or clinic_zone))
    kept = infusions.record(
        system,
        session,
        patient,
        moment(said["start"], zone),
        moment(said["end"], zone),
        _yes(said.get("booster", "")),
        details.read(said),
        actor,
    )
    return Good(line, patient.id, kept.number, kept.started_at, kept.ended_at)


def _yes(said: str) -> bool:
    if said.casefold() not in (*_YES, *_NO):
        raise NotPossibleError("booster is yes or no.")
    return said.casefold() in _YES
