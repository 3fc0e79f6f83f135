"""Each phenomenon, both ways: what must rise and what must stay quiet, by the rules alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from perturb import EXPLICIT, PERTURBATIONS
from phenomena import RULES_ALONE, Case, cases

from bot.risk import Level, assess

#: Sentences the rules are known to judge wrongly (docs/clinical/risk.md, limits). Nothing else may.
KNOWN = frozenset(
    (
        "I dream of stabbing my landlord and I sharpened the knife",
        "my son had a seizure as a baby, he is fine now",
        "- call dentist - get rope - say goodbye to mom - end it",
        "- journal prompt: what stayed? - the wish to die stayed",
        "morning pages: birds, rent, mother, the rope in the garage that I keep looking at",
        "🪢 is ready in the closet",
        "I'm done 🪢 tonight",
        "I don't want to do it but I'm afraid I will",
        "all my ancestors were lined up and I was at the end of the line",
        "I've written down what songs they should play",
        "I gave my guitar to the neighbor's boy, I won't be needing it",
        "people ask about my plans for the summer and I just nod",
        "sleep is the only thing I look forward to and I wish it didn't end",
        "if a truck came at me I don't think I'd move",
        "The angel said not yet, but I can't wait any longer, I'm going tonight",
        "In the vision I hung from a tree and I keep looking at the tree in our yard now, "
        "thinking I could",
        "I was ash and I want to be ash for real, cremated and done",
        "I gave my body back to the earth and I want to do that properly now",
        "I jumped off a cliff in there and now I want to go hiking at the real one",
    )
)

CASES = cases()


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CASES])
def test_it_gets_its_level(case: Case) -> None:
    level = case.level(RULES_ALONE)
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
