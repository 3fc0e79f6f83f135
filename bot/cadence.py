"""Which measures are due: a pure function of stage, days and what was finished when.

The lines are data (``data/policy/measures.yml``). Nothing is due in a stage that is not named, so
the quiet hours after an infusion stay quiet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot import measures
from bot.contract import STAGES

PATH = Path(__file__).resolve().parent.parent / "data" / "policy" / "measures.yml"
#: What a patient may be treated for, as far as it selects measures (domain.md E02).
INDICATIONS = ("pain", "ptsd")


class CadenceError(ValueError):
    """The policy of measures cannot be used; start-up refuses it. Names the line."""


@dataclass(frozen=True)
class Line:
    """One line of the policy. ``every_days`` None: once."""

    measures: tuple[str, ...]
    stages: tuple[str, ...]
    every_days: float | None
    indication: str | None = None
    from_day: float = 0
    until_day: float = float("inf")
    unless: Mapping[str, float] = field(default_factory=dict)

    def wants(self, name: str, finished: Mapping[str, float]) -> bool:
        """Whether this measure is due again. ``finished``: days since it was, by measure."""
        if any(finished.get(other, days) < days for other, days in self.unless.items()):
            return False
        if name not in finished:
            return True
        return self.every_days is not None and finished[name] >= self.every_days


def due(
    stage: str,
    days_since: float | None,
    finished: Mapping[str, float],
    indications: Collection[str] = (),
    lines: Collection[Line] | None = None,
) -> tuple[str, ...]:
    """Measures to offer now, in order. ``days_since``: the end of the last infusion, None before
    the first; ``finished``: days since each measure was last finished."""
    day = days_since or 0.0
    found = [
        name
        for line in (load() if lines is None else lines)
        if stage in line.stages
        and line.from_day <= day < line.until_day
        and (line.indication is None or line.indication in indications)
        for name in line.measures
        if line.wants(name, finished)
    ]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=2)
def load(path: Path = PATH) -> tuple[Line, ...]:
    """The checked lines. Raises CadenceError naming the line."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["lines"]
    return tuple(_line(number, dict(entry)) for number, entry in enumerate(entries, 1))


def _line(number: int, entry: dict[str, Any]) -> Line:
    where = f"measures, line {number}"
    once = entry.pop("once", False)
    if once == ("every_days" in entry):
        raise CadenceError(f"{where}: either once, or every_days")
    try:
        line = Line(**({"every_days": None} | entry))
    except TypeError as error:
        raise CadenceError(f"{where}: {error}") from None
    unknown = {*line.measures, *line.unless} - set(measures.measures())
    unknown |= set(line.stages) - set(STAGES)
    if line.indication is not None:
        unknown |= {line.indication} - set(INDICATIONS)
    if unknown:
        raise CadenceError(f"{where}: unknown {', '.join(sorted(unknown))}")
    return line
