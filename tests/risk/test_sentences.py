"""Every sentence of ours gets the level it must get, also when it is typed badly."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from phenomena import RULES_ALONE

from bot.risk import Assessment, Context, Level, assess

GROUPS = yaml.safe_load((Path(__file__).parent / "sentences.yml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(group, text, id=f"{group['name']}: {str(text)[:50]}")
    for group in GROUPS
    for text in group["texts"]
]


def assessed(group: dict[str, object], text: str) -> Assessment:
    hours = group.get("hours")
    assert hours is None or isinstance(hours, (int, float))
    return assess(text, context=Context(hours_since_infusion=hours), using=RULES_ALONE)


@pytest.mark.parametrize(("group", "text"), CASES)
def test_it_gets_its_level(group: dict[str, str], text: str) -> None:
    result = assessed(group, text)
    assert not result.unscreened
    assert result.level >= Level.of(group.get("at_least", "none"))
    assert result.level <= Level.of(group.get("at_most", "emergency"))


def test_there_are_enough_of_both_kinds() -> None:
    positive = sum(len(g["texts"]) for g in GROUPS if g.get("at_least") in ("urgent", "emergency"))
    negative = sum(len(g["texts"]) for g in GROUPS if g.get("at_most") in ("none", "watch"))
    assert positive >= 150
    assert negative >= 200


# --- typed badly -------------------------------------------------------------------------------

EXPLICIT = [
    "I want to kill myself",
    "I'm going to kill myself tonight",
    "I want to die",
    "I don't want to be alive anymore",
    "I keep thinking about suicide",
    "everyone would be better off without me",
    "I'm feeling suicidal",
    "If this doesn't work I'm going to kill myself",
    "I have been saving up my pills",
    "I wish I was dead",
]

LOOK_ALIKE = str.maketrans("aeopcyxi", "аеорсухі")


def _on_a_word(word: str, change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: text.replace(word, change(word))


def _typo(text: str, seed: int) -> str:
    """Swap two letters inside one longer word."""
    words = text.split()
    long = [i for i, w in enumerate(words) if len(w) >= 4 and w.isalpha()]
    at = random.Random(seed).choice(long)
    word = words[at]
    middle = len(word) // 2
    words[at] = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return " ".join(words)


PERTURBATIONS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case without apostrophes": lambda t: t.lower().replace("'", ""),
    "curly apostrophe": lambda t: t.replace("'", "\u2019"),
    "line breaks": lambda t: t.replace(" ", "\n"),
    "wide blanks": lambda t: t.replace(" ", "   \t "),
    "zero width": lambda t: "\u200b".join(t),
    "look-alike letters": lambda t: t.translate(LOOK_ALIKE),
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "dots and shouting": lambda t: "... " + t + "!!!!",
    "emoji around": lambda t: "😭😭 " + t + " 💔",
    "emphasis": lambda t: f"**{t}**",
    "quoted bullet": lambda t: f"- {t}\n- fed the cat",
    "leet": lambda t: t.replace("i", "1") if "kill" in t else t.replace("e", "3"),
    "accents": lambda t: t.replace("e", "é").replace("i", "í"),
    "drawn out": lambda t: t + t[-1] * 5,
}


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("text", EXPLICIT)
def test_it_survives(text: str, name: str) -> None:
    changed = PERTURBATIONS[name](text)
    assert assess(changed).level >= Level.urgent, changed


@pytest.mark.parametrize("text", EXPLICIT)
def test_it_survives_a_slip_of_the_finger(text: str) -> None:
    for seed in range(5):
        changed = _typo(text, seed)
        assert assess(changed).level >= Level.urgent, changed
