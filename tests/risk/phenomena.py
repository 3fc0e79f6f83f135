"""Our own sentences by phenomenon (phenomena/*.yml), ready to be judged.

Written before the rules that answer them, in our own words; none comes from a data set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from bot.risk import ROOT, Context, Level, RuleSet, State, assess, next_state, ruleset

FOLDER = Path(__file__).parent / "phenomena"
#: Sentences of which only the rate is looked at, never which one failed.
HELD = Path(__file__).parent / "held"
#: A later set of sentences on a topic there was before.
_SET = re.compile("^(second|fourth|fifth)_")
RULES_ALONE = replace(ruleset(), opinions=())


@dataclass(frozen=True)
class Case:
    """A conversation (mostly of one message) and the levels between which it must end."""

    topic: str
    name: str
    talk: tuple[str, ...]
    at_least: Level
    at_most: Level
    hours: float | None = None
    category: str = "suicide"
    #: Which hard case it is an example of (test_hard_cases.py).
    case: str = ""

    def level(self, using: RuleSet | None = None) -> Level:
        state, context = State(), Context(hours_since_infusion=self.hours)
        level = Level.none
        for message in self.talk:
            result = assess(message, state, context, using)
            assert not result.unscreened
            level = result.conversation_level if len(self.talk) > 1 else result.level
            state = next_state(state, result, message)
        return level

    def holds(self, using: RuleSet | None = None) -> bool:
        return self.at_least <= self.level(using) <= self.at_most

    def __str__(self) -> str:
        return f"{self.name}: {' / '.join(self.talk)[-70:]}"


def cases() -> list[Case]:
    """Every sentence that must get its level."""
    plain = [
        path for path in FOLDER.glob("*.yml") if path.stem not in ("infusion_pairs", "entries")
    ]
    return [*(case for path in sorted(plain) for case in grouped(path)), *_pairs(), *_entries()]


def held() -> list[Case]:
    """Every sentence that is only counted."""
    return [case for path in sorted(HELD.glob("*.yml")) for case in grouped(path)]


def voices(name: str) -> list[str]:
    """The sentences of one file the second opinions learn from."""
    text = (ROOT / "en" / "voices" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def grouped(path: Path) -> Iterator[Case]:
    """The cases of one file of groups."""
    for group in _read(path):
        talks = [[str(text)] for text in group.get("texts", ())] + group.get("talks", [])
        talks += [[line] for line in group.get("lines", "").splitlines()]
        talks += [line.split(" || ") for line in group.get("turns", "").splitlines()]
        case = Case(
            _SET.sub("", path.stem),
            group["name"],
            (),
            Level.of(group.get("at_least", "none")),
            Level.of(group.get("at_most", "emergency")),
            group.get("hours"),
            group.get("category", "suicide"),
            group.get("case", ""),
        )
        yield from (replace(case, talk=tuple(talk)) for talk in talks)
        for line in group.get("timed", "").splitlines():
            hours, text = line.split(" | ", 1)
            yield replace(case, talk=(text,), hours=float(hours))


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _pairs() -> Iterator[Case]:
    given = _read(FOLDER / "infusion_pairs.yml")
    for line in given["written"].strip().splitlines():
        risk, quiet = line.split(" || ")
        both = Case("infusion", "imagery with a waking wish", (risk,), Level.urgent, _MOST)
        both = replace(both, case="infusion imagery")
        yield both
        yield replace(both, name="imagery alone", talk=(quiet,), at_least=_NONE, at_most=_NONE)
    for image in given["images"]:
        for ending in given["risk_endings"]:
            text = _joined(image, ending)
            yield Case("infusion", "image and wish", (text,), Level.urgent, Level.emergency)
        for ending in given["quiet_endings"]:
            text = _joined(image, ending)
            yield Case("infusion", "image and ordinary end", (text,), Level.none, Level.none)


def _joined(image: str, ending: str) -> str:
    return image + ("" if ending[0] in ".," else " ") + ending


def _entries() -> Iterator[Case]:
    given = _read(FOLDER / "entries.yml")
    both = [(str(number), entry) for number, entry in enumerate(given["around"], 1)]
    also = given["also"]
    kinds = (("risk", "clause", Level.urgent, _MOST), ("quiet", "quiet", Level.none, Level.none))
    for key, name, least, most in kinds:
        for turn, clause in enumerate(given[key]):
            for number, entry in (*both, ("another", also[turn % len(also)])):
                text = entry.replace("{clause}", clause)
                at = f"{name} in {number}: {clause}"
                yield Case("entries", at, (text,), least, most, case="long entry")


_NONE, _MOST = Level.none, Level.emergency
