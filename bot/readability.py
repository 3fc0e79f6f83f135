"""How hard a sentence is to read: Flesch-Kincaid grade (Kincaid 1975), syllables by vowels."""

from __future__ import annotations

import re


def grade(text: str) -> float:
    """The school grade in years; 0 for a text without words. Short lines are noisy."""
    words = re.findall(r"[A-Za-z']+", text)
    if not words:
        return 0.0
    sentences = max(1, len(re.findall(r"[.!?:]+(?:\s|$)", text)))
    total = sum(_syllables(word) for word in words)
    return 0.39 * len(words) / sentences + 11.8 * total / len(words) - 15.59


def _syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and len(groups) > 1
    return max(1, len(groups) - silent)
