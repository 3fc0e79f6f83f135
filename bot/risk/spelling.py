"""One language's way of writing: slang, slips of the finger, glued and broken words, leetspeak.

Built once from ``data/risk/<locale>/spelling.yml``; normalise.py uses it word by word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

#: Shorter words are too close to each other: for two letters swapped or one doubled, for any other.
_FOR_A_SWAP = 5
_FOR_A_LETTER = 8

#: Digits and signs that stand for letters.
LEET = str.maketrans("1!|l034@5$7+89", "iiiioeaassttbg")


@dataclass(frozen=True)
class Spelling:
    """One language's way of writing, read from spelling.yml."""

    #: word as written -> words as meant
    expansions: Mapping[str, tuple[str, ...]]
    #: words that must survive being garbled
    lexicon: frozenset[str]
    #: garbled form -> word, for one slip of a finger
    slips: Mapping[str, str]
    #: words run together -> the words
    glued: Mapping[str, tuple[str, ...]]
    #: a word broken in two -> the word
    broken: Mapping[tuple[str, str], str]
    #: leet key -> word of the lexicon, or several glued
    leet: Mapping[str, str]
    #: leet key -> word of a pattern; "50ft" is not "soft": only after a letter
    leet_too: Mapping[str, str]
    emoji: Mapping[str, str]
    #: first word -> (words as heard, words as meant), longest first
    heard: Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]
    #: words of any pattern, which a word that nobody knows may be a slip of
    vocabulary: frozenset[str]
    #: words that are meant as they are written
    real: frozenset[str]

    def mistyped(self, word: str) -> str | None:
        """The one word of the patterns that this is a slip of, if it is no word itself."""
        if len(word) < _FOR_A_SWAP or word in self.real:
            return None
        if word.endswith("in") and word + "g" in self.vocabulary:
            return word + "g"  # "bleedin", as it is said
        fits = self.vocabulary.intersection(_swaps_of(word))
        if not fits and len(word) >= _FOR_A_LETTER:
            fits = self.vocabulary.intersection(_other_letters(word))
        return next(iter(fits)) if len(fits) == 1 else None


def spelling(
    expansions: Mapping[str, str],
    lexicon: Iterable[str],
    real: Iterable[str],
    phrases: Iterable[str],
    emoji: Mapping[str, str],
    heard: Mapping[str, str],
    vocabulary: Iterable[str] = (),
) -> Spelling:
    """Work out every garbled form of the lexicon once. ``real`` words are never taken for a slip.

    ``vocabulary``: the patterns' words. There are too many to work out, and too many that are one
    slip from an ordinary word: ``Spelling.mistyped`` looks at them when it meets an unknown word.
    """
    words, known = frozenset(lexicon), frozenset(vocabulary)
    never = words | frozenset(real) | frozenset(expansions)
    slips: dict[str, str] = {}
    broken: dict[tuple[str, str], str] = {}
    for word in sorted(words):
        if len(word) < 4:
            continue
        for slip in _slips_of(word):
            if slip not in never:
                slips.setdefault(slip, word)
        for cut in range(1, len(word)):
            head, tail = word[:cut], word[cut:]
            if not (_is_real(head, never) and _is_real(tail, never)):
                broken[head, tail] = word
    glued: dict[str, tuple[str, ...]] = {}
    for phrase in phrases:
        parts = phrase.split()
        for size in range(2, len(parts) + 1):
            for at in range(len(parts) - size + 1):
                run = tuple(parts[at : at + size])
                joined = "".join(run)
                if len(joined) > 5 and joined not in never:
                    glued[joined] = tuple(
                        word for part in run for word in expansions.get(part, part).split()
                    )
    return Spelling(
        expansions={key: tuple(value.split()) for key, value in expansions.items()},
        lexicon=words,
        slips=slips,
        glued=glued,
        broken=broken,
        leet={word.translate(LEET): word for word in words.union(glued) if len(word) > 2},
        leet_too={word.translate(LEET): word for word in sorted(known) if len(word) > 3},
        emoji=dict(emoji),
        heard=_heard(heard),
        vocabulary=known.union(word for word in expansions if word.isalpha()),
        real=never | known,
    )


def _heard(
    given: Mapping[str, str],
) -> dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    pairs = [(tuple(heard.split()), tuple(meant.split())) for heard, meant in given.items()]
    result: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for heard, meant in sorted(pairs, key=lambda pair: -len(pair[0])):
        result.setdefault(heard[0], []).append((heard, meant))
    return {word: tuple(ways) for word, ways in result.items()}


def _is_real(part: str, never: frozenset[str]) -> bool:
    return part in never or part in ("a", "i", "s", "d", "m", "t", "k", "u", "o")


_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours(letter: str) -> str:
    for row, keys in enumerate(_KEYS):
        at = keys.find(letter)
        if at >= 0:
            near = keys[max(at - 1, 0) : at] + keys[at + 1 : at + 2]
            for other in (row - 1, row + 1):
                if 0 <= other < len(_KEYS):
                    near += _KEYS[other][max(at - 1, 0) : at + 2]
            return near
    return ""


def _beside(letter: str) -> str:
    """What is hit instead of a letter: a key next to it, or another vowel."""
    return _neighbours(letter) + ("aeiou" if letter in "aeiou" else "")


def _slips_of(word: str) -> Iterable[str]:
    for at, letter in enumerate(word):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + letter + word[at:]
        if at + 1 < len(word):
            yield word[:at] + word[at + 1] + letter + word[at + 2 :]
        for near in _beside(letter):
            yield word[:at] + near + word[at + 1 :]
            yield word[: at + 1] + near + word[at + 1 :]


def _swaps_of(word: str) -> Iterable[str]:
    """Two neighbouring letters swapped, one of two equal letters gone, or one doubled."""
    for at, letter in enumerate(word):
        after = word[at + 1 : at + 2]
        if letter == after:
            yield word[:at] + word[at + 1 :]
        elif after:
            yield word[:at] + after + letter + word[at + 2 :]
        yield word[:at] + letter + word[at:]


def _other_letters(word: str) -> Iterable[str]:
    """A letter too many, too few or wrong; not at the ends, where words are bent."""
    for at in range(1, len(word) - 2):
        yield word[:at] + word[at + 1 :]
        for letter in ascii_lowercase:
            yield word[:at] + letter + word[at:]
        for near in _beside(word[at]):
            yield word[:at] + near + word[at + 1 :]
