"""Short messages as people type them a day after an infusion. None shows risk, and none of the
first 270 comes twice: nothing is measured from a cache."""

from __future__ import annotations

import itertools
import random

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
