"""What holds for any text at all."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.risk import Level, State, assess, next_level, next_state, ruleset
from bot.risk.assertion import Reading

PIECES = [
    "I want to kill myself",
    "I died in there and it was peaceful",
    "not",
    "never",
    "lol",
    "my friend",
    "years ago",
    "no chest pain",
    "the song",
    "I feel sad",
    "k!ll",
    "su icide",
    "🔫",
    "\u200b",
    "didn't",
    ".",
    ",",
    "?",
    '"',
    "- ",
    "\n",
]
#: Every other word begins a phrase or a cue.
MANY_PHRASES = (
    "🔫💊",
    "i have a gun and pills ",
    "kms. i catch the bus home. ",
    "i want to die not really. ",
    "in there i died i want that for real ",
    "she said i want to die, ",
    "i want to die if it does not work, not that i would ",
)
TALK = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=14).map(" ".join)


@given(st.text(max_size=400) | TALK)
@example("\ud800 kill \udfff")
@example("\x00\x1b[31m" * 50)
@example("İ" * 40)
@example("((((((((" * 100)
def test_it_never_fails(text: str) -> None:
    result = assess(text)
    assert not result.unscreened
    for item in result.evidence:
        assert 0 <= item.start < item.end <= len(text)


@given(TALK)
@settings(max_examples=200)
def test_adding_an_explicit_sentence_never_lowers(text: str) -> None:
    before = assess(text).level
    after = assess(text + "\n\nI feel very bad. I want to kill myself. That is how it is.").level
    assert after >= max(before, Level.urgent)


@given(TALK, st.sampled_from([" ", "\n", "\r\n", "  ", "\t", "\n\n", "\u00a0"]))
def test_rewrapping_changes_nothing(text: str, blank: str) -> None:
    plain = re.sub(r"\s+", " ", text)
    wrapped = re.sub(r"\s+", lambda _: blank, text)
    assert assess(wrapped).level == assess(plain).level
    assert assess(wrapped).categories == assess(plain).categories


@given(st.lists(TALK, min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_conversation_never_falls(messages: list[str]) -> None:
    state = State()
    for message in messages:
        result = assess(message, state)
        assert result.conversation_level >= result.level
        assert next_level(state, result) >= state.level
        after = next_state(state, result, message)
        assert after.level >= state.level
        state = after


def test_long_text_takes_bounded_time() -> None:
    """Not a benchmark: far above what is needed, far below what a runaway pattern would take."""
    for text in (
        "I felt the garden and then we walked home slowly. " * 2_000,
        "i want to " * 10_000,
        "a" * 100_000,
        "k i l l " * 12_500,
        "not never no " * 7_700,
        "!" * 100_000,
        "é" * 100_000,
        *(part * (50_000 // len(part)) for part in MANY_PHRASES),
    ):
        begin = time.perf_counter()
        assert not assess(text).unscreened
        assert time.perf_counter() - begin < 15, text[:20]


@pytest.mark.parametrize("part", MANY_PHRASES)
def test_twice_the_text_is_twice_the_work(part: str) -> None:
    """However many of its words are phrases or cues: counted in steps of Python, not in seconds."""
    assess(part * 10)  # patterns compiled, words remembered
    assert _steps(part * 200) < 2.2 * _steps(part * 100)


def test_judging_a_phrase_reads_no_more_of_a_longer_text() -> None:
    """What is copied takes no steps of Python: counted in words."""
    touched = []
    for size in (200, 400):
        text = ruleset().normalise("🔫💊" * size)
        text.words = words = _Counted(text.words)
        reading = Reading(text, ruleset().grammar)
        for index in range(0, 400, 2):
            reading.is_all(index, index + 1)
            reading.judge(index, index + 1)
        touched.append(words.touched - len(words))
    assert touched[1] < 1.2 * touched[0]


class _Counted(list[str]):
    """Counts how many words are read of it."""

    touched = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.touched += len(found) if isinstance(index, slice) else 1
        return found

    def __iter__(self) -> Iterator[str]:
        self.touched += len(self)
        return super().__iter__()


def _steps(text: str) -> int:
    steps = 0

    def count(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal steps
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        steps += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        assess(text)
    finally:
        sys.settrace(before)
    return steps


def test_one_clause_counts_at_the_end_of_a_very_long_entry() -> None:
    entry = "We planted beans and it rained a little. " * 2_000
    result = assess(entry + "I am going to kill myself tonight. " + "Then we had tea. " * 50)
    assert result.level is Level.emergency
    worst = result.evidence[0]
    assert len(entry) <= worst.start
