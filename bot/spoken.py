"""The language of a message that worries, where the product has words in it.

English needs no answer here: None. Detection of "not English" is the risk rules' own
(``data/risk/en/languages.yml``); this only says which of the languages we can speak it is. How each
is known is data too (``data/content/<locale>/language.yml``): by everyday words, letters, or both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bot import content, risk, yaml_files


@dataclass(frozen=True)
class Language:
    """One language we have words in. ``words`` names a list of everyday ones."""

    code: str
    words: str = ""
    #: Letters only it has, and how many of them make a statement.
    letters: re.Pattern[str] | None = None
    at_least: int = 1
    #: Letters that say it is another one after all.
    without: re.Pattern[str] | None = None

    def lettered(self, text: str) -> bool:
        if self.letters is None or (self.without and self.without.search(text)):
            return False
        return len(self.letters.findall(text)) >= self.at_least


def spoken(text: str) -> str | None:
    """The code of the language, such as "es"; None for English and for what we cannot speak. Never
    raises: it stands between a patient's words and their being stored."""
    try:
        return _spoken(text)
    except Exception:
        return None


@lru_cache(maxsize=1)
def languages() -> tuple[Language, ...]:
    """Every language there is a folder for. Raises ContentError naming the file."""
    return tuple(_language(code) for code in content.locales())


def _spoken(text: str) -> str | None:
    lettered = next((one.code for one in languages() if one.lettered(text)), None)
    if lettered:
        return lettered
    rules = risk.ruleset()
    said = set(rules.normalise(text).words)
    lists = rules.languages
    counts = {one.code: len(said & lists.words.get(one.words, frozenset())) for one in languages()}
    best = max(counts, key=lambda code: counts[code])
    # One everyday word is enough only where no word is English: "quiero morir".
    english = len(said & lists.english)
    return best if counts[best] > english else None


def _language(code: str) -> Language:
    path = content.ROOT / code / content.LANGUAGE
    try:
        raw: dict[str, Any] = yaml_files.read(path)
        for name in ("letters", "without"):
            if name in raw:
                raw[name] = re.compile(f"[{raw[name]}]")
        return Language(code, **raw)
    except (OSError, TypeError, re.error) as error:
        raise content.ContentError(f"{code}/{content.LANGUAGE}: {error}") from None
