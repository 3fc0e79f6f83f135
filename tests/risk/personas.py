"""Conversations of twenty messages: is risk seen when it is told, and not before?

Each file of ``personas`` is one invented person. ``level>`` before a message says how grave the
conversation must count from there on; before the first such mark, and for people in no danger
throughout, at most ``most`` (none if left out). Written before the rules had seen them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.risk import Context, Level, RuleSet, State, assess, next_state

FOLDER = Path(__file__).parent / "personas"


@dataclass(frozen=True)
class Persona:
    name: str
    about: str
    hours: float | None
    #: The most that is right before the first mark.
    most: Level
    #: Each message, with the least the conversation must count from there; None before a mark.
    turns: tuple[tuple[str, Level | None], ...]

    @property
    def in_danger(self) -> bool:
        return any(least is not None for _, least in self.turns)

    def played(self, using: RuleSet | None = None) -> Iterator[tuple[str, Level, Level | None]]:
        """Each message with the conversation's level after it, and the level it had to have."""
        state, context = State(), Context(hours_since_infusion=self.hours)
        for text, least in self.turns:
            state = next_state(state, assess(text, state, context, using), text)
            yield text, state.level, least

    def missed(self, using: RuleSet | None = None) -> list[str]:
        """Messages after which the conversation counted for less than it had to."""
        return [
            text for text, level, least in self.played(using) if least is not None and level < least
        ]

    def early(self, using: RuleSet | None = None) -> list[str]:
        """Messages before any danger after which the conversation counted for more."""
        return [
            text for text, level, least in self.played(using) if least is None and level > self.most
        ]


def personas() -> list[Persona]:
    return [_read(path) for path in sorted(FOLDER.glob("*.yml"))]


def _read(path: Path) -> Persona:
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    turns: list[tuple[str, Level | None]] = []
    least: Level | None = None
    for line in given["turns"].splitlines():
        mark, _, rest = line.partition("> ")
        if mark in Level.__members__:
            least, line = Level.of(mark), rest
        turns.append((line, least))
    most = Level.of(given.get("most", "none"))
    return Persona(path.stem, given["about"], given.get("hours"), most, tuple(turns))
