"""Is this text clearly not in English? Then the rules cannot read it, and a human should.

Counted, not guessed: letters of another script, or several different everyday words of one other
language that outnumber the English ones. A greeting, a name, a borrowed phrase, a code or a
misspelling is not enough. The words are data (``data/risk/<locale>/languages.yml``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Letters of another script that make a statement: fewer where one letter is a word.
_LETTERS = 10
_SIGNS = 4
#: Different everyday words of another language that make a statement.
_WORDS = 3
#: Longer texts are judged by their first words.
_MOST = 400


@dataclass(frozen=True)
class Languages:
    english: frozenset[str]
    words: Mapping[str, frozenset[str]]
    #: Id of the rule that counts when the text is not in English.
    rule: str

    def foreign(self, text: str, words: Sequence[str]) -> bool:
        """``text`` as written, ``words`` as normalised."""
        said = [word for word in words[:_MOST] if word[0].isalpha()]
        if not said:
            return False
        return _other_script(said) or self._other_words(said) or self._accented(text, said)

    def _other_words(self, said: list[str]) -> bool:
        distinct = set(said)
        known = max((distinct & words for words in self.words.values()), key=len, default=set())
        if len(known) < _WORDS:
            return False
        count = sum(word in known for word in said)
        english = sum(word in self.english and word not in known for word in said)
        return count > english * 1.5 and count * 5 >= len(said)

    def _accented(self, text: str, said: list[str]) -> bool:
        """Many words, several with accents, hardly one that is English."""
        if text.isascii() or len(said) < 6:
            return False
        accented = sum(
            any(c > "\x7f" and c.isalpha() for c in word) and word.islower()
            for word in text[:4_000].split()
        )
        english = sum(word in self.english for word in said)
        return accented >= 3 and english * 8 <= len(said)


def _other_script(said: list[str]) -> bool:
    letters = signs = latin = 0
    for word in said:
        if word.isascii():
            latin += len(word)
            continue
        for character in word:
            if "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7ff":
                signs += 1
            elif character > "\u036f":
                letters += 1
    if signs < _SIGNS and letters < _LETTERS:
        return False
    return (letters + signs * 3) * 3 >= latin
