"""Every sentence a patient can see keeps the rules of the house (domain.md 4.6, 5.3, 5.4)."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

from bot.content import Item, registry

ROOT = Path(__file__).resolve().parents[2]
EVERY = sorted(registry(), key=lambda item: item.id)
#: An instrument's wording stays as its authors published it, whatever its grade or length.
ITEMS = [item for item in EVERY if item.topic != "measure"]
#: Q29 and design (look.md): what we never call ourselves or promise.
NEVER = (
    r"\btherap(?:y|ist) bot\b",
    r"\bI (?:feel|understand|know how)\b",
    r"\bI'?m (?:so )?(?:proud|sorry you|happy)\b",
    r"\bamazing\b",
    r"\bjourney\b",
    r"\bcure[sd]?\b",
    r"\bdiagnos",
    r"\bguarantee",
    r"\bbreakthrough\b",
    r"\bstreak\b",
    r"\bpromise me\b",
    r"\bdon'?t kill\b",
    r"\bcommit(?:ted)? suicide\b",
    r"[\U0001F300-\U0001FAFF]",
)


def filled(item: Item, variant: int) -> str:
    values = dict.fromkeys(item.values, "a word")
    return registry().render(item.id, variant, values)


def sentences() -> list[tuple[str, str]]:
    return [(f"{i.id}#{n}", filled(i, n)) for i in ITEMS for n in range(len(i.variants))]


def grade(text: str) -> float:
    """Flesch-Kincaid grade level (Kincaid 1975)."""
    words = re.findall(r"[A-Za-z']+", text)
    ends = max(1, len(re.findall(r"[.!?]+(?:\s|$)", text)))
    syllables = sum(_syllables(word) for word in words)
    if not words:
        return 0.0
    return 0.39 * len(words) / ends + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and len(groups) > 1
    return max(1, len(groups) - silent)


@pytest.mark.parametrize("item", EVERY, ids=lambda item: item.id)
def test_every_item_has_a_source_an_approver_and_a_version(item: Item):
    assert item.source
    assert item.approver
    assert item.version >= 1


@pytest.mark.parametrize(("name", "text"), sentences())
def test_a_bubble_is_short_and_plain(name: str, text: str):
    assert len(text.split()) <= 60, text
    if name.startswith("conversation.recovery"):
        assert len(text.split()) <= 12, text
    for pattern in NEVER:
        assert not re.search(pattern, text, re.IGNORECASE), (name, pattern)


def test_reading_grade_is_six_or_less_at_the_median_and_eight_at_most():
    """Q13. Short lines are noisy for the formula, so single lines get a little room."""
    grades = {name: grade(text) for name, text in sentences()}
    assert statistics.median(grades.values()) <= 6
    hard = {name: round(g, 1) for name, g in grades.items() if g > 8 and _words(name) > 8}
    assert not hard


def _words(name: str) -> int:
    item, _, variant = name.partition("#")
    return len(filled(registry().item(item), int(variant)).split())


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_one_question_a_turn(item: Item):
    for text in item.variants:
        assert text.count("?") <= 1, text


@pytest.mark.parametrize("item", [i for i in ITEMS if i.choices], ids=lambda item: item.id)
def test_at_most_four_buttons_and_a_way_past_the_question(item: Item):
    assert len(item.choices) <= 4
    assert len({choice.id for choice in item.choices}) == len(item.choices)
    assert all(choice.payload.startswith("/") for choice in item.choices)


@pytest.mark.parametrize(
    "item", [i for i in ITEMS if i.topic == "safety"], ids=lambda item: item.id
)
def test_a_safety_sentence_has_exactly_one_wording(item: Item):
    assert len(item.variants) == 1


def test_the_direct_question_does_not_lead_to_no_and_counts_unclear_as_yes():
    item = registry().item("safety.ask")
    assert not re.search(r"aren'?t|not thinking|you'?re not", item.variants[0], re.IGNORECASE)
    meaning = {choice.id: (choice.raises, choice.completes_screen) for choice in item.choices}
    assert meaning["yes"][0] == meaning["not_sure"][0] == "urgent"
    assert meaning["no"] == (None, True)


def test_reflection_questions_can_be_skipped():
    asking = [i for i in ITEMS if i.topic == "reflection" and i.kind == "ask"]
    assert asking
    for item in asking:
        assert "skip" in {choice.id for choice in item.choices}, item.id


def test_every_name_the_page_says_is_in_the_registry_and_none_is_left_over():
    said: set[str] = set()
    for path in (ROOT / "web" / "src" / "room").glob("*.ts"):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r"[\"`]([a-z][a-z0-9_]+)[\"`]", text))
        said |= {f"{a}{b}" for a, b in re.findall(r"`([a-z_]*)\$\{[a-z.]+\}([a-z_]*)`", text)}
    known = {item.id.removeprefix("page.") for item in ITEMS if item.topic == "page"}
    used = set()
    for path in (ROOT / "web" / "src" / "room").glob("*.ts"):
        used |= set(re.findall(r"say\(\s*\"([a-z0-9_]+)\"", path.read_text(encoding="utf-8")))
    assert used <= known
    parts = {name for name in known for piece in said if piece and piece in name}
    assert known - parts == set()
