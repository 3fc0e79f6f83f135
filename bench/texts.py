"""What people type, for measuring.

``texts``: short messages a day after an infusion; none shows risk, and none of the first 270 comes
twice. ``entry``: a journal entry of ordinary and grave sentences, never the same.
"""

from __future__ import annotations

import itertools
import random
from functools import cache
from pathlib import Path

VOICES = Path(__file__).parent.parent / "data" / "risk" / "en" / "voices"
_STARTS = (
    "i feel",
    "today i was",
    "this morning i felt",
    "my body is",
    "it was",
    "mostly",
    "still",
)
_MIDDLES = ("calm", "a bit tired", "hopeful", "quiet", "softer than before", "okay", "open", "slow")
_ENDS = ("", " after the walk", " and i slept well", " but my head is full", " since yesterday")
_OPENERS = ("", "well, ", "hm, ", "ok, ", "so, ", "and ")
_WHOLE = (
    "hello",
    "yes",
    "no",
    "i don't know",
    "a warm light over the water",
    "who can read what i write here?",
    "are you a real person?",
    "thank you",
    "can i drive tomorrow?",
    "it was not what i expected",
    "my sister called and we laughed about old times",
    "nothing much happened to be honest",
    "skip",
    "what is the weather like?",
    "the music carried me and then there was a garden that i knew from when i was small",
)


def texts(count: int, seed: int = 20261120) -> list[str]:
    """The same for the same seed."""
    chance = random.Random(seed)
    feelings = [" ".join(pair) + end for *pair, end in itertools.product(_STARTS, _MIDDLES, _ENDS)]
    whole = [opener + text for opener, text in itertools.product(_OPENERS, _WHOLE)]
    chance.shuffle(feelings)
    chance.shuffle(whole)
    # Every third one is whole: questions, one-word answers, a long sentence.
    return [
        whole[n // 3 % len(whole)] if n % 3 == 2 else feelings[(n - n // 3) % len(feelings)]
        for n in range(count)
    ]


def entry(words: int, chance: random.Random) -> str:
    """So many words in sentences of patients' voices, one in ten of people at risk.

    Numbers stand among them, so that no screen has met all of the words before.
    """
    said: list[str] = []
    while len(said) < words:
        said += chance.choice(_voices("risk" if chance.random() < 0.1 else "quiet")).split()
        said[-1] += "."
        if chance.random() < 0.3:
            said.append(f"{chance.randrange(10**9)}.")
    return " ".join(said[:words])


@cache
def _voices(name: str) -> list[str]:
    lines = (VOICES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
