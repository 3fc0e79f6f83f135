"""Questionnaires: offered when due, one tap a question, left and taken up at will.

The edge keeps and weighs the answers (clinic/conversation/measuring.py) and says which measures are
due; here only the next question is chosen. Scores are not shown: numbers on a bad day help nobody,
and the team reads them.
"""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import safety, safety_screen
from actions.conversation import Companion
from actions.memory import Memory
from actions.turn import Turn, say
from bot import measures
from bot.content import question
from bot.risk.levels import Level
from bot.screener import SCREENER

LEAVES = ("stop_for_now", "goodbye", "skip", "deny", "dont_know")


class Measure(Companion):
    """A questionnaire begins, goes on, or is left."""

    def name(self) -> str:
        return "action_measure"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        if Level.of(turn.risk["level"]) > Level.none:
            # An answer that worries (domain.md 3.3): from here on it is the safety conversation.
            safety.respond(dispatcher, turn)
        elif turn.intent == "measure_start" or turn.measure is None:
            begin(dispatcher, turn)
        else:
            go_on(dispatcher, turn, Memory.of(tracker))


def begin(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Start, or go on with, the first that is due."""
    due = turn.context.get("due_measures")
    if not due:
        say(dispatcher, turn, "measures.none_due")
        return
    if not turn.said_lately("measures.begin"):
        say(dispatcher, turn, "measures.begin")
    _ask(dispatcher, turn, due[0])


def go_on(dispatcher: CollectingDispatcher, turn: Turn, memory: Memory) -> None:
    """The next question, the next measure, or the end; a wish to leave is granted."""
    name, item = turn.measure or ("", "")
    taken = (turn.context.get("measures") or {}).get(name) or {}
    if item not in taken.get("answers", {}):
        _no_answer(dispatcher, turn, question(name, item))
    elif name in safety_screen.MEASURE.values():
        safety_screen.go_on(dispatcher, turn, name)
    elif taken["state"] == "draft":
        _ask(dispatcher, turn, name)
    elif due := [other for other in turn.context.get("due_measures") or () if other != name]:
        _ask(dispatcher, turn, due[0])
    elif flow := memory.to_offer(turn):
        say(dispatcher, turn, "measures.thanks")
        say(dispatcher, turn, flow.offer or f"{flow.name}.offer")
    else:
        say(dispatcher, turn, "measures.done")


def _no_answer(dispatcher: CollectingDispatcher, turn: Turn, asked: str) -> None:
    """Asked for once more, and then let be."""
    if turn.intent in LEAVES or turn.said_lately("measures.again"):
        say(dispatcher, turn, "measures.stopped")
    else:
        say(dispatcher, turn, "measures.again")
        say(dispatcher, turn, asked)


def _ask(dispatcher: CollectingDispatcher, turn: Turn, name: str) -> None:
    if name == SCREENER:
        safety_screen.go_on(dispatcher, turn, name)
        return
    taken = (turn.context.get("measures") or {}).get(name) or {}
    answers = taken["answers"] if taken.get("state") == "draft" else {}
    item = measures.next_item(measures.measures()[name], answers)
    if item is not None:
        say(dispatcher, turn, question(name, item.id))
