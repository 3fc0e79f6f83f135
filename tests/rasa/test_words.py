"""Every sentence a patient can be shown: short, plain, honest, and with a way out."""

from __future__ import annotations

import re
import statistics

import pytest

from bot import content

#: The companion's own topics; what the edge and the console say is theirs to test.
TOPICS = ("reflection", "conversation", "safety")
ITEMS = [item for item in content.registry() if item.topic in TOPICS]
IDS = [item.id for item in ITEMS]
#: At most this many words come into one place: six a quotation, five quotations in the recap.
FILLED = {"words": "w " * 30, "clinic_name": "Harbor Clinic"}

FORBIDDEN = re.compile(
    r"\b(i feel|i understand|i'm proud|i am proud|amazing|journey|cure|diagnos\w*|treat\w*"
    r"|guarantee|breakthrough|i promise|promise me|as your therapist|calm down|commit suicide)\b",
    re.IGNORECASE,
)


def filled(item: content.Item, variant: int) -> str:
    values = {name: FILLED.get(name, "911").strip() for name in item.values}
    return content.registry().render(item.id, variant, values)


def bubbles() -> list[tuple[str, int]]:
    return [(item.id, n) for item in ITEMS for n in range(len(item.variants))]


def syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and len(groups) > 1
    return max(1, len(groups) - silent)


def grade(text: str) -> float:
    """Flesch-Kincaid, with syllables counted by vowel groups."""
    words = re.findall(r"[A-Za-z']+", text)
    sentences = max(1, len(re.findall(r"[.!?:]+(?:\s|$)", text)))
    total = sum(syllables(word) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * total / max(1, len(words)) - 15.59


@pytest.mark.parametrize(("name", "variant"), bubbles())
def test_a_bubble_is_short(name: str, variant: int) -> None:
    text = filled(content.registry().item(name), variant)
    quiet = "recovery" in name or "infusion" in name
    assert len(text.split()) <= (12 if quiet else 60)


@pytest.mark.parametrize(("name", "variant"), bubbles())
def test_a_bubble_asks_one_thing_and_says_nothing_forbidden(name: str, variant: int) -> None:
    text = content.registry().item(name).variants[variant]
    assert not FORBIDDEN.search(text)
    # "Was it like you expected? What was different?" is one question in two steps.
    assert text.count("?") <= 2


def test_the_words_are_plain() -> None:
    grades = {
        f"{name}#{n}": grade(content.registry().item(name).variants[n]) for name, n in bubbles()
    }
    assert statistics.median(grades.values()) <= 6
    hard = {name: round(value, 1) for name, value in grades.items() if value > 8.5}
    assert not hard


@pytest.mark.parametrize("item", ITEMS, ids=IDS)
def test_a_question_has_a_way_out_and_at_most_four_choices(item: content.Item) -> None:
    assert len(item.choices) <= 4
    if item.kind == "ask" and item.id not in (
        "safety.ask",
        "safety.ask_friend",
        "safety.ask_safe",
    ):
        assert any(choice.payload == "/skip" for choice in item.choices)


@pytest.mark.parametrize("item", ITEMS, ids=IDS)
def test_an_ordinary_prompt_has_at_least_three_phrasings(item: content.Item) -> None:
    fixed = item.id.startswith("safety.") or item.kind in ("card", "notice")
    single = {
        "conversation.unanswered",
        "conversation.human_has_joined",
        "conversation.human_has_left",
        "conversation.infusion_silent",
        "conversation.recovery_unwell",
        "conversation.recovery_no_ride",
        "conversation.recovery_human",
        "conversation.recovery_human_sent",
    }
    if fixed or item.id in single:
        assert len(item.variants) == 1
    elif item.id.endswith("_again"):
        assert len(item.variants) >= 2
    else:
        assert len(item.variants) >= 3


def test_what_the_edge_needs_is_there() -> None:
    needed = (
        "safety.card safety.card_medical safety.ask safety.standby conversation.unanswered "
        "conversation.human_has_joined conversation.human_has_left conversation.notice_program "
        "conversation.notice_adults conversation.notice_readers conversation.notice_emergency"
    )
    assert all(name in content.registry() for name in needed.split())
