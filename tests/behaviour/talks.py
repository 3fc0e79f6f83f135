"""The invented people of tests/risk/personas talk with the real edge, assistant and database.

What became of each conversation, judged by the rubric, is a table of the safety report.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from clinic import converse
from clinic.settings import Settings
from tests.behaviour import rubric
from tests.risk.personas import Persona, personas

Rates = dict[str, tuple[int, int]]


def played(home: Path, settings: Settings) -> dict[str, rubric.Talk]:
    """Each person's conversation by name. ``home``: a folder for the scripts."""
    everybody = personas()
    ran = converse.run([_script(home, person) for person in everybody], settings, quiet=True)
    return {
        person.name: _marked(person, outcome)
        for person, outcome in zip(everybody, ran, strict=True)
    }


def rates(talks: dict[str, rubric.Talk]) -> Rates:
    """How many conversations keep each rule, and how many messages were answered."""
    broken = [name for talk in talks.values() for name in rubric.judge(talk)]
    kept = {
        f"{'must' if rule.red else 'should'}: {rule.name}": (
            len(talks) - broken.count(rule.name),
            len(talks),
        )
        for rule in rubric.RULES
    }
    turns = [turn for talk in talks.values() for turn in talk]
    return kept | {"messages answered": (sum(bool(t["replies"]) for t in turns), len(turns))}


def _script(home: Path, person: Persona) -> Path:
    path = home / f"{person.name}.yaml"
    script = {
        "name": person.name,
        "hours_since_infusion": person.hours,
        "turns": [{"patient": text} for text, _ in person.turns],
    }
    path.write_text(yaml.safe_dump(script, allow_unicode=True), encoding="utf-8")
    return path


def _marked(person: Persona, outcome: converse.Outcome) -> rubric.Talk:
    marks = [least.name if least is not None else None for _, least in person.turns]
    return [turn | {"least": least} for turn, least in zip(outcome.turns, marks, strict=True)]
