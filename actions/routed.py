"""What goes on the clinic's list, besides being answered as far as a program may."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn, say, task
from bot.flows import Step
from bot.heard import DIAGNOSIS, DOSE, MEDICATION, MEMORY
from bot.stages import IMPAIRED

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
    "report_travel": "schedule",
    # Told in passing, at the stages where it matters (data/policy/heard.yml).
    "told_eating": "fasting",
    "told_drinking": "other",
    "told_no_ride": "ride",
    "told_going_home": "ride",
    "told_sleepless": "question",
}
TOLD = tuple(name for name in TASKS if name.startswith("told_"))
#: Never lost, whatever else is going on: an open alert, a question of a form, a long answer.
ALWAYS = (MEDICATION, DOSE, *TOLD)
#: At once, while the medicine works: somebody is on the street.
AT_ONCE = ("told_no_ride", "told_going_home")


def pass_on(dispatcher: CollectingDispatcher, turn: Turn, intent: str) -> None:
    """Put what was asked or told on the clinic's list, when it belongs there."""
    if intent in TASKS:
        at_once = intent in AT_ONCE and turn.stage in IMPAIRED
        task(dispatcher, turn, TASKS[intent], "urgent" if at_once else "routine")


def told(turn: Turn, step: Step) -> bool:
    """Whether this is for the clinic and no answer to ``step``: "I had 3 beers" is no mood of 3.
    "I ate an hour ago" is one where just that is asked, and the clinic's besides."""
    answers = step.takes in ("words", "hours_ago") or asked(turn, step)
    return turn.heard and turn.intent in TOLD and not answers


def asked(turn: Turn, step: Step) -> bool:
    """Whether ``step`` is about just this, and puts it on the list itself."""
    kind = TASKS.get(turn.intent)
    return any(reaction.task == kind for reaction in step.then.values() if kind)


def beside(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """A medicine, or what the clinic has to know, that came into something else: passed on, and
    said so."""
    if turn.typed and turn.wish in ALWAYS:
        pass_on(dispatcher, turn, turn.wish)
        said = "told" if turn.wish in TOLD else "conversation"
        say(dispatcher, turn, f"{said}.passed_on")
