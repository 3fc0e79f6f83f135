"""What is said when words show risk. The edge has alerted people; this stays with the person.

Watch: ask directly, once. Urgent and emergency: the edge has shown the card, so this adds one
next step. Nothing is said twice in a row, and nothing here ends the conversation.
"""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn, read, say, task
from bot import risk
from bot.risk.levels import Assessment, Context, Level, failed

MEDICAL = {"medical", "substance"}
OTHERS = {"abuse", "harm_to_others"}

ASK_FIRST = {"medical": "safety.ask_medical", "others": "safety.ask_safe", "self": "safety.ask"}
QUESTIONS = tuple(ASK_FIRST.values())
THEN = ("safety.ask_after", "safety.ask_open")
STAY = ("safety.stay", "safety.stay_company", "safety.stay_distance", "safety.stay_open")
STAY_MEDICAL = ("safety.stay_medical", "safety.stay_medical_again")
STAY_SAME_DAY = ("safety.stay_same_day", "safety.stay_same_day_again")


class Safety(Action):
    def name(self) -> str:
        return "action_safety"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        turn = read(tracker)
        told = Level.of(turn.risk["level"])
        own = _assess(turn) if told < Level.urgent else failed()
        level = max(told, own.level) if told < Level.urgent else told
        about = _about(set(turn.risk.get("categories") or ()) or set(own.categories))
        if level < Level.urgent <= lasting(turn):
            still_here(dispatcher, turn)
            return []
        if told < Level.urgent <= level:
            # The edge saw less than this, so it has shown no card.
            say(dispatcher, turn, "safety.card_medical" if about == "medical" else "safety.card")
        say(dispatcher, turn, _next(_steps(level, about), turn.shown))
        return []


class SafetyAnswer(Action):
    def name(self) -> str:
        return "action_safety_answer"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        turn = read(tracker)
        answered(dispatcher, turn, turn.payload.get("answer", "not_sure"))
        return []


def answered(dispatcher: CollectingDispatcher, turn: Turn, answer: str) -> None:
    """Say what follows an answer to a safety question. Only a plain no is a no."""
    medical = "medical" in (turn.payload.get("about"), turn.asked.removeprefix("safety.ask_"))
    ending = "_medical" if medical else ""
    if answer == "no":
        say(dispatcher, turn, f"safety.no_next{ending}")
        return
    if turn.kind == "text":
        # A tap raises the risk by itself; a typed answer reaches a person this way.
        task(dispatcher, turn, "human_request", "urgent")
    say(dispatcher, turn, f"safety.yes_next{ending}")


def lasting(turn: Turn) -> Level:
    """The level the conversation carries until a human has closed the alert."""
    return Level.of(turn.risk.get("conversation_level", "none"))


def open_question(turn: Turn) -> bool:
    """Whether the direct question stands there unanswered: small talk does not pass over it."""
    return lasting(turn) == Level.watch and turn.asked in (*QUESTIONS, *THEN)


def still_here(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Ordinary words while an alert is open: nothing is forgotten, and one next step."""
    about = _about(set(turn.risk.get("categories") or ()))
    first = "safety.still_here_medical" if about == "medical" else "safety.still_here"
    say(dispatcher, turn, _next((first, *_steps(lasting(turn), about)), turn.shown))


def ask_on(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """The next way of asking, after words that were no answer."""
    about = _about(set(turn.risk.get("categories") or ()))
    say(dispatcher, turn, _next(_steps(Level.watch, about), turn.shown))


def _assess(turn: Turn) -> Assessment:
    try:
        where = Context(turn.context["hours_since_infusion"], turn.stage)
        return risk.assess(turn.text, context=where)
    except Exception:
        return failed()


def _about(categories: set[str]) -> str:
    if categories & MEDICAL and not categories - MEDICAL:
        return "medical"
    return "others" if categories and not categories - OTHERS else "self"


def _steps(level: Level, about: str) -> tuple[str, ...]:
    if level < Level.urgent:
        return (ASK_FIRST[about], *THEN)
    if about != "medical":
        return STAY
    return STAY_MEDICAL if level >= Level.emergency else STAY_SAME_DAY


def _next(steps: tuple[str, ...], shown: tuple[str, ...]) -> str:
    """The first step not said yet; when all were, the one said longest ago."""
    said = [name.split("#")[0] for name in shown]
    last = {step: len(said) - 1 - said[::-1].index(step) for step in steps if step in said}
    return min(steps, key=lambda step: last.get(step, -1))
