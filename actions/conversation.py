"""Everything around a reflection: greeting, questions, asking for a person, not understanding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import quiet, safety, safety_screen
from actions.turn import Turn, keep, read, say, task
from bot.risk.levels import Level

Events = list[dict[str, Any]]

#: Coming back sooner than this is no coming back: nothing is said.
AWAY_SECONDS = 3 * 3600

GREETINGS = {
    **dict.fromkeys(("onboarding", "preparation", "day_of", "ended"), "greet_before"),
    "evening": "greet_evening",
    **dict.fromkeys(("day_1", "day_2", "day_3", "day_4_5"), "greet_day"),
}
#: Questions that go on the clinic's list, besides being answered as far as a program may.
TASKS = {
    "ask_medication": "medication",
    "ask_dose": "medication",
    "ask_privacy_delete_export": "other",
    "ask_is_this_normal": "other",
    "report_side_effect": "other",
}
#: Never soothed before the red flags are asked about (domain.md R08).
SCREENED = {
    "ask_is_this_normal": "conversation.normal",
    "report_side_effect": "conversation.side_effect",
}
#: After these, "yes" means: let us look back.
OFFERS = (
    "conversation.greet_day",
    "conversation.greet_evening",
    "conversation.heard",
    "conversation.welcome_back",
)
HUMAN_QUESTIONS = ("conversation.human", "conversation.recovery_human")


class Companion(Action, ABC):
    """An action of ordinary conversation. In the quiet stages it gives way to the quiet flow."""

    #: Words that matter in every stage are answered in every stage.
    always = False

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        turn = read(tracker)
        if self.waits_for_answer(turn):
            safety.ask_on(dispatcher, turn)
        elif turn.stage in quiet.STAGES and not self.always:
            quiet.speak(dispatcher, turn)
        else:
            self.answer(dispatcher, turn, tracker)
        return []

    def waits_for_answer(self, turn: Turn) -> bool:
        """Whether this would talk past an open safety question."""
        return not self.always and turn.kind == "text" and safety.open_question(turn)

    @abstractmethod
    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None: ...


class Greet(Companion):
    def name(self) -> str:
        return "action_greet"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        greet(dispatcher, turn, tracker)


class Open(Companion):
    """The patient looks at the chat again; nobody has typed yet."""

    def name(self) -> str:
        return "action_open"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        turn = read(tracker)
        if turn.kind == "open" and not was_away(turn):
            return []
        return await super().run(dispatcher, tracker, domain)

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        greet(dispatcher, turn, tracker)


class Answer(Companion):
    """Says the item whose ``answers`` is the intent."""

    def name(self) -> str:
        return "action_answer"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        answer_question(dispatcher, turn)


class Human(Companion):
    always = True

    def name(self) -> str:
        return "action_human"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        ask_for_human(dispatcher, turn)


class Tell(Companion):
    """Words about the experience, outside a reflection: kept, and a look back is offered."""

    def name(self) -> str:
        return "action_tell"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        if not turn.text:
            menu(dispatcher, turn)
            return
        keep(dispatcher, turn)
        offered = "conversation.heard" if had_infusion(turn) else "conversation.heard_small"
        say(dispatcher, turn, offered)


class Rest(Companion):
    """No, skip, stop, I don't know: with no question open, all of them mean leave me be."""

    def waits_for_answer(self, turn: Turn) -> bool:
        # To the question itself, "no" and "I don't know" are answers.
        answers = turn.asked in safety.QUESTIONS and turn.intent in ("deny", "dont_know")
        return super().waits_for_answer(turn) and not answers

    def name(self) -> str:
        return "action_rest"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        if turn.asked in safety.QUESTIONS and turn.intent in ("deny", "dont_know"):
            safety.answered(dispatcher, turn, "no" if turn.intent == "deny" else "not_sure")
        else:
            say(dispatcher, turn, "conversation.rest")


class Fallback(Companion):
    """Asks once to put it another way; the second time in a row it offers what it can do."""

    def name(self) -> str:
        return "action_fallback"

    def answer(self, dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
        if turn.asked in ("conversation.rephrase", "conversation.choices"):
            say(dispatcher, turn, "conversation.choices")
        else:
            say(dispatcher, turn, "conversation.rephrase")


def greet(dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
    """Say hello for the stage, or offer to go on with what was begun."""
    if safety.lasting(turn) >= Level.urgent:
        safety.still_here(dispatcher, turn)
    elif unfinished(turn, tracker):
        say(dispatcher, turn, "conversation.welcome_back")
    else:
        say(dispatcher, turn, f"conversation.{GREETINGS.get(turn.stage, 'greet_between')}")


def was_away(turn: Turn) -> bool:
    seconds = turn.seconds_since_before
    return seconds is None or seconds >= AWAY_SECONDS


def unfinished(turn: Turn, tracker: Tracker) -> bool:
    """Whether a reflection on this infusion was begun, with at least one answer."""
    about = tracker.slots.get("reflection_about") or {}
    return (
        bool(about.get("answers")) and about["infusion_number"] == turn.context["infusion_number"]
    )


def had_infusion(turn: Turn) -> bool:
    return turn.context["hours_since_infusion"] is not None


def menu(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    say(dispatcher, turn, "conversation.menu" if had_infusion(turn) else "conversation.menu_small")


def answer_question(dispatcher: CollectingDispatcher, turn: Turn, briefly: bool = False) -> None:
    """Answer a question as far as a program may, and put on the clinic's list what is theirs.

    ``briefly`` inside a reflection: no second question beside the one that is asked again.
    """
    if turn.intent in TASKS:
        task(dispatcher, turn, TASKS[turn.intent])
    if turn.intent in SCREENED:
        say(dispatcher, turn, SCREENED[turn.intent])
        safety_screen.go_on(dispatcher, turn, safety_screen.MEASURE["medical"])
        return
    if briefly and turn.intent == "ask_grounding":
        say(dispatcher, turn, "conversation.grounding_script")
        return
    item = turn.registry.answer_to(turn.intent)
    if item is None:
        menu(dispatcher, turn)
    else:
        say(dispatcher, turn, item.id)


def ask_for_human(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Ask how soon, or pass the request on when that is known."""
    urgency = turn.payload.get("urgency")
    recovering = turn.stage in quiet.STAGES
    if urgency not in ("urgent", "routine"):
        say(dispatcher, turn, "conversation.recovery_human" if recovering else "conversation.human")
        return
    task(dispatcher, turn, "human_request", urgency)
    if recovering:
        say(dispatcher, turn, "conversation.recovery_human_sent")
    else:
        say(dispatcher, turn, f"conversation.human_{urgency}")


def affirmed(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """A yes that was not an answer to "shall we look back": what was asked decides."""
    if turn.asked in safety.QUESTIONS:
        safety.answered(dispatcher, turn, "yes")
    elif turn.asked in HUMAN_QUESTIONS:
        task(dispatcher, turn, "human_request", "urgent")
        say(dispatcher, turn, "conversation.human_urgent")
    else:
        menu(dispatcher, turn)
