"""During the infusion and the first two hours: few words, taps, the staff in the room first.

``speak`` answers the whole turn in these stages; the other flows ask it before they say anything.
"""

from __future__ import annotations

import re

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn, keep, note, say, task

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
#: No answers, whatever was asked.
BEGINNINGS = ("open", "greet", "start_reflection", "resume_reflection", "start_fresh")


def speak(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """During the infusion point to the staff; in recovery ask the next small question."""
    if turn.stage == "infusion":
        _point_to_the_staff(dispatcher, turn)
        return
    if turn.kind == "text" and LEFT.search(turn.text):
        _left(dispatcher, turn)
        return
    in_row = turn.before.get("stage") == "recovery" and turn.intent not in BEGINNINGS
    answer = ANSWERS.get(turn.asked) if in_row else None
    if answer is None:
        say(dispatcher, turn, "conversation.recovery_body")
    else:
        answer(dispatcher, turn)


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
    if turn.kind == "text" and turn.text and turn.intent != "skip":
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
