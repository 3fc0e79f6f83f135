"""The phrase language of the rules, readable by a clinician.

    i (want|need) to .. die      words, alternatives, a gap of up to two words (``...``: up to five)
    i? (really|just)? want       ``?`` after a word or a group: may be absent
    <want> <kill_self>           a named list of phrases
    /1[89][0-9]/                 one word by regular expression (numbers); may come first

Patterns run over normalised words (normalise.py): lower case, "do not" for "don't". A gap never
crosses punctuation. Nothing nests without bound, so matching is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

_TOKEN = re.compile(r"\s*(/[^/\s]+/|\.\.\.|\.\.|[()|?]|<[a-z_]+>|[^\s()|?<>/.]+|[.,])")

#: A named list and a regular expression are no words.
_WORD = re.compile(r"<[a-z_]+>|/[^/\s]+/|([a-z]+)")

#: Words too common to tell whether a pattern can match at all.
_COMMON_WORDS = (
    "a about all am and any are at be been but can do even for from get go going had has have he "
    "her him i if in is it just like me my no not of on or out she so that the them they this to "
    "up want was what when will with would you your"
)
_COMMON = frozenset(_COMMON_WORDS.split())


#: Stands for every word that begins with a digit: a pattern may begin with a number.
NUMBER = "#"
_DIGIT = re.compile(r"\(?\[?[0-9]")

#: Parts remembered while reading rules: named lists stand in many patterns.
_SHARED = 2_048


class PatternError(ValueError):
    """A pattern that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Word:
    text: str


@dataclass(frozen=True, eq=False)
class Regex:
    source: str


@dataclass(frozen=True, eq=False)
class Gap:
    most: int


@dataclass(frozen=True, eq=False)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Choice:
    options: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Optional:
    part: Node


Node = Word | Regex | Gap | Sequence | Choice | Optional

#: Any word, no punctuation.
_ANY = r"[^ .!?,;:()\"/-][^ ]* "


@dataclass(frozen=True, eq=False)
class Pattern:
    """One phrase pattern, compiled when a text first has a word of it.

    A pattern that was read always compiles: its only foreign parts, /regular expressions/, are
    compiled while reading.
    """

    source: str
    node: Node = field(repr=False)
    #: A match can only begin with one of these words.
    first: frozenset[str]
    #: At least one of these words is in every match.
    anchors: frozenset[str]

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(_regex(self.node))

    def matches(
        self, joined: str, at: list[int], places: Mapping[str, list[int]]
    ) -> Iterator[tuple[int, int]]:
        """Matches as (position, end) in the joined text; tries only where a first word stands."""
        few, many = (self.first, places) if len(self.first) < len(places) else (places, self.first)
        starts = sorted(i for word in few if word in many for i in places[word])
        match = self.regex.match
        free = 0
        for index in starts:
            position = at[index]
            if position < free:
                continue
            found = match(joined, position)
            if found:
                free = found.end()
                yield position, free


def compile_pattern(source: str, lists: Mapping[str, Node]) -> Pattern:
    """Read one pattern. Raises PatternError."""
    node = parse(source, lists)
    first, nullable = _first(node)
    if first is None or nullable:
        raise PatternError(f"{source!r} must begin with a word or a number")
    if isinstance(node, Sequence) and isinstance(node.parts[-1], Gap):
        raise PatternError(f"{source!r} ends with a gap, which matches nothing there")
    anchors = _anchors(node)
    return Pattern(source, node, first, anchors or first)


def words_of(sources: Iterable[str]) -> set[str]:
    """The plain words these patterns are written with."""
    return {word for source in sources for word in _WORD.findall(source) if word}


def parse_lists(sources: Mapping[str, list[str]]) -> dict[str, Node]:
    """Read the named lists in order; a list may use those before it."""
    lists: dict[str, Node] = {}
    for name, phrases in sources.items():
        lists[name] = Choice(tuple(parse(phrase, lists) for phrase in phrases))
    return lists


def parse(source: str, lists: Mapping[str, Node]) -> Node:
    pieces: list[str] = []
    at = 0
    text = source.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PatternError(f"{source!r} cannot be read at {text[at:]!r}")
        pieces.append(found.group(1))
        at = found.end()
    if not pieces:
        raise PatternError("an empty pattern")
    node, end = _choice(pieces, 0, source, lists)
    if end != len(pieces):
        raise PatternError(f"{source!r} has a ')' too many")
    return node


def _choice(pieces: list[str], at: int, source: str, lists: Mapping[str, Node]) -> tuple[Node, int]:
    options: list[Node] = []
    parts: list[Node] = []
    while True:
        piece = pieces[at] if at < len(pieces) else None
        if piece in (None, "|", ")"):
            if not parts:
                raise PatternError(f"{source!r} has an empty alternative")
            options.append(parts[0] if len(parts) == 1 else Sequence(tuple(parts)))
            parts = []
            if piece != "|":
                return (options[0] if len(options) == 1 else Choice(tuple(options))), at
        elif piece == "?":
            if not parts:
                raise PatternError(f"{source!r} has a '?' after nothing")
            parts[-1] = Optional(parts[-1])
        elif piece == "(":
            node, at = _choice(pieces, at + 1, source, lists)
            if at >= len(pieces):
                raise PatternError(f"{source!r} lacks a ')'")
            parts.append(node)
        elif piece is not None:
            parts.append(_leaf(piece, source, lists))
        at += 1


def _leaf(piece: str, source: str, lists: Mapping[str, Node]) -> Node:
    if piece == "..":
        return Gap(2)
    if piece == "...":
        return Gap(5)
    if piece[0] == "<":
        if piece[1:-1] not in lists:
            raise PatternError(f"{source!r} uses the unknown list {piece}")
        return lists[piece[1:-1]]
    if piece[0] == "/" and len(piece) > 2:
        try:
            re.compile(piece[1:-1])
        except re.error as error:
            raise PatternError(f"{source!r}: {error}") from None
        return Regex(piece[1:-1])
    if "'" in piece or piece != piece.lower():
        raise PatternError(f"{source!r}: write normalised words (do not, i am), not {piece!r}")
    return Word(piece)


@lru_cache(maxsize=_SHARED)
def _regex(node: Node) -> str:
    if isinstance(node, Word):
        return re.escape(node.text) + " "
    if isinstance(node, Regex):
        return f"(?:{node.source}) "
    if isinstance(node, Gap):
        return f"(?:{_ANY}){{0,{node.most}}}?"
    if isinstance(node, Sequence):
        return "".join(_regex(part) for part in node.parts)
    if isinstance(node, Choice):
        return "(?:" + "|".join(_regex(option) for option in node.options) + ")"
    return f"(?:{_regex(node.part)})?"


@lru_cache(maxsize=_SHARED)
def _first(node: Node) -> tuple[frozenset[str] | None, bool]:
    """Words the node can begin with (None: any), and whether it may be empty."""
    if isinstance(node, Word):
        return frozenset((node.text,)), False
    if isinstance(node, Regex):
        return (frozenset((NUMBER,)) if _DIGIT.match(node.source) else None), False
    if isinstance(node, Gap):
        return None, True
    if isinstance(node, Optional):
        return _first(node.part)[0], True
    if isinstance(node, Choice):
        found = [_first(option) for option in node.options]
        words = [first for first, _ in found]
        nullable = any(empty for _, empty in found)
        if any(first is None for first in words):
            return None, nullable
        return frozenset().union(*(first for first in words if first is not None)), nullable
    result: frozenset[str] = frozenset()
    for part in node.parts:
        first, nullable = _first(part)
        if first is None:
            return None, nullable
        result |= first
        if not nullable:
            return result, False
    return result, True


@lru_cache(maxsize=_SHARED)
def _anchors(node: Node) -> frozenset[str] | None:
    """A set of which every match holds at least one word; None when there is no such set."""
    if isinstance(node, Word):
        return frozenset((node.text,))
    if isinstance(node, Choice):
        found = [_anchors(option) for option in node.options]
        if any(words is None for words in found):
            return None
        return frozenset().union(*(words for words in found if words is not None))
    if isinstance(node, Sequence):
        sets = [words for words in map(_anchors, node.parts) if words]
        return min(sets, key=lambda words: (len(words & _COMMON), len(words)), default=None)
    return None
