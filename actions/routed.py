"""What goes on the clinic's list, besides being answered as far as a program may."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn, say, task
from bot.heard import DIAGNOSIS, DOSE, MEDICATION, MEMORY

TASKS = {
    MEDICATION: "medication",
    DOSE: "medication",
    "ask_schedule_boosters": "schedule",
    "report_fading": "question",
    DIAGNOSIS: "question",
    MEMORY: "therapist",
    "ask_therapist_or_support": "therapist",
    "under_age": "under_age",
    "someone_else": "other",
    "other_language": "human_request",
    "ask_privacy_delete_export": "other",
    "ask_is_this_normal": "other",
    "report_side_effect": "other",
}
#: Never lost, whatever else is going on: an open alert, a question of a form, a long answer.
ALWAYS = (MEDICATION, DOSE)


def pass_on(dispatcher: CollectingDispatcher, turn: Turn, asked: str) -> None:
    """Put what was asked on the clinic's list, when it belongs there."""
    if asked in TASKS:
        task(dispatcher, turn, TASKS[asked])


def beside(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """A question about a medicine that came into something else: passed on, and said so."""
    if turn.typed and turn.wish in ALWAYS:
        pass_on(dispatcher, turn, turn.wish)
        say(dispatcher, turn, "conversation.passed_on")
