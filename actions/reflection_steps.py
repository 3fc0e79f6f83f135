"""What the reflection asks, in which order, and how typed words are read: data for reflection.py.

``STEPS`` is the reflection: one line a question, with the sentence ``reflection.<step>`` in
data/content/en/reflection.yml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actions.turn import Turn

Answer = dict[str, Any]
Answers = Mapping[str, Answer]

MAX_TEXT = 20_000
#: From here on the questions pause for grounding, and a person is offered (domain.md 5.3).
HIGH_DISTRESS = 7


@dataclass(frozen=True)
class Step:
    """One question. ``takes`` says how an answer is read, ``when`` whether it is asked at all."""

    name: str
    takes: str = "words"
    when: Callable[[Answers, Turn], bool] = lambda answers, turn: True
    #: "Nothing happened" opens the quiet branch here.
    may_be_nothing: bool = False
    #: A greeting or thanks is an answer here ("one kind line": "thank you").
    any_words: bool = False
    #: Part of the entry the patient keeps.
    kept: bool = True


def value(answers: Answers, name: str) -> Any:
    return (answers.get(name) or {}).get("value")


def _nothing(answers: Answers, turn: Turn) -> bool:
    return value(answers, "tone") == "nothing"


def _something(answers: Answers, turn: Turn) -> bool:
    return not _nothing(answers, turn)


def _was_hard(answers: Answers, turn: Turn) -> bool:
    return value(answers, "tone") in ("hard", "mixed")


def _is_high(answers: Answers, turn: Turn) -> bool:
    return _was_hard(answers, turn) and (value(answers, "distress") or 0) >= HIGH_DISTRESS


def _may_decide(answers: Answers, turn: Turn) -> bool:
    # No choice about who reads what on the day of an infusion (domain.md R09).
    return turn.stage != "evening"


STEPS = (
    Step("body", takes="body"),
    Step("unwell", when=lambda answers, turn: value(answers, "body") == "unwell"),
    Step("image", may_be_nothing=True, any_words=True),
    Step("stayed", when=_something, may_be_nothing=True),
    Step("noticed", when=_nothing),
    Step("expected", when=_something, may_be_nothing=True),
    Step("hoped", when=_nothing),
    Step("tone", takes="tone", when=_something, may_be_nothing=True),
    Step("pointing", when=_something),
    Step("sits", when=_nothing),
    Step("kind", any_words=True),
    Step("distress", takes="number", when=_was_hard),
    Step("after", takes="number", when=_is_high),
    Step("person", takes="offer", when=_is_high, kept=False),
    Step("recap", takes="recap"),
    Step(
        "which",
        takes="which",
        when=lambda answers, turn: value(answers, "recap") == "change",
        kept=False,
    ),
    Step("sharing", takes="sharing", when=_may_decide, kept=False),
)
BY_NAME = {step.name: step for step in STEPS}
#: Quoted in the recap, in this order.
RECAP = ("image", "stayed", "noticed", "expected", "hoped", "pointing", "sits", "kind")

#: Measured besides being part of the entry: these make the check-in.
CHECKED = ("body", "unwell", "tone", "distress", "after")

STARTS = ("start_reflection", "resume_reflection", "start_fresh")
QUESTIONS = (
    "ask_are_you_human",
    "ask_who_reads",
    "ask_privacy_delete_export",
    "ask_is_this_normal",
    "ask_medication",
    "ask_dose",
    "ask_driving",
    "ask_grounding",
    "ask_breathing",
)
COMMANDS = (
    *STARTS,
    *QUESTIONS,
    "skip",
    "stop_for_now",
    "go_back_correct",
    "dont_know",
    "talk_to_human",
    "open",
    "goodbye",
    "greet",
    "thanks",
    "nothing_happened",
)
#: A typed command is short and sure. Anything longer is the patient's story.
COMMAND_WORDS = 8
QUESTION_WORDS = 20
SURE = 0.5
STORY = re.compile(
    r"\b(was|were|wanted|felt|saw|had|went|came|dreamed|dreamt|told|said|talked|walked|flew"
    r"|skipped|stopped|passed|thought|knew|heard|kept|held|met|became|dream|vision)\b",
    re.IGNORECASE,
)
ASKING = re.compile(
    r"\?\s*$|^(who|what|when|where|why|how|is|are|am|can|could|do|does|will|would|should|may)\b",
    re.IGNORECASE,
)
#: A line that carries on from the last one rather than answering the next question.
MORE = re.compile(r"^\s*(and|also|oh and|plus|i mean|or rather|\.\.\.|…)\b", re.IGNORECASE)
#: Typed like a program's command, so certainly not meant as one of ours.
SLASHED = re.compile(r"^[^\w\s]*[/／]")
#: Nobody reads a question and answers it this fast. Equal times say nothing about pace.
FAST_SECONDS = 3

TONES = (
    ("nothing", r"nothing|neither|none|neutral|not much|blank"),
    ("mixed", r"both|mixed|mix of|bit of each|hard .*peace|peace.* hard"),
    ("hard", r"hard|difficult|rough|scary|scared|heavy|intense|painful|awful|bad|tough"),
    ("peaceful", r"peace|calm|gentle|soft|nice|good|quiet|light|easy|beautiful"),
)
KEEP_PRIVATE = re.compile(r"\b(private|only me|just me|myself|no|not|don'?t|never)\b", re.I)
SHARE = re.compile(r"\b(share|shared|therapist|yes|both|they can|show)\b", re.I)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBER = re.compile(rf"(?<![\d.])(10|\d)(?![\d])|\b({'|'.join(NUMBERS)})\b", re.IGNORECASE)
WHICH = {
    "body": r"body",
    "image": r"word|image|picture|first",
    "stayed": r"stay|mind",
    "expected": r"expect",
    "tone": r"hard|peace",
    "pointing": r"point|guess|mean",
    "noticed": r"notice",
    "hoped": r"hope",
    "kind": r"kind|line",
}
