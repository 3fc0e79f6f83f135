"""Does this message show risk? Words in, a level with its reasons out.

Pure: no clock, no network, no database. ``assess`` never raises.
"""

from __future__ import annotations

import re

from bot.risk.levels import Assessment, Context, Evidence, Level, State, failed

__all__ = ["Assessment", "Context", "Evidence", "Level", "State", "assess", "failed"]

_FIRST = (
    (
        re.compile(
            r"\b(?:kill|hang|shoot) (?:my\s?self)\b|\bend (?:my (?:own )?life|it all)\b", re.I
        ),
        "suicide",
        Level.emergency,
    ),
    (re.compile(r"\bsuicid(?:e|al)\b|\bwant to die\b|\bbetter off dead\b", re.I), "suicide",
     Level.urgent),
    (re.compile(r"\bchest (?:pain|hurts)\b|\bcan'?t breathe\b", re.I), "medical", Level.emergency),
    (re.compile(r"\b(?:cut|hurt) myself\b", re.I), "self_harm", Level.urgent),
    (re.compile(r"\bkill (?:him|her|them)\b", re.I), "harm_to_others", Level.emergency),
)  # fmt: skip


def assess(text: str, state: State = State(), context: Context = Context()) -> Assessment:
    """What one message means. Replaced by the rules in data/risk in the next commits."""
    evidence = tuple(
        Evidence(m.start(), m.end(), f"first.{category}", 1, category, level, "plain statement")
        for pattern, category, level in _FIRST
        for m in pattern.finditer(text)
    )
    level = max((item.level for item in evidence), default=Level.none)
    categories = tuple(dict.fromkeys(item.category for item in evidence))
    return Assessment(level, max(level, state.level), categories, evidence, rules="en-first")
