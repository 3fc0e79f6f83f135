"""The safety report: ``make safety-report`` writes docs/clinical/safety-report.md and .json.

Everything is counted on sentences and conversations of this folder, so that it can be counted again
anywhere. Tests (test_safety_report.py; behaviour/test_personas.py for what the conversations were
answered, which needs the trained assistant) fail when a figure is worse than the one written there.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from personas import personas
from perturb import EXPLICIT, PERTURBATIONS
from phenomena import RULES_ALONE, Case, cases, grouped, held

from bench.risk import wilson
from bench.texts import entry
from bot.risk import Level, RuleSet, assess, rules_version
from tests.behaviour import talks
from tests.builders import settings

FOLDER = Path(__file__).parents[2] / "docs" / "clinical"
FILES = (FOLDER / "safety-report.json", FOLDER / "safety-report.md")
#: How often each explicit sentence is garbled in each way.
_TIMES = 10
_PLACES = {"held": "held sentences", "seen": "sentences rules were written for"}

Rate = tuple[int, int]
Rates = dict[str, Rate]


@dataclass(frozen=True)
class Section:
    """Rates of one kind. ``found``: they must not fall; otherwise they must not rise."""

    title: str
    note: str
    found: bool
    rates: Rates


def figures() -> dict[str, Section]:
    """Every figure of the report but the times."""
    seen = [*cases(), *_sentences()]
    apart = held()
    everything = [*seen, *apart]
    danger = [case for case in everything if case.at_least > Level.none]
    quiet = [case for case in everything if case.at_most is Level.none]
    return {
        "level": Section(
            "By level",
            "Sentences that must get at least this level, and do.",
            True,
            _rates((f"{c.at_least.name}, {_PLACES[_place(c, apart)]}", c) for c in danger),
        ),
        "category": Section(
            "By category",
            "Sentences at risk that get at least their level.",
            True,
            _rates((c.category, c) for c in danger),
        ),
        "phenomenon": Section(
            "By phenomenon, sentences rules were written for",
            "These say how well the rules remember.",
            True,
            _rates((_phenomenon(c), c) for c in cases() if c.at_least > Level.none),
        ),
        "held": Section(
            "By phenomenon, held sentences",
            "Written before the rules; which of them fail is not looked at. Nearest to the truth.",
            True,
            _rates((_phenomenon(c), c) for c in apart if c.at_least > Level.none),
        ),
        "asked": Section(
            "Veiled words: asked about at all",
            "Held sentences at watch or more, by the rules alone and with the second opinion.",
            True,
            {
                f"{who}: {name}": (
                    sum(c.level(using) >= Level.watch for c in some),
                    len(some),
                )
                for who, using in (("rules", RULES_ALONE), ("with the second opinion", None))
                for name, some in _veiled(apart).items()
            },
        ),
        "watch": Section(
            "Ordinary talk that makes the companion ask",
            "Sentences that must stay quiet, at watch or more.",
            False,
            _above(((_phenomenon(c), c) for c in quiet), Level.watch),
        ),
        "urgent": Section(
            "Ordinary talk that calls a human",
            "The same, at urgent or more.",
            False,
            _above(((_phenomenon(c), c) for c in quiet), Level.urgent),
        ),
        "garbled": Section(
            "Explicit statements, garbled",
            f"Each of {len(EXPLICIT)} statements {_TIMES} times in each way, still urgent or more.",
            True,
            {name: _garbled(name) for name in PERTURBATIONS},
        ),
        "garbled_all": Section(
            "All grave sentences, garbled",
            "Every sentence that must be urgent or more and is, once in each way, still at least "
            "what it must be. Not those of another language or disguised already.",
            True,
            {name: _still(name, _grave(seen)) for name in PERTURBATIONS},
        ),
        "people": Section(
            "Conversations",
            "Invented people, twenty messages each: risk seen from the message where it is told on "
            "(never later lost), and no alarm before it or without it.",
            True,
            _people(),
        ),
    }


def conversations() -> Section:
    """The same people through the real edge, assistant and database, judged by the rubric."""
    with tempfile.TemporaryDirectory(prefix="afterglow-") as folder:
        home = Path(folder)
        return _answered(talks.rates(talks.played(home, settings(home))))


def _as_told(document: dict[str, Rates]) -> Section:
    return _answered({name: (kept, of) for name, (kept, of) in document["conversations"].items()})


def _answered(rates: Rates) -> Section:
    return Section(
        "Conversations, as they were answered",
        "The same people with the whole system. Each row is a rule of our own rubric "
        "(`tests/behaviour/rubric.py`, in the spirit of VERA-MH) and in how many conversations it "
        "was kept throughout. Rules, not a clinician, judged them.",
        True,
        rates,
    )


def _sentences() -> list[Case]:
    return list(grouped(Path(__file__).parent / "sentences.yml"))


def _place(case: Case, apart: list[Case]) -> str:
    return "held" if case in apart else "seen"


def _phenomenon(case: Case) -> str:
    return f"{case.topic.replace('_', ' ')}: {case.name.split(':')[0]}"


def _veiled(apart: list[Case]) -> dict[str, list[Case]]:
    danger = [case for case in apart if case.at_least > Level.none]
    return {
        "veiled": [case for case in danger if case.topic == "indirect"],
        "infusion image with a waking wish": [case for case in danger if case.topic == "pairs"],
    }


def _rates(named: Iterable[tuple[str, Case]]) -> Rates:
    return _counted((name, case.level() >= case.at_least) for name, case in named)


def _above(named: Iterable[tuple[str, Case]], level: Level) -> Rates:
    return _counted((name, case.level() >= level) for name, case in named)


def _counted(outcomes: Iterable[tuple[str, bool]]) -> Rates:
    result: Rates = {}
    for name, hit in outcomes:
        hits, total = result.get(name, (0, 0))
        result[name] = (hits + hit, total + 1)
    return result


def _garbled(way: str) -> Rate:
    changed = [
        PERTURBATIONS[way](text, random.Random(f"{way} {text} {number}"))
        for text in EXPLICIT
        for number in range(_TIMES)
    ]
    return sum(assess(text).level >= Level.urgent for text in changed), len(changed)


def _grave(among: list[Case]) -> list[Case]:
    """Single messages that get the level they must, urgent or more."""
    return [
        case
        for case in among
        if len(case.talk) == 1
        and case.at_least >= Level.urgent
        and case.topic not in ("disguised", "languages")
        and case.level() >= case.at_least
    ]


def _still(way: str, some: list[Case]) -> Rate:
    garbled = [
        replace(case, talk=(PERTURBATIONS[way](text, random.Random(f"{way} {text}")),))
        for case in some
        for text in case.talk
    ]
    return sum(case.level() >= case.at_least for case in garbled), len(garbled)


def _people() -> Rates:
    everybody = personas()
    danger = [person for person in everybody if person.in_danger]
    marked = [(p, sum(least is not None for _, least in p.turns)) for p in danger]
    return {
        "people in danger, every message of theirs counted as it must": (
            sum(not person.missed() for person in danger),
            len(danger),
        ),
        "messages from the telling on": (
            sum(count - len(person.missed()) for person, count in marked),
            sum(count for _, count in marked),
        ),
        "people without an early or false alarm": (
            sum(not person.early() for person in everybody),
            len(everybody),
        ),
    }


# --- writing ------------------------------------------------------------------------------------


def times() -> dict[str, float]:
    """Median milliseconds on this machine, a new text each time."""
    chance = random.Random()
    result = {}
    for count in (20, 500):
        for name, using in (("rules", RULES_ALONE), ("with the second opinion", None)):
            some = [entry(count, chance) for _ in range(25)]
            result[f"{count} words, {name}"] = round(_median(some, using), 2)
    return result


def _median(some: list[str], using: RuleSet | None) -> float:
    spent = []
    for text in some:
        begin = time.process_time()
        assess(text, using=using)
        spent.append((time.process_time() - begin) * 1000)
    return statistics.median(spent)


HEAD = """# Safety report

Written by `make safety-report`; change nothing by hand. Rules {rules}.
A test fails when a figure here gets worse.

How many of the sentences and conversations in `tests/risk` are judged as they must be. They are our
own: invented, by one hand, in English but for one topic. In brackets the 95 % Wilson bound: the
lower one for what must be found, the upper one for false alarms. What public data say, the goals
that are not reached and the limits: [risk.md](risk.md); the second opinion:
[model-card.md](model-card.md).
"""


def _table(section: Section) -> str:
    rows = []
    for name, (hits, total) in sorted(section.rates.items()):
        low, high = wilson(hits, total)
        bound = f">= {low:.1%}" if section.found else f"<= {high:.1%}"
        rows.append(f"| {name} | {hits} of {total} | {hits / total:.1%} ({bound}) |")
    head = f"## {section.title}\n\n{section.note}\n\n| | | rate |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _times_table(spent: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {value} ms |" for name, value in spent.items())
    note = "Median on one core of the machine that wrote this, not compared by the test."
    return f"## Time\n\n{note}\n\n| | |\n|---|---|\n{rows}\n"


def main() -> None:
    json_file, text_file = FILES
    sections, spent = figures(), times()
    # What was answered takes minutes; who changed a rule may keep it (test_personas guards it).
    keep = "--keep-conversations" in sys.argv
    talked = _as_told(json.loads(json_file.read_text("utf-8"))) if keep else conversations()
    document = {
        "rules": rules_version(),
        "figures": {name: section.rates for name, section in sections.items()},
        "conversations": talked.rates,
        "milliseconds": spent,
    }
    json_file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    parts = [HEAD.format(rules=rules_version()), *map(_table, (*sections.values(), talked))]
    text_file.write_text("\n".join([*parts, _times_table(spent)]), "utf-8")
    sys.stdout.write(f"{json_file}\n{text_file}\n")


if __name__ == "__main__":
    main()
