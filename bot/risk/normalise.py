"""Words as a person meant them, each knowing where it stood in the original text.

Undoes what hides or garbles a sentence: Unicode look-alikes, invisible characters, leetspeak,
masks (k*ll), markup (k<b>il</b>l), spelled-out letters (k i l l), glued and split words, drawn-out
letters, slang, contractions with and without apostrophe, misspellings of the words that matter.
Line breaks and runs of blanks mean nothing. Language lives in ``data/risk/<locale>/spelling.yml``.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

from bot.risk.spelling import LEET, Spelling

SENTENCE_ENDS = frozenset(".!?")
PUNCTUATION = frozenset('.!?,;:-()"/')

_ASCII = re.compile(r"[\x00-\x7f]*\Z")
_BLANK = re.compile(r"\S+")
_LEAD = "([{<\"'`*_~,.!?;:-#>"
_TRAIL = ")]}>\"'`*_~,.!?;:-"
_PIECE = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.!?,;:()\"/]|-+|'")
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")
_SEPARATORS = re.compile(r"[.\-_·~'’+|\\/,*]+")
_MASK = re.compile(r"[*#_%?•●×-]")
_QUOTES = dict.fromkeys("‘’‛ʼ´＇`", "'") | dict.fromkeys("“”„«»", '"') | dict.fromkeys("‐‑−", "-")
_QUOTES |= dict.fromkeys("–—―•◦▪‣·", " - ") | {"…": ". ", "।": ". ", "。": ". ", "¿": " ", "¡": " "}
#: Cyrillic, Greek and phonetic letters that look Latin.
_LOOK_ALIKES = str.maketrans(
    "абвеёзіїјкмнопрсѕтуўхһԁԛԝѵьαβεηικνορτυχωγℓıɑɡɩʟɪᴀᴇɴᴏꜱᴋ",
    "abbee3iijkmhonpcstyyxhdqwvbabenikvoptuxwyliagiliaenosk",
)
#: Those of them that cannot be told from a Latin letter: a word of nothing else may be English.
_TWINS = frozenset("аеорсухіѕј")
#: Markup that a paste brings along or that hides a word: inside, between words, as a character.
_INLINE = "a|abbr|b|big|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|u"
_BLOCK = "blockquote|br|div|h[1-6]|hr|li|ol|p|pre|table|td|th|tr|ul"
_MARKUP = re.compile(
    rf"</?(?:(?:{_INLINE})|(?P<block>{_BLOCK}))(?:\s[^<>]{{0,200}})?/?>"
    r"|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});",
    re.IGNORECASE,
)
#: Folds to nothing: what is left out keeps its place in the original text.
_NOTHING = "\u200b"
_MAX_WORD = 60
_LONGEST = 20


class Text:
    """The normalised words and, for each, where it came from."""

    __slots__ = ("at", "ends", "joined", "sentence", "starts", "words")

    def __init__(self, words: list[str], starts: list[int], ends: list[int]) -> None:
        self.words = words
        self.starts = starts
        self.ends = ends
        #: Character position of each word in ``joined``.
        self.at: list[int] = []
        #: Number of the sentence each word belongs to.
        self.sentence: list[int] = []
        position = sentence = 0
        for word in words:
            self.at.append(position)
            self.sentence.append(sentence)
            position += len(word) + 1
            if word in SENTENCE_ENDS:
                sentence += 1
        #: All words, each followed by one blank: what patterns run over.
        self.joined = " ".join(words) + " " if words else ""

    def word_at(self, position: int) -> int:
        """Index of the word that holds this character of ``joined``."""
        return bisect_right(self.at, position) - 1

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Original offsets of the words ``first`` up to, not including, ``last``."""
        covered = range(first, last)
        return min(self.starts[i] for i in covered), max(self.ends[i] for i in covered)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """One character without case, width, accent or disguise; empty when it is invisible."""
    if character in _QUOTES:
        return _QUOTES[character]
    category = unicodedata.category(character)
    if category in ("Cf", "Cs", "Co", "Cn"):
        return ""
    if character.isspace() or category == "Cc":
        return " "
    folded = unicodedata.normalize("NFKD", character).lower()
    if category == "Mn" and unicodedata.combining(character) and ord(character) < 0x370:
        return ""
    if len(folded) > 1 and folded[0].isascii():
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    if category == "So" and not folded.isalnum():
        return " "
    return "".join(_QUOTES.get(c, c) for c in folded) if not folded.isascii() else folded


def _without_markup(text: str) -> str:
    """The text as a page would show it, each character where it stood."""
    if "<" not in text and "&" not in text:
        return text
    return _MARKUP.sub(_as_shown, text)


def _as_shown(found: re.Match[str]) -> str:
    markup = found.group()
    if markup.startswith("&"):
        shown = html.unescape(markup)
        return shown.ljust(len(markup), _NOTHING) if len(shown) < len(markup) else markup
    return (" " if found["block"] else "").ljust(len(markup), _NOTHING)


class Normaliser:
    """Turns original text into ``Text``. Safe to share between threads."""

    def __init__(self, language: Spelling) -> None:
        self._language = language
        self._chunk = lru_cache(maxsize=16_384)(self._analyse)
        masked: dict[int, list[str]] = {}
        for word in sorted(language.lexicon.union(language.glued)):
            masked.setdefault(len(word), []).append(word)
        self._by_length = masked
        self._lone = {
            meant[0]: letter
            for letter, meant in language.expansions.items()
            if len(letter) == 1 and letter.isalpha() and len(meant) == 1
        }

    def __call__(self, text: str) -> Text:
        folded, origin = self._folded(_without_markup(text))
        words: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for found in _BLANK.finditer(folded):
            base = found.start()
            for word, start, end in self._chunk(found.group()):
                words.append(word)
                if origin is None:
                    starts.append(base + start)
                    ends.append(base + end)
                else:
                    starts.append(origin[base + start])
                    ends.append(origin[base + end - 1] + 1)
        return Text(*self._heard(*self._mended(words, starts, ends)))

    def _folded(self, text: str) -> tuple[str, list[int] | None]:
        if _ASCII.match(text):
            # Control characters are blanks, except that an ASCII text needs no map.
            return _CONTROL.sub(" ", text.lower()), None
        parts: list[str] = []
        origin: list[int] = []
        emoji = self._language.emoji
        for at, character in enumerate(text):
            meant = emoji.get(character)
            folded = f" {meant} " if meant else _fold(character)
            parts.append(folded)
            origin.extend([at] * len(folded))
        return "".join(parts), origin

    def _analyse(self, chunk: str) -> tuple[tuple[str, int, int], ...]:
        """One run of non-blanks -> words with offsets into it."""
        language = self._language
        if chunk in language.expansions:
            return tuple((word, 0, len(chunk)) for word in language.expansions[chunk])
        if not chunk.isascii() and len(chunk) <= _MAX_WORD:
            latin = chunk.translate(_LOOK_ALIKES)
            if latin.isascii() and (
                any(c.isascii() and c.isalpha() for c in chunk)
                or latin in language.lexicon
                or latin in ("a", "i")
                or (_TWINS.issuperset(chunk.strip(_LEAD)) and latin.strip(_LEAD) in language.real)
            ):
                chunk = latin
        start, end = 0, len(chunk)
        while start < end and chunk[start] in _LEAD:
            start += 1
        while end > start and chunk[end - 1] in _TRAIL:
            end -= 1
        core = chunk[start:end]
        result = _marks(chunk, 0, start)
        if core:
            meant = self._meant(core)
            if meant is not None:
                result += [(word, start, end) for word in meant]
            else:
                result += self._pieces(core, start)
        return tuple(result + _marks(chunk, end, len(chunk)))

    def _pieces(self, core: str, start: int) -> list[tuple[str, int, int]]:
        """A run that is no single word: "home.i", "3/10", "他想死"."""
        result: list[tuple[str, int, int]] = []
        for piece in _PIECE.finditer(core):
            text = piece.group()
            at = start + piece.start()
            if not text[0].isalnum():
                # A hyphen inside a word only joins it: "self-harm" is "self harm".
                if text[0] in PUNCTUATION and text != "-":
                    result.append((text[0], at, at + len(text)))
            elif _is_unspaced(text):
                result += [(c, at + i, at + i + 1) for i, c in enumerate(text)]
            else:
                meant = self._meant(text)
                words = meant if meant is not None else tuple(text.replace("'", " ").split())
                result += [(word, at, at + len(text)) for word in words]
        return result

    def _meant(self, core: str) -> tuple[str, ...] | None:
        """The words this run stands for, or None when it has to be taken apart."""
        language = self._language
        if core in language.expansions:
            return language.expansions[core]
        if core.isascii() and core.isalpha():
            return self._plain(core)
        if len(core) > _MAX_WORD:
            return None
        if core.isalpha() or (not core.isascii() and _is_word(core)):
            return None if _is_unspaced(core) else (core,)
        joined = _SEPARATORS.sub("", core)
        if joined != core and joined.isalpha():
            # One slip or several marks, but "home.it" is two words: only letters wholly set
            # apart, or a word on our list, are put together.
            if joined in language.lexicon or (joined in language.glued and _spelled_out(core)):
                return self._plain(joined)
            if joined in language.expansions and "'" in core:
                return language.expansions[joined]
        if not core.isdigit() and any(c.isalpha() for c in core):
            key = core.translate(LEET)
            if core.isascii():
                for spelled in (key, _DRAWN_OUT.sub(r"\1", key)):
                    if spelled in language.leet:
                        return self._plain(language.leet[spelled])
                if core[0].isalpha() and key in language.leet_too:
                    return (language.leet_too[key],)
            masked = self._unmask(core)
            if masked is not None:
                return self._plain(masked)
        return (core,) if core.isalnum() else None

    def _plain(self, word: str) -> tuple[str, ...]:
        language = self._language
        if word in language.lexicon or len(word) > _MAX_WORD:
            return (word,)
        if word in language.expansions:
            return language.expansions[word]
        if word in language.glued:
            return language.glued[word]
        if word in language.slips:
            return (language.slips[word],)
        if _DRAWN_OUT.search(word):
            for shorter in (_DRAWN_OUT.sub(r"\1\1", word), _DRAWN_OUT.sub(r"\1", word)):
                if shorter in language.real or shorter in language.glued:
                    return self._plain(shorter)
            shorter = _DRAWN_OUT.sub(r"\1", word)
            return self._plain(shorter) if shorter != word else (shorter,)
        near = language.mistyped(word) or word
        return language.expansions.get(near, (near,))

    def _unmask(self, core: str) -> str | None:
        if not _MASK.search(core) or not core[0].isalpha():
            return None
        known = sum(c.isalpha() for c in core)
        if known * 2 < len(core) or known < 2:
            return None
        fits = [
            word
            for word in self._by_length.get(len(core), ())
            if all(a == b or _MASK.match(a) for a, b in zip(core, word, strict=True))
        ]
        return fits[0] if len(fits) == 1 else None

    def _mended(
        self, words: list[str], starts: list[int], ends: list[int]
    ) -> tuple[list[str], list[int], list[int]]:
        """Put together what blanks have torn apart: "su icide", "k i l l"."""
        broken = self._language.broken
        out: list[str] = []
        first: list[int] = []
        last: list[int] = []
        count = len(words)
        at = 0
        while at < count:
            word = words[at]
            if len(word) == 1 and word.isalpha() and word.isascii():
                stop = at + 1
                letters = [word]
                while stop < min(count, at + _MAX_WORD):
                    # A lone "u" was read as "you"; among letters set apart it is a letter.
                    letter = words[stop]
                    if ends[stop] - starts[stop] == 1:
                        letter = self._lone.get(letter, letter)
                    if not _is_letter(letter):
                        break
                    letters.append(letter)
                    stop += 1
                torn = self._torn("".join(letters), words[stop] if stop < count else "")
                if torn is not None:
                    begin = at + torn
                    out += [*words[at:begin], "".join(letters[torn:]) + words[stop]]
                    first += [*starts[at:begin], starts[begin]]
                    last += [*ends[at:begin], ends[stop]]
                    at = stop + 1
                    continue
                spelled, skipped = self._spelled("".join(letters))
                if not spelled:
                    spelled, skipped = words[at:stop], 0
                    out += spelled
                    first += starts[at:stop]
                    last += ends[at:stop]
                    at = stop
                    continue
                out += words[at : at + skipped] + spelled
                first += starts[at : at + skipped] + [starts[min(at + skipped, stop - 1)]] * len(
                    spelled
                )
                last += ends[at : at + skipped] + [ends[stop - 1]] * len(spelled)
                at = stop
                continue
            if at + 1 < count and (word, words[at + 1]) in broken:
                out.append(broken[word, words[at + 1]])
                first.append(starts[at])
                last.append(ends[at + 1])
                at += 2
                continue
            out.append(word)
            first.append(starts[at])
            last.append(ends[at])
            at += 1
        return out, first, last

    def _heard(
        self, words: list[str], starts: list[int], ends: list[int]
    ) -> tuple[list[str], list[int], list[int]]:
        """What dictation and slang write as other words: "sewer slide", "and my life"."""
        heard = self._language.heard
        if heard.keys().isdisjoint(words):
            return words, starts, ends
        out: list[str] = []
        first: list[int] = []
        last: list[int] = []
        at = 0
        while at < len(words):
            for wrong, meant in heard.get(words[at], ()):
                stop = at + len(wrong)
                if tuple(words[at:stop]) == wrong:
                    out += meant
                    first += [starts[at]] * len(meant)
                    last += [ends[stop - 1]] * len(meant)
                    at = stop
                    break
            else:
                out.append(words[at])
                first.append(starts[at])
                last.append(ends[at])
                at += 1
        return out, first, last

    def _torn(self, letters: str, rest: str) -> int | None:
        """How many loose letters stand before a word torn like "k i l led"; None without one."""
        real = self._language.real
        if len(rest) < 2:
            return None
        loose = range(min(3, len(letters) - 1))
        return next((at for at in loose if letters[at:] + rest in real), None)

    def _spelled(self, letters: str) -> tuple[list[str], int]:
        """Letters set apart -> the known words they spell, after how many loose letters.

        Without such words all letters stay loose. Only the first few starts are tried, so that the
        time stays linear.
        """
        if len(letters) >= 3:
            for skipped in range(min(3, len(letters) - 2)):
                words = self._segmented(letters[skipped:])
                if words:
                    return words, skipped
        return [], len(letters)

    def _segmented(self, letters: str) -> list[str]:
        """Known words that cover all letters, longest first; none when they do not."""
        language = self._language
        words: list[str] = []
        at = 0
        while at < len(letters):
            for end in range(min(len(letters), at + _LONGEST), at, -1):
                part = letters[at:end]
                if part in language.lexicon or part in ("i", "a", "my", "me", "to", "of", "it"):
                    words.append(part)
                    break
                if part in language.glued:
                    words += language.glued[part]
                    break
            else:
                return []
            at = end
        return words if any(len(word) > 2 for word in words) else []


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalnum()


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def _marks(chunk: str, start: int, end: int) -> list[tuple[str, int, int]]:
    """Punctuation around a word: each kind once, "..." and "!?" as one sentence end."""
    result: list[tuple[str, int, int]] = []
    for at in range(start, end):
        mark = chunk[at]
        if mark not in PUNCTUATION:
            continue
        if result and (mark == result[-1][0] or (mark in SENTENCE_ENDS and result[-1][0] in ".!?")):
            name = "?" if mark == "?" else result[-1][0]
            result[-1] = (name, result[-1][1], at + 1)
        else:
            result.append((mark, at, at + 1))
    return result


def _spelled_out(core: str) -> bool:
    return all(len(part) <= 1 for part in _SEPARATORS.split(core))


def _is_word(core: str) -> bool:
    """Letters with their vowel signs, as in Hindi, which are no letters by themselves."""
    return core[0].isalpha() and all(
        c.isalpha() or (c > "\u036f" and unicodedata.category(c)[0] == "M") for c in core
    )


def _is_unspaced(text: str) -> bool:
    """Scripts written without blanks: each character counts as a word."""
    return any("\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7ff" for c in text)
