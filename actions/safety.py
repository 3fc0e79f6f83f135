"""What is said when words show risk. The edge has alerted people; this stays with the person.

Watch: ask directly, once. Urgent and emergency: the edge has shown the card and called people, so
now come the questions of the screener (safety_screen.py), then company, distance, a plan, and
staying. Nothing is said twice in a row, and nothing here ends the conversation.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import routed, safety_plan, safety_screen
from actions.turn import Turn, least_said, read, say, task
from bot import risk
from bot.risk.levels import Assessment, Context, Level, failed
from bot.screener import (
    ASK_DANGER,
    ASK_FRIEND,
    ASK_SELF,
    FRIEND_STEPS,
    MEDICAL,
    about,
    direct,
    helping,
)
from bot.third_person import about_another

ASK_FIRST = {"others": "safety.ask_safe", "self": "safety.ask"}
QUESTIONS = (*ASK_FIRST.values(), ASK_FRIEND, ASK_DANGER, ASK_SELF)
#: A yes to these is no word about the writer's own life.
_OF_DANGER = (ASK_FIRST["others"], ASK_DANGER)
THEN = ("safety.ask_after", "safety.ask_open")
STAY_OTHERS = ("safety.stay", "safety.stay_company", "safety.stay_distance", "safety.stay_open")


class Safety(Action):
    def name(self) -> str:
        return "action_safety"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        respond(dispatcher, read(tracker))
        return []


class SafetyAnswer(Action):
    def name(self) -> str:
        return "action_safety_answer"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        turn = read(tracker)
        asked = safety_screen.asked_by(turn)
        if asked:
            safety_screen.go_on(dispatcher, turn, asked)
        else:
            answered(dispatcher, turn, turn.payload.get("answer", "not_sure"))
        return []


def respond(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Say what follows a message that worries, or any message while an alert is open."""
    told = Level.of(turn.risk["level"])
    own = _assess(turn) if told < Level.urgent else failed()
    level = max(told, own.level) if told < Level.urgent else told
    kinds = set(turn.risk.get("categories") or ()) or set(own.categories)
    if told < Level.urgent <= level:
        # The edge saw less than this, so it has shown no card.
        say(dispatcher, turn, "safety.card_medical" if about(kinds) == "medical" else "safety.card")
    if level < Level.watch:
        routed.beside(dispatcher, turn)
    if level < Level.urgent and safety_plan.open_part(turn):
        if level == Level.none or lasting(turn) >= Level.urgent:
            safety_plan.take(dispatcher, turn)
            return
        safety_plan.keep(dispatcher, turn)
    if _for_another(turn, level):
        _help_helper(dispatcher, turn, level)
    elif max(level, lasting(turn)) >= Level.urgent:
        stay(dispatcher, turn, level, kinds)
    elif about(kinds) == "medical":
        safety_screen.go_on(dispatcher, turn, MEDICAL)
    elif turn.kind == "choice" and turn.measure:
        # An answer that worries was direct enough: the screener at once (domain.md 3.3).
        safety_screen.go_on(dispatcher, turn, safety_screen.MEASURE[about(kinds)])
    else:
        say(dispatcher, turn, least_said((ASK_FIRST[about(kinds)], *THEN), turn))


def _for_another(turn: Turn, level: Level) -> bool:
    """Whether the writer worries about somebody else, and not about themselves."""
    if turn.typed and about_another(turn.text):
        return True
    return helping(turn.asked, level, turn.context.get("measures") or {})


def _help_helper(dispatcher: CollectingDispatcher, turn: Turn, level: Level) -> None:
    """Somebody else is in danger: how to help, never asked as if about the writer."""
    grave = FRIEND_STEPS if level >= Level.urgent else FRIEND_STEPS[::-1]
    steps = grave if max(level, lasting(turn)) >= Level.urgent else (ASK_FRIEND, *THEN)
    say(dispatcher, turn, least_said(steps, turn))


def stay(
    dispatcher: CollectingDispatcher, turn: Turn, level: Level, kinds: Collection[str]
) -> None:
    """From urgent on: the next step, until a human has closed the alert."""
    kind, question = about(kinds), direct(kinds, _asked(turn))
    if kind == "others":
        say(dispatcher, turn, question or least_said(STAY_OTHERS, turn))
        return
    if kind == "medical" and max(level, lasting(turn)) >= Level.emergency:
        # It is known what the six taps would ask: calling comes before any question.
        called = turn.asked in safety_screen.STAY_MEDICAL
        following = question if called else None
        say(dispatcher, turn, following or least_said(safety_screen.STAY_MEDICAL, turn))
        return
    if level >= Level.emergency and kind == "self" and not turn.said_lately("safety.now"):
        say(dispatcher, turn, "safety.now")
    safety_screen.go_on(dispatcher, turn, safety_screen.MEASURE[kind])


def _asked(turn: Turn) -> Collection[str]:
    """Said since the alert was opened, as the edge knows it; without one (rasa shell), ever."""
    return turn.risk.get("asked", [name.split("#")[0] for name in turn.shown])


def answered(dispatcher: CollectingDispatcher, turn: Turn, answer: str) -> None:
    """Say what follows an answer to a direct question. Only a plain no is a no."""
    if answer == "no":
        if turn.payload.get("about") == "friend" or turn.asked == ASK_FRIEND:
            say(dispatcher, turn, "safety.friend_next")
        elif turn.asked in (ASK_DANGER, ASK_SELF) and lasting(turn) >= Level.urgent:
            # What was told before stands, and a human is called for it.
            stay(dispatcher, turn, Level.none, turn.risk.get("categories") or ())
        else:
            say(dispatcher, turn, "safety.no_next")
        return
    if turn.typed:
        # A tap raises the risk by itself; a typed answer reaches a person this way too.
        task(dispatcher, turn, "human_request", "urgent")
    if turn.asked in _OF_DANGER:
        say(dispatcher, turn, "safety.yes_next")
    else:
        safety_screen.go_on(dispatcher, turn, safety_screen.MEASURE["self"])


def lasting(turn: Turn) -> Level:
    """The level the conversation carries until a human has closed the alert."""
    return Level.of(turn.risk.get("conversation_level", "none"))


def open_question(turn: Turn) -> bool:
    """Whether the direct question stands there unanswered: small talk does not pass over it."""
    asking = (*QUESTIONS, *THEN)
    return lasting(turn) == Level.watch and (
        turn.asked in asking or safety_screen.open_item(turn) is not None
    )


def still_here(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Coming back while an alert is open: nothing is forgotten, and one next step."""
    kind = about(turn.risk.get("categories") or ())
    first = "safety.still_here_medical" if kind == "medical" else "safety.still_here"
    if turn.asked == first:
        stay(dispatcher, turn, Level.none, turn.risk.get("categories") or ())
    else:
        say(dispatcher, turn, first)


def ask_on(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """The next way of asking, after words that were no answer."""
    kind = about(turn.risk.get("categories") or ())
    if kind == "medical":
        safety_screen.go_on(dispatcher, turn, MEDICAL)
    else:
        say(dispatcher, turn, least_said((ASK_FIRST[kind], *THEN), turn))


def _assess(turn: Turn) -> Assessment:
    try:
        limits = turn.context.get("limits") or {}
        where = Context(turn.context["hours_since_infusion"], turn.stage, limits)
        return risk.assess(turn.text, context=where)
    except Exception:
        return failed()
