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
        "I'm done 🪢 tonight",
        "I don't want to do it but I'm afraid I will",
        "all my ancestors were lined up and I was at the end of the line",
        "I've written down what songs they should play",
        "people ask about my plans for the summer and I just nod",
        "sleep is the only thing I look forward to and I wish it didn't end",
        "if a truck came at me I don't think I'd move",
        "The angel said not yet, but I can't wait any longer, I'm going tonight",
        "In the vision I hung from a tree and I keep looking at the tree in our yard now, "
        "thinking I could",
        "I gave my body back to the earth and I want to do that properly now",
        "I jumped off a cliff in there and now I want to go hiking at the real one",
        # fifth set
        "please tell the nurse with the red glasses it had nothing to do with her",
        '• therapy homework: "one thing I look forward to" - not being alive',
        "[x] meds [x] walk [ ] reasons to live",
        "✓ shower ✓ breakfast ✗ wanting to stay alive",
        "me → 🌉 → 🌊 tonight",
        "my old plan from college, I looked up the address again today",
        "They let me go in there like a balloon and I want to be let go of for good",
        "There was a door marked exit and I'm going to find that door out here",
        "I was swallowed by the ground and I keep wanting the ground to have me",
        "Nothing was left of me and that is how it should be from now on",
        # by a second hand (fourth set)
        "Shopping: milk, bread, cat litter for whoever has the cat after me, teabags",
        "Mood diary. Mon ok. Tue ok. Wed wrote the note. Thu ok. Fri football.",
        "fine 👍 just gonna 😴 and not ⏰ ever",
        "me + 💊💊💊💊💊 = problem solved 🙂",
        "everyone at home would be 🎉 if i was ⚰️ and i think im gonna let them",
        "i want to ☠️ and no i dont mean lol",
        "I love my girls. I want to leave. Both true at once and I'm sat here in the dark "
        "with both",
        "I should like to see the bulbs come up, and I should like to be under them. It "
        "changes with the hour",
        "Never been less keen on breathing, me",
        "i wrote my goodbye letter lol nvm all good was just feeling poetic",
        "when my visa is refused I will not go back, I will not go anywhere, I have what I "
        "need in the drawer",
        "She's tired, that woman in my mirror. She's going to stop soon and I shan't stand "
        "in her way.",
        "hypothetically if someone had already said goodbye to everyone and was sitting in "
        "their car with the doors locked, what would you tell them right now",
        "that old feeling from when i was 17 and took the overdose? its back, its sat on "
        "the bed with me",
        "Night night then. Longer one than usual. Be good to people.",
        "By the time the day nurse reads this I shall have gone on ahead. Thank her for "
        "the blankets.",
        "um so yeah full stop I just I can't see the pint of living comma I mean the point "
        "of living new line I'm done",
        "That exam was suicide, no one finished the last question, we all went to nandos after",
        "In my old country I wanted to kill myself because of the war. Here I have my shop "
        "and my sons and this wish is dead long time",
        "I'm shaking and crying and can't calm down, it's gone 2am and it started in the taxi home",
        "When I left the body I look down and I feel no love for it. Still today I feel no "
        "love. I would like to leave it really.",
        "I keep trying to hold on to the bit where I didn't exist, because now I do and I "
        "can't bear it",
        "Let me stay there next time, tell them not to wake me, turn it up and leave me. I "
        "don't mean as a joke",
        "It was beautiful to be gone. I ask myself all evening why not to be gone.",
        "I saw how small we all are from up there so it wouldn't matter, would it, one "
        "less. Me less.",
        "Everything they promise in church I saw it: no tears, no night. Why should I wait "
        "for the natural time",
        "k hole told me im already dead so might as well make it official lol. not really lol",
        "peace peace peace then bang, fluorescent lights and my own miserable self. I'd "
        "trade every day I've left for that peace",
        "The lads in the drip, the ones we lost, told me to stand down soldier. I am going "
        "to stand down.",
        "they say integrate the experience. the experience was me not being here. how do i "
        "integrate that except one way",
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
