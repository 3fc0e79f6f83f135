"""What somebody looks for in a record: every word of it, in any order; what stands in quotes as it
was written. Case and accents make no difference."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_WORD = re.compile(r'["“”]([^"“”]+)["“”]|(\S+)')
_STRAIGHT = str.maketrans("‘’", "''")


@dataclass(frozen=True)
class Wanted:
    #: Folded, the longest first: it says most.
    words: tuple[str, ...]

    @classmethod
    def of(cls, typed: str) -> Wanted:
        """
        >>> Wanted.of('Café "the sea" café').words
        ('the sea', 'cafe')
        """
        found = {
            fold(" ".join((quoted or word.strip('"“”')).split()))
            for quoted, word in _WORD.findall(typed)
        }
        return cls(tuple(sorted(found - {""}, key=lambda word: (-len(word), word))))

    def stand_in(self, text: str) -> bool:
        folded = fold(text)
        return all(word in folded for word in self.words)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where each of them stands, as offsets of the text as it was written; the longest first.

        >>> Wanted.of("cafe").places("The Café")
        [(4, 8)]
        """
        letters = [fold(letter) for letter in text]
        # Folding changes lengths ("ß", an accent of its own): each folded letter knows its own.
        origin = [at for at, folded in enumerate(letters) for _ in folded] + [len(text)]
        return [
            (origin[one.start()], origin[one.end()])
            for word in self.words
            for one in re.finditer(re.escape(word), "".join(letters))
        ]


def fold(text: str) -> str:
    """Without case and accents, and with straight apostrophes."""
    if text.isascii():
        return text.casefold()
    apart = unicodedata.normalize("NFKD", text.translate(_STRAIGHT))
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold()
