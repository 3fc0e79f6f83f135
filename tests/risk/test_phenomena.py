"""Each phenomenon of research/risk.md 5, both ways: what must rise and what must stay quiet."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from perturb import EXPLICIT, PERTURBATIONS
from phenomena import Case, cases

from bot.risk import Level, assess

#: Sentences the rules are known to judge wrongly (docs/clinical/risk.md, limits). Nothing else may.
KNOWN = frozenset(
    (
        "I quit my job because I'm going to be world famous, haven't slept in days, so much energy",
        "I dream of stabbing my landlord and I sharpened the knife",
        "my son had a seizure as a baby, he is fine now",
    )
)

CASES = cases()


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CASES])
def test_it_gets_its_level(case: Case) -> None:
    level = case.level()
    held = case.at_least <= level <= case.at_most
    assert held is (case.talk[-1] not in KNOWN), f"{level.name}: {' / '.join(case.talk)}"


def test_there_are_enough_of_each() -> None:
    counts = Counter(case.topic for case in CASES)
    assert counts["infusion"] >= 300
    assert counts["medical"] >= 150
    assert all(count >= 40 for count in counts.values()), counts
    assert len(KNOWN) * 50 <= len(CASES)


@pytest.mark.parametrize("way", PERTURBATIONS)
@pytest.mark.parametrize("text", EXPLICIT)
def test_an_explicit_statement_survives_being_garbled(text: str, way: str) -> None:
    for seed in range(4):
        changed = PERTURBATIONS[way](text, random.Random(f"{way} {text} {seed}"))
        assert assess(changed).level >= Level.urgent, changed
