"""How long something has lasted, in so many words: "2 hours", "since about 90 min", "a day or two".

Only a text that says nothing else; of a range the longer end, so that a doubt is never read as
less.
"""

from __future__ import annotations

import re

_WORDS = {
    **{"a": 1, "an": 1, "half an": 0.5, "half a": 0.5, "a couple": 2, "a couple of": 2},
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12},
}
_UNITS = {"m": 1 / 60, "h": 1, "d": 24, "w": 168}
_NUMBER = r"\d{1,3}(?:\.\d+)?|" + "|".join(sorted(_WORDS, key=len, reverse=True))
_SAID = re.compile(
    r"(?:(?:for|since|about|around|roughly|maybe|almost|nearly|like|only|just|i think) )*"
    r"(?P<than>less than |under |more than |over |at least )?"
    rf"(?:(?:{_NUMBER}) ?(?:-|to|or) ?)?(?P<number>{_NUMBER})(?P<half> and a half)? ?"
    r"(?P<unit>m|h|d|w)(?:in|ins|inute|inutes|r|rs|our|ours|ay|ays|eek|eeks)?"
    r"(?P<more> and a half)?(?: (?:now|ago|or so|already|maybe|i think))*"
)
#: "Less than 4 hours" is below four, and no more is known.
_A_BIT = 0.01


def hours(text: str) -> float | None:
    """The hours these words mean; None when they are no length of time, or say more than that."""
    plain = " ".join(text.lower().replace("–", "-").rstrip(" .!?").split())
    said = _SAID.fullmatch(plain)
    if said is None:
        return None
    number = _WORDS.get(said["number"])
    count = float(said["number"]) if number is None else number
    count += 0.5 if said["half"] or said["more"] else 0
    below = (said["than"] or "").strip() in ("less than", "under")
    return count * _UNITS[said["unit"]] - (_A_BIT if below else 0)
