"""How typed words are read while a question is open: a command, a question, or the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from actions import ago
from actions.turn import Turn
from bot.conditions import Answers
from bot.flows import Flow, Step

MAX_TEXT = 20_000
#: Kinds of answers that are a number.
COUNTED = ("number", "hours_ago")
#: A recap quotes this many answers.
RECAP_QUOTES = 5
COMMANDS = (
    "resume_reflection",
    "start_fresh",
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
    "not_following",
)
#: Intents of exercises that leave the open question where it is.
EXERCISES = ("ask_grounding", "ask_breathing", "ask_relaxing")
WISH = re.compile(r"\?\s*$|\b(need|want|can|could|please|pls|show|give|help me|let'?s|now)\b", re.I)
#: Typed, these may change to another dialogue. Others begin by a tap alone: "I want to quit my job"
#: and "I'm afraid of needles" are answers.
SWITCHES = ("start_reflection", "write_journal", "pause_program")
#: A pause is asked for when it is about us. "I don't want to do this any more" ends the dialogue
#: that runs, and "I stop answering the phone" is an answer.
ALL_THIS = re.compile(r"\bthis\b|\ball of it\b", re.IGNORECASE)
ABOUT_US = re.compile(
    r"\b(messag|text|writ|contact|remind|visit|come by|coming by|notif|unsubscri|program|check on)",
    re.IGNORECASE,
)
#: Not about the question, answered in a line; then the question is asked again.
ASIDES = ("insult", "under_age", "someone_else", "other_language")
#: A typed command is short and sure. Anything longer is the patient's story.
COMMAND_WORDS = 8
QUESTION_WORDS = 20
SURE = 0.5
#: A greeting or thanks is shorter still: "I get up in the morning" is an answer, and so is "how we
#: go on from here".
SMALL_TALK = ("open", "goodbye", "greet", "thanks", "not_following", "resume_reflection")
SMALL_TALK_WORDS = 4
#: "To sleep" is an answer as often as a goodbye: what would end or skip has to be plain, and still
#: plainer where any words are welcome ("let it pass").
PLAIN, PLAINER = 0.7, 0.85
STORY = re.compile(
    r"\b(was|were|wanted|felt|saw|had|went|came|dreamed|dreamt|told|said|talked|walked|flew"
    r"|skipped|stopped|passed|thought|knew|heard|kept|held|met|became|dream|vision)\b",
    re.IGNORECASE,
)
#: "You did enough today", where a kind line is asked for.
KIND_LINE = re.compile(r"^(you|your|may you)\b", re.IGNORECASE)
#: "Call Ana", where somebody says what they would do: their own people, not ours.
OWN_PEOPLE = re.compile(
    r"^(i'?d |i'?ll |i would |i will )?(call|text|phone|ring|ask|message|see|visit|tell|write to)"
    r" (?!(a|an|any|some|someone|somebody|anyone|the|for|me|us|staff)\b"
    r"|my (care )?(team|clinic|nurse|doctor)\b)",
    re.IGNORECASE,
)
ASKING = re.compile(
    r"\?\s*$|^(who|what|when|where|why|how|is|are|am|can|could|do|does|will|would|should|may)\b",
    re.IGNORECASE,
)
#: A line that carries on from the last one rather than answering the next question.
MORE = re.compile(r"^\s*(and|also|oh and|plus|i mean|or rather|\.\.\.|…)\b", re.IGNORECASE)
#: What takes an earlier answer back, and how the old one is named on the way.
CORRECTION = re.compile(
    r"^\s*(actually|wait|hold on|no,? wait|oh,? wait|no,? i meant?|i meant|correction|scratch that"
    r"|sorry,? (i meant|it was|no)|(hmm|well|no|oh),? actually)\b",
    re.IGNORECASE,
)
TAKEN_BACK = re.compile(
    r"\b(i|i've|i have) (said|wrote|put|tapped|chose)\b.{0,40}?\b(but|though|and)\b"
    r"|\b(not|wasn'?t|isn'?t|never)( (really|so|very|that|at all))* \w+",
    re.IGNORECASE,
)
#: Typed like a program's command, so certainly not meant as one of ours.
SLASHED = re.compile(r"^[^\w\s]*[/／]")
#: Nobody reads a question and answers it this fast. Equal times say nothing about pace.
FAST_SECONDS = 3

KEEP_PRIVATE = re.compile(r"\b(private|only me|just me|myself|no|not|don'?t|never)\b", re.I)
SHARE = re.compile(r"\b(share|shared|therapist|yes|both|they can|show)\b", re.I)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBER = re.compile(rf"(?<![\d.])(\d\d?)(?![\d])|\b({'|'.join(NUMBERS)})\b", re.IGNORECASE)
#: Yes and no as answers to a plain question, besides the intents.
YES = re.compile(r"^(y|yes|yeah|yep|yup|sure|i do|i am|i did|i have|of course|a bit|some)\b", re.I)
NO = re.compile(r"^(n|no|nope|nah|not|none|never|i don'?t|i'?m not|i haven'?t|i didn'?t)\b", re.I)


def command(turn: Turn, step: Step, flow: Flow) -> str | None:
    """The command this turn gives, None when it is an answer to ``step``."""
    own = turn.kind == "text" and turn.intent in flow.intents
    if own and flow.seed and step.takes == "words":
        # What begins this dialogue is an answer where any words are.
        return None
    if turn.kind == "choice":
        return None if turn.intent in ("tell", "affirm", "deny") else turn.intent
    if not turn.text:
        return "empty"
    if turn.confidence < (PLAINER if step.any_words else SURE) or SLASHED.match(turn.text):
        return None
    if step.takes in COUNTED and amounts(turn, step):
        return None
    words = len(turn.text.split())
    if turn.intent in EXERCISES:
        return turn.intent if _wishes(turn, step, words) else None
    if is_question(turn):
        return turn.intent if _asks(turn, step, words) else None
    most = SMALL_TALK_WORDS if turn.intent in SMALL_TALK else COMMAND_WORDS
    if (
        turn.intent not in COMMANDS + SWITCHES + ASIDES
        or turn.confidence < PLAIN
        or words > most
        or STORY.search(turn.text)
        or (step.any_words and KIND_LINE.match(turn.text))
    ):
        return None
    if turn.intent == "pause_program" and not ABOUT_US.search(turn.text):
        return "stop_for_now" if ALL_THIS.search(turn.text) else None
    if turn.intent == "talk_to_human" and step.takes == "words" and OWN_PEOPLE.match(turn.text):
        return None
    if turn.intent == "nothing_happened":
        return turn.intent if step.may_be_nothing else None
    if turn.intent in ("greet", "thanks", "goodbye") and step.any_words:
        return None
    return turn.intent


def _asks(turn: Turn, step: Step, words: int) -> bool:
    """Whether words that may be a question are one here, and no answer."""
    if step.record == "team_question":
        # A question is what was asked for: it goes to the team.
        return False
    if turn.heard or ASKING.search(turn.text):
        return words <= QUESTION_WORDS
    # "Private", where somebody decides who reads it, asks nothing.
    if step.takes == "sharing" and sharing(turn) is not None:
        return False
    if step.takes == "choice" and choice(turn, step) is not None:
        return False
    # "The open window" is an answer where any words are; elsewhere "wine tonight" asks.
    return words <= 4 and step.takes != "words"


def _wishes(turn: Turn, step: Step, words: int) -> bool:
    """Whether an exercise is asked for. "Deep breathing" is what helps somebody, where that is
    the question."""
    if words > COMMAND_WORDS or turn.confidence < PLAIN or STORY.search(turn.text):
        return False
    return step.takes != "words" or bool(WISH.search(turn.text))


def is_question(turn: Turn) -> bool:
    """Whether this asks something that is answered wherever it comes up."""
    return turn.intent.startswith("ask_")


def numbers(text: str, most: int) -> list[int]:
    """The numbers in a text, up to ``most``; "3/10" and "3 out of 10" are a 3."""
    text = re.sub(r"(/|out of)\s*(10|ten)\b", " ", text, flags=re.IGNORECASE)
    found = [int(d) if d else NUMBERS.index(w.lower()) for d, w in NUMBER.findall(text)]
    return [number for number in found if number <= most]


def amounts(turn: Turn, step: Step) -> list[int]:
    """The numbers given to a step that takes one, tapped or typed; none where none is clear."""
    if tapped := turn.payload.get("value"):
        return [int(tapped)]
    if step.takes != "hours_ago":
        return numbers(turn.text, step.most)
    found = ago.hours(turn.text, datetime.fromisoformat(turn.context["now"]), step.most)
    return [] if found is None else [found]


def choice(turn: Turn, step: Step) -> str | None:
    """The value of a choice: tapped, or the first pattern that fits the typed words."""
    tapped = turn.payload.get("value")
    if tapped:
        return tapped
    return next((value for value, words in step.read if words.search(turn.text)), None)


def correction(turn: Turn, flow: Flow, step: Step, answers: Answers) -> tuple[Step, str] | None:
    """The last thing tracked by a choice, and what it is now: "actually no, it was terrible"."""
    before = reversed(flow.steps[: flow.steps.index(step)])
    chosen = (s for s in before if s.track and s.takes == "choice" and s.name in answers)
    last = next(chosen, None)
    if last is None or not turn.typed or not CORRECTION.search(turn.text):
        return None
    words = TAKEN_BACK.sub(" ", turn.text.replace("\u2019", "'"))
    value = next((value for value, pattern in last.read if pattern.search(words)), None)
    here = choice(turn, step) is not None
    return None if here or value in (None, answers[last.name].get("value")) else (last, str(value))


def carries_on(turn: Turn, step: Step, last: Mapping[str, Any] | None) -> bool:
    """Whether this line belongs to the answer before it, as when three come in a row."""
    if turn.kind != "text" or last is None or "text" not in last:
        return False
    if step.takes in COUNTED and amounts(turn, step):
        return False
    seconds = turn.seconds_since_before
    hasty = seconds is not None and 0 < seconds < FAST_SECONDS
    return hasty or bool(MORE.match(turn.text))


def tags(turn: Turn, step: Step) -> list[str]:
    """Every value that was tapped or whose pattern fits the typed words, in the step's order.
    "Nothing" beside something else is a manner of speaking."""
    tapped = turn.payload.get("value")
    if tapped:
        return [tapped]
    found = [value for value, words in step.read if words.search(turn.text)]
    return [value for value in found if value != "nothing"] or found


def decision(turn: Turn, step: Step) -> str | None:
    """Yes or no."""
    said = choice(turn, step) or {"affirm": "yes", "deny": "no"}.get(turn.intent)
    if said is None:
        said = "yes" if YES.match(turn.text) else "no" if NO.match(turn.text) else None
    return said


def sharing(turn: Turn) -> str | None:
    """Private or shared, never guessed."""
    found = turn.payload.get("value")
    if found is None and KEEP_PRIVATE.search(turn.text):
        return "private"
    if found is None and SHARE.search(turn.text):
        return "shared"
    return found if found in ("private", "shared") else None


def quote(text: str, words: int = 6, characters: int = 60) -> str:
    """The first words of a text, on one line."""
    kept = " ".join(text.split()[:words])[:characters].strip()
    return kept if kept == " ".join(text.split()) else f"{kept}…"


def quotes(step: Step, answers: Mapping[str, Mapping[str, Any]]) -> str:
    """At most six of the patient's own words an answer, in quotation marks."""
    texts = [
        answer["text"]
        for name in step.quote
        if (answer := answers.get(name, {})).get("state") == "answered" and answer.get("text")
    ][: RECAP_QUOTES if step.takes == "recap" else 1]
    return ", ".join(f"“{quote(text)}”" for text in texts)
