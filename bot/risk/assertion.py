"""Is it said of oneself, now, and meant? The axes along which a matched phrase can fall short.

denied      a negator whose own words reach the phrase ("I don't feel suicidal")
past        long ago, and nothing in the sentence brings it back to now
settled     somebody has seen to it, or it is told as an old tale or for a form
expected    an after-effect that went as announced, is told with its end, or was always there
narrated    a moment of a longer tale in the past, in a sentence with nothing that goes on
other       about or said by somebody else
advice      of the person somebody is consoling or advising ("I hope you find a reason to live")
supposed    "if I ever", "can it cause"
imagery     what happened inside the infusion or a dream
fiction     a film, a song, a paper
joking      laughter around it
idiom       "dying to see you": not what the words say

Negation is read narrowly, because the off-the-shelf rules silence people (docs/clinical/risk.md):
a negator counts only when nothing but light words stands between it and the phrase, and never when
it belongs to a turn of speech such as "not going to lie" or "can't stop". What each axis does to a
level is the rule's business; for suicidal words it never goes below "ask".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bot.risk.normalise import PUNCTUATION, SENTENCE_ENDS, Text
from bot.risk.patterns import NUMBER, Pattern

AXES = (
    "denied",
    "past",
    "settled",
    "expected",
    "narrated",
    "other",
    "advice",
    "supposed",
    "imagery",
    "fiction",
    "joking",
    "idiom",
)

#: Cue phrases and words a language must name in assertion.yml.
CUES = (
    "pseudo",
    "meant_after_all",
    "denied_after",
    "past",
    "present",
    "present_not",
    "settled",
    "unsettled",
    "unsettled_not",
    "expected",
    "unexpected",
    "third",
    "other_after",
    "reported",
    "advice",
    "supposed",
    "supposed_after",
    "imagery",
    "imagery_not",
    "waking",
    "waking_not",
    "fiction",
    "idiom",
)
WORDS = (
    "negators",
    "light",
    "joiners",
    "first_person",
    "second_person",
    "present_forms",
    "past_forms",
    "told_forms",
    "told_ends",
    "still_so",
    "laughter",
    "not_denied",
    "plain_no",
    "small_talk",
)

_WINDOW = 18

#: More words of one sentence than these on either side of a phrase are not looked at.
_SENTENCE = 60

#: How many sentences after an image a waking wish may follow and still be about it.
_WAKING_REACH = 2

#: A tale has at least so many sentences and words.
_TALE_SENTENCES, _TALE_WORDS = 3, 30

#: No longer a word is read by its end ("bed", "need").
_SHORT = 4

#: Fewer words of care for somebody than this are no sign that the message is for that person.
_ADVICE = 2

#: What may stand between "she said" and what was said.
_BETWEEN = ('"', ",", ":", "-", "that", "like", "i")


@dataclass(frozen=True)
class Grammar:
    """One language's cues (assertion.yml)."""

    cues: Mapping[str, tuple[Pattern, ...]]
    words: Mapping[str, frozenset[str]]

    @cached_property
    def index(self) -> Mapping[str, tuple[tuple[str, Pattern], ...]]:
        """Word -> kinds of cue, and their patterns, that may stand in a text with it."""
        index: dict[str, list[tuple[str, Pattern]]] = {}
        for kind, patterns in self.cues.items():
            for pattern in patterns:
                for word in pattern.anchors:
                    index.setdefault(word, []).append((kind, pattern))
        return {word: tuple(entries) for word, entries in index.items()}


class Reading:
    """One normalised text, read for its cues; each kind of cue is looked up at most once.

    What is asked of a phrase may cost no more in a longer text: there are as many phrases as words.
    """

    def __init__(self, text: Text, grammar: Grammar) -> None:
        self.text = text
        self.places: dict[str, list[int]] = {}
        for index, word in enumerate(text.words):
            self.places.setdefault(word, []).append(index)
            if word[0].isdigit():
                self.places.setdefault(NUMBER, []).append(index)
        self._grammar = grammar
        self._candidates: dict[str, dict[int, Pattern]] | None = None
        self._found: dict[str, list[tuple[int, int]]] = {}
        self._covered: dict[str, frozenset[int]] = {}
        self._begun: dict[str, list[int]] = {}

    def matches(self, pattern: Pattern) -> list[tuple[int, int]]:
        """Word ranges where the pattern stands."""
        return [] if pattern.anchors.isdisjoint(self.places) else self.places_of(pattern)

    def places_of(self, pattern: Pattern) -> list[tuple[int, int]]:
        """The same for a pattern one of whose anchors is known to be there."""
        text = self.text
        return [
            (text.word_at(start), text.word_at(end - 1) + 1)
            for start, end in pattern.matches(text.joined, text.at, self.places)
        ]

    def is_all(self, first: int, last: int) -> bool:
        """Do these words make up the whole text, save punctuation and small talk around them?"""
        begin, end = self._core
        return begin >= end or (first <= begin and end <= last)

    @cached_property
    def _core(self) -> tuple[int, int]:
        """From the first to the last word that is neither punctuation nor small talk."""
        quiet = PUNCTUATION | self._grammar.words["small_talk"]
        loud = [index for index, word in enumerate(self.text.words) if word not in quiet]
        return (loud[0], loud[-1] + 1) if loud else (0, 0)

    def judge(self, first: int, last: int) -> frozenset[str]:
        """The axes that hold for the phrase in words ``first`` up to, not including, ``last``."""
        held = (
            ("idiom", any(index in self._cover("idiom") for index in range(first, last))),
            ("denied", self._denied(first, last)),
            ("past", self._past(first, last)),
            ("settled", self._settled("settled", first, last)),
            ("expected", self._expected(first, last)),
            ("narrated", self._narrated(first, last)),
            ("other", self._other(first, last)),
            ("advice", self._advice(first, last)),
            ("supposed", self._supposed(first, last)),
            ("imagery", self._imagery(first, last)),
            ("fiction", self._fiction(first, last)),
            ("joking", self._joking(first, last)),
        )
        return frozenset(axis for axis, holds in held if holds)

    # --- cues -------------------------------------------------------------------------------

    def _cues(self, kind: str) -> list[tuple[int, int]]:
        if kind not in self._found:
            if self._candidates is None:
                self._candidates = {kind: {} for kind in self._grammar.cues}
                for word in self.places:
                    for cue, pattern in self._grammar.index.get(word, ()):
                        self._candidates[cue][id(pattern)] = pattern
            patterns = self._candidates[kind].values()
            self._found[kind] = sorted(s for p in patterns for s in self.places_of(p))
        return self._found[kind]

    def _cover(self, kind: str) -> frozenset[int]:
        if kind not in self._covered:
            spans = self._cues(kind)
            words = frozenset(i for first, last in spans for i in range(first, last))
            # "I am better now" does not say that it is so now.
            but = f"{kind}_not"
            self._covered[kind] = words - self._cover(but) if but in CUES else words
        return self._covered[kind]

    def _next(self, kind: str, first: int) -> int | None:
        """Where the first such cue from this word on begins."""
        starts = self._starts(kind)
        at = bisect_left(starts, first)
        return starts[at] if at < len(starts) else None

    def _starts(self, kind: str) -> list[int]:
        """Where such cues begin, save those that another cue shows to mean something else."""
        if kind not in self._begun:
            cover = self._cover(kind)
            self._begun[kind] = [first for first, _ in self._cues(kind) if first in cover]
        return self._begun[kind]

    def _begins(self, kind: str, first: int, last: int) -> bool:
        """Does such a cue begin with one of these words, ``last`` among them?"""
        found = self._next(kind, first)
        return found is not None and found <= last

    @cached_property
    def _reported(self) -> frozenset[int]:
        return frozenset(end for _, end in self._cues("reported"))

    def _near(self, kind: str, first: int, last: int, before: int = 0) -> bool:
        """Is there such a cue in this sentence (or up to ``before`` sentences earlier)?"""
        cover = self._cover(kind)
        if not cover:
            return False
        sentence = self.text.sentence
        low, high = max(first - _WINDOW, 0), min(last + _WINDOW, len(sentence))
        return any(
            i in cover and sentence[first] - before <= sentence[i] <= sentence[first]
            for i in range(low, high)
        )

    def _is(self, index: int, kind: str) -> bool:
        words = self.text.words
        return 0 <= index < len(words) and words[index] in self._grammar.words[kind]

    def _has(self, first: int, last: int, kind: str) -> bool:
        wanted = self._grammar.words[kind]
        return any(word in wanted for word in self.text.words[max(first, 0) : last])

    # --- axes -------------------------------------------------------------------------------

    def _denied(self, first: int, last: int) -> bool:
        words = self.text.words
        pseudo = self._cover("pseudo")
        negators = 0
        for index in range(first - 1, max(first - 14, -1), -1):
            word = words[index]
            if index in pseudo:
                return False
            # "I have nobody and I am going to ...": another clause begins.
            if word in PUNCTUATION or (
                self._is(index, "joiners") and self._is(index + 1, "first_person")
            ):
                break
            if self._is(index, "negators"):
                # "no i want ..." answers a question; "no" negates only what it stands before.
                if not (self._is(index, "plain_no") and self._is(index + 1, "not_denied")):
                    negators += 1
            elif not self._is(index, "light"):
                break
        if negators % 2:
            return not self._begins("meant_after_all", last, last + 1)
        if negators:
            return False
        if self._begins("denied_after", last, last + 1):
            return True
        # "Suicidal thoughts? No."
        return words[last : last + 1] in (["?"], [":"]) and self._is(last + 1, "plain_no")

    def _past(self, first: int, last: int) -> bool:
        if not self._near("past", first, last) or self._near("present", first, last):
            return False
        return not self._is_present(first, last)

    def _settled(self, kind: str, first: int, last: int) -> bool:
        return self._near(kind, first, last) and not self._near("unsettled", first, last)

    def _expected(self, first: int, last: int) -> bool:
        settled = self._settled("expected", first, last)
        return settled and not self._near("unexpected", first, last)

    def _narrated(self, first: int, last: int) -> bool:
        if not self._is_tale:
            return False
        begin, end = self._sentence(first, last)
        if self._has(begin, end, "still_so"):
            return False
        ends = tuple(self._grammar.words["told_ends"])
        return self._has(begin, end, "told_forms") or any(
            len(word) > _SHORT and word.endswith(ends) for word in self.text.words[begin:end]
        )

    @cached_property
    def _is_tale(self) -> bool:
        words = self.text.words
        if not words or self.text.sentence[-1] + 1 < _TALE_SENTENCES:
            return False
        return sum(word not in PUNCTUATION for word in words) >= _TALE_WORDS

    def _sentence(self, first: int, last: int) -> tuple[int, int]:
        """The words of the sentence, or sentences, that a phrase stands in."""
        sentence = self.text.sentence
        low, high = max(first - _SENTENCE, 0), min(last + _SENTENCE, len(sentence))
        begin, end = first, last
        while begin > low and sentence[begin - 1] == sentence[first]:
            begin -= 1
        while end < high and sentence[end] == sentence[last - 1]:
            end += 1
        return begin, end

    def _is_present(self, first: int, last: int) -> bool:
        begin = first
        while begin > max(first - 3, 0) and self.text.words[begin - 1] not in PUNCTUATION:
            begin -= 1
        if self._has(begin, last, "past_forms"):
            return False
        return self._has(max(begin, first - 2), last, "present_forms")

    def _other(self, first: int, last: int) -> bool:
        if self._has(first, last, "first_person"):
            ends = self._reported
            at = first
            words = self.text.words
            for _ in range(5):
                if at in ends:
                    return True
                if at > 0 and words[at - 1] in _BETWEEN:
                    at -= 1
            return at in ends
        if self._begins("other_after", last, last + 1):
            return True
        third = self._cover("third")
        sentence = self.text.sentence
        for index in range(first - 1, max(first - 12, -1), -1):
            if sentence[index] != sentence[first] or self.text.words[index] in ",;:":
                return False
            # Kin first: in "my brother" the "my" does not make it the patient.
            if index in third or self._is(index, "second_person"):
                return True
            if self._is(index, "first_person"):
                return False
        return False

    def _advice(self, first: int, last: int) -> bool:
        """A message for somebody else, in a sentence in which nobody speaks of themselves.

        "Made the noose" leaves out an "I": the sentence must name somebody else.
        """
        if len(self._cues("advice")) < _ADVICE or not self._speaks_to_somebody:
            return False
        begin, end = self._sentence(first, last)
        if self._has(begin, end, "first_person"):
            return False
        third = self._cover("third")
        return any(at in third or self._is(at, "second_person") for at in range(begin, end))

    @cached_property
    def _speaks_to_somebody(self) -> bool:
        """More than of itself."""
        own, you = (
            sum(len(self.places.get(word, ())) for word in self._grammar.words[kind])
            for kind in ("first_person", "second_person")
        )
        return you > own

    def _supposed(self, first: int, last: int) -> bool:
        if self._begins("supposed_after", last, last + 2):
            return True
        cover = self._cover("supposed")
        words = self.text.words
        for index in range(first - 1, max(first - 9, -1), -1):
            if words[index] in PUNCTUATION:
                return False
            if index in cover:
                return True
        return first in cover

    def _imagery(self, first: int, last: int) -> bool:
        if self._is_present(first, last) or not self._near("imagery", first, last, before=1):
            return False
        sentence = self.text.sentence
        here = sentence[first]
        next_one = self._next("waking", bisect_left(sentence, here))
        if next_one is None or sentence[next_one] > here + _WAKING_REACH:
            return True
        dashes = self.places.get("-", [])
        dash = bisect_left(dashes, last)
        # Another item of a list is about something else.
        return dash < len(dashes) and dashes[dash] < next_one

    def _fiction(self, first: int, last: int) -> bool:
        return not self._has(first, last, "first_person") and self._near("fiction", first, last)

    def _joking(self, first: int, last: int) -> bool:
        words = self.text.words
        for index in range(max(first - 4, 0), min(last + 12, len(words))):
            # "not joking" is no laughter.
            if self._is(index, "laughter") and index not in self._cover("pseudo"):
                return True
            if index >= last + 3 and words[index] in SENTENCE_ENDS:
                return False
        return False
