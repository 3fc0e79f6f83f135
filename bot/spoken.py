"""The language of a message that worries, where the product has words in it.

English needs no answer here: None. Detection of "not English" is the risk rules' own
(``data/risk/en/languages.yml``); this only says which of the languages we can speak it is.
"""

from __future__ import annotations

from bot import risk

#: Languages of ``data/content`` beside English, by their name in the rules' word lists.
CODES = {
    "spanish": "es",
    "french": "fr",
    "german": "de",
    "portuguese": "pt",
    "hindi": "hi",
}
#: Letters of Devanagari that make a statement.
_LETTERS = 4
CHINESE, HINDI = "zh", CODES["hindi"]


def spoken(text: str) -> str | None:
    """es, fr, de, pt, hi or zh; None for English and for what we cannot speak. Never raises: it
    stands between a patient's words and their being stored."""
    try:
        return _spoken(text)
    except Exception:
        return None


def _spoken(text: str) -> str | None:
    if _han(text):
        return CHINESE
    if sum("\u0904" <= c <= "\u0939" for c in text) >= _LETTERS:
        return HINDI
    rules = risk.ruleset()
    said = set(rules.normalise(text).words)
    languages = rules.languages
    counts = {
        CODES[name]: len(said & words) for name, words in languages.words.items() if name in CODES
    }
    best = max(counts, key=lambda code: counts[code])
    # One everyday word is enough only where no word is English: "quiero morir".
    english = len(said & languages.english)
    return best if counts[best] > english else None


def _han(text: str) -> bool:
    han = sum("\u4e00" <= c <= "\u9fff" for c in text)
    kana = any("\u3040" <= c <= "\u30ff" for c in text)
    return han >= 2 and not kana
