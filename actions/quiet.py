"""During the infusion and the first two hours: few words, taps, the staff in the room first.

Nothing is answered, nothing decided: what was asked gets one line and goes on a list.

``speak`` answers the whole turn in these stages; the other flows ask it before they say anything.
"""

from __future__ import annotations

import re

from rasa_sdk.executor import CollectingDispatcher

from actions import routed
from actions.reading import ASKING
from actions.turn import SURE, Turn, keep, note, say, task
from bot.heard import DIAGNOSIS, DOSE, MEDICATION, MEMORY

STAGES = ("infusion", "recovery")
FOGGY = re.compile(r"\b(fog|foggy|dizzy|woozy|confused|out of it|unsteady|spinning)\b", re.I)
#: They went before anybody let them go.
LEFT = re.compile(
    r"(^|\bi('ve| have)?( just| already)? )(left|went|walked out|(sneaked|snuck|slipped) out)\b"
    r".{0,25}"
    r"\b(early|too soon|before (they|any(one|body)|the nurse)|without (telling|asking|being)"
    r"|by myself|alone|on my own)\b"
    r"|\bi('ve| have)?( just)? (walked|sneaked|snuck|slipped) out\b"
    r"|\b(nobody|no one) (saw|knows|noticed) me (leave|go)",
    re.IGNORECASE,
)
#: Fear, pain from long ago, a wish for help: a person in the room, and no question of ours.
UNWELL = re.compile(
    r"\b(panic\w*|terrif\w+|frighten\w*|scared|freak\w* out|help me|(calm|settle) (me )?down"
    r"|stop (this|it)|awful|horrible|terrible|unbearable|too much|losing (it|my mind|control)"
    r"|flashbacks?|can'?t (breathe|cope|handle|take (it|this))|something('s| is) wrong"
    r"|not (ok|okay|right|well)|(old|bad|childhood) memor(y|ies)|memor(y|ies) came"
    r"|what happened to me)\b",
    re.IGNORECASE,
)
UNWELL_INTENTS = (
    *("ask_is_this_normal", "report_side_effect", "report_challenging_experience"),
    *("ask_grounding", "ask_breathing", "ask_why_different"),
)
#: What a big decision sounds like, besides its intent.
DECISION = re.compile(
    r"\b(should i|i('m| am)? (want|going|gonna|need|have decided|decided)|i'?ll|i will|let me)\b"
    r".{0,30}\b(quit|resign|divorce|break(ing)? up|leave (my|him|her|them)|sell|buy|propose|marry"
    r"|move out|invest|sign)\b",
    re.IGNORECASE,
)
#: Who reads what, and what is kept: not now.
SHARING = re.compile(
    r"\b(shar(e|es|ed|ing)|consent\w*|permission|settings?|delete|erase|withdraw)\b", re.IGNORECASE
)
#: One line at once, by what was asked. Other questions are for the staff in the room.
LINES = {
    MEDICATION: "team",
    DOSE: "team",
    DIAGNOSIS: "team",
    MEMORY: "team",
    "report_fading": "team",
    "ask_schedule_boosters": "team",
    "ask_therapist_or_support": "team",
    "told_no_ride": "no_ride",
    "ask_driving": "driving",
    "ask_alcohol": "alcohol",
    "ask_privacy_delete_export": "sharing",
    "pause_program": "sharing",
    "park_decision": "decision",
    "ask_who_reads": "readers",
    "ask_are_you_human": "program",
    "under_age": "age",
    "someone_else": "patient",
    "other_language": "language",
}
#: Where any words are an answer, an image of wine or of a car is none of these.
FREE = ("conversation.recovery_word", "conversation.recovery_rest")
IMAGE_WORDS = 3
#: No answers, whatever was asked.
BEGINNINGS = ("open", "greet", "start_reflection", "resume_reflection", "start_fresh")


def speak(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """During the infusion point to the staff; in recovery a stop line where one is due, or the next
    small question."""
    in_row = turn.before.get("stage") == "recovery" and turn.intent not in BEGINNINGS
    answer = ANSWERS.get(turn.asked) if in_row else None
    if turn.stage == "infusion":
        _point_to_the_staff(dispatcher, turn)
    elif turn.typed and (LEFT.search(turn.text) or turn.intent == "told_going_home"):
        _left(dispatcher, turn)
    elif turn.typed and _unwell(turn):
        _call_staff(dispatcher, turn)
    elif turn.typed and (line := _line(turn)):
        _stop(dispatcher, turn, line)
        if answer is not None:
            say(dispatcher, turn, turn.asked)
    elif answer is None:
        say(dispatcher, turn, "conversation.recovery_body")
    elif turn.typed and not turn.text:
        say(dispatcher, turn, turn.asked)
    else:
        answer(dispatcher, turn)


def _plain(turn: Turn) -> bool:
    """Whether the classifier's guess is more than a chance resemblance of an image."""
    long = len(turn.text.split()) > IMAGE_WORDS
    free = turn.asked in FREE and not (long or ASKING.search(turn.text))
    return turn.confidence >= SURE and not free


def _unwell(turn: Turn) -> bool:
    if UNWELL.search(turn.text):
        return True
    # The question about the body has a way of its own.
    of_the_body = turn.asked == "conversation.recovery_body" and FOGGY.search(turn.text)
    return not of_the_body and turn.intent in UNWELL_INTENTS and _plain(turn)


def _line(turn: Turn) -> str | None:
    """The stop line for what was asked; None when it is an answer or small talk."""
    if turn.heard:
        return LINES.get(turn.intent, "ask_staff")
    if turn.asked not in FREE or len(turn.text.split()) > IMAGE_WORDS:
        if DECISION.search(turn.text):
            return "decision"
        if SHARING.search(turn.text) and not ASKING.search(turn.text):
            return "sharing"
    if not _plain(turn):
        return None
    return LINES.get(turn.intent) or ("ask_staff" if turn.intent.startswith("ask_") else None)


def _stop(dispatcher: CollectingDispatcher, turn: Turn, line: str) -> None:
    """Say it, and put on a list what the line says was put there."""
    if line == "decision":
        note(dispatcher, "parked_decision", f"decision-{turn.id}", {"text": turn.text})
    elif line == "sharing":
        task(dispatcher, turn, "other")
    else:
        routed.pass_on(dispatcher, turn, turn.intent)
    say(dispatcher, turn, f"conversation.recovery_{line}")


def _call_staff(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """The staff near them, and the team at once; what was written is kept with the call."""
    task(dispatcher, turn, "human_request", "urgent")
    say(dispatcher, turn, "conversation.recovery_unwell")
    say(dispatcher, turn, "conversation.recovery_staff")


def _point_to_the_staff(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Whatever is written then is for the people in the room, and the team hears of it (Q3)."""
    if turn.kind == "open":
        say(dispatcher, turn, "conversation.infusion_silent")
        return
    task(dispatcher, turn, "human_request", "urgent")
    say(dispatcher, turn, "conversation.infusion_told")


def _after_body(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    body = turn.payload.get("value") or ("foggy" if FOGGY.search(turn.text) else "")
    if body:
        note(dispatcher, "check_in", f"checkin-{turn.id}", {"body": body})
    if body == "sick" or turn.intent == "report_side_effect":
        say(dispatcher, turn, "conversation.recovery_unwell")
    if body in ("foggy", "sick"):
        say(dispatcher, turn, "conversation.recovery_staff")
    else:
        say(dispatcher, turn, "conversation.recovery_ride")


def _after_staff(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Foggy or sick, and nobody of the staff near (A05)."""
    if turn.intent == "deny":
        _left(dispatcher, turn)
    say(dispatcher, turn, "conversation.recovery_ride")


def _left(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    task(dispatcher, turn, "human_request", "urgent")
    say(dispatcher, turn, "conversation.recovery_left")


def _after_ride(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    if turn.intent == "deny":
        task(dispatcher, turn, "ride", "urgent")
        say(dispatcher, turn, "conversation.recovery_no_ride")
    say(dispatcher, turn, "conversation.recovery_word")


def _after_word(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    if turn.kind == "text" and turn.intent != "skip":
        keep(dispatcher, turn)
    say(dispatcher, turn, "conversation.recovery_rest")


ANSWERS = {
    "conversation.recovery_body": _after_body,
    "conversation.recovery_staff": _after_staff,
    "conversation.recovery_ride": _after_ride,
    "conversation.recovery_word": _after_word,
    # Words after the last question are fragments too.
    "conversation.recovery_rest": _after_word,
}
