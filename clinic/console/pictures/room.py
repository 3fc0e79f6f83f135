"""How patients found the infusion room, for the people who set it up, so that no rating can be told
to be one person's.

Whole months are put together until enough different patients have answered (data/policy/
overview.yml); what is newer waits. Each year begins anew, so what was once shown is never split or
joined otherwise later, and two printed notes cannot be set against each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.variables import TRACKED
from clinic.console.pictures.overview import next_month
from clinic.console.wording import When
from clinic.records.models import Record
from clinic.settings import ROOT
from clinic.system import System

PATH = ROOT / "data" / "policy" / "overview.yml"
#: What patients say of the room (data/variables.yml, V06), and how, from best to worst.
ASPECTS = ("support", "light", "sound", "privacy")
RATINGS = ("good", "mixed", "poor")


@dataclass(frozen=True)
class Pool:
    """Answers of whole months, the first and the last of them."""

    first: date
    last: date
    patients: int
    counts: Mapping[str, int]

    @property
    def answers(self) -> int:
        return sum(self.counts.values())

    @property
    def words(self) -> str:
        if self.first == self.last:
            return f"{self.first:%b %Y}"
        return f"{self.first:%b} to {self.last:%b %Y}"


@dataclass(frozen=True)
class Rated:
    """One aspect of the room over this year and the last; no pools: too few to show."""

    name: str
    label: str
    pools: tuple[Pool, ...]


#: Month -> the patients and ratings of that month.
Months = Mapping[date, list[tuple[str, str]]]


@lru_cache(maxsize=2)
def fewest(path: Path = PATH) -> int:
    """How many different patients must have answered. Never less than two: one is a person."""
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not read.get("fewest", 0) >= 2:
        raise ValueError("overview.yml: fewest must be at least 2")
    return int(read["fewest"])


def rated(system: System, session: Session, when: When) -> list[Rated]:
    """Every aspect, in its pools, up to the last whole month."""
    today = when.day(when.now)
    since = when.begin(date(today.year - 1, 1, 1))
    rows = session.scalars(
        select(Record).where(
            Record.kind == "check_in",
            Record.created_at >= since,
            Record.created_at < when.begin(today.replace(day=1)),
        )
    )
    found: dict[str, dict[date, list[tuple[str, str]]]] = {
        name: defaultdict(list) for name in ASPECTS
    }
    for row, data in system.vault(session).documents(rows):
        month = when.day(row.created_at).replace(day=1)
        for name in ASPECTS:
            if name in data:
                found[name][month].append((row.patient_id, data[name]))
    return [
        Rated(name, TRACKED[name].label, tuple(_pools(months))) for name, months in found.items()
    ]


def _pools(months: Months) -> Iterable[Pool]:
    for year in sorted({month.year for month in months}):
        first = date(year, 1, 1)
        held: list[tuple[str, str]] = []
        for month in sorted(one for one in months if one.year == year):
            held += months[month]
            patients = {patient for patient, _ in held}
            if len(patients) >= fewest():
                yield Pool(first, month, len(patients), Counter(said for _, said in held))
                first, held = next_month(month), []
