"""Everything around a reflection: greeting, questions, asking for a person, not understanding."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import quiet, routed, safety, safety_plan, safety_screen
from actions.memory import Memory
from actions.turn import Turn, keep, read, say, task
from bot.heard import elsewhere
from bot.risk.levels import Level

Events = list[dict[str, Any]]

#: Coming back sooner than this is no coming back: nothing is said.
AWAY_SECONDS = 3 * 3600

#: Letters without sense look a little like every language; a sentence in one is surer than this.
LANGUAGE = 0.6
#: Never soothed before the red flags are asked about (domain.md R08).
SCREENED = {
    "ask_is_this_normal": "conversation.normal",
    "report_side_effect": "conversation.side_effect",
}
#: A yes to a question with one of these among its buttons means that button.
OFFERS = re.compile(r"^/(start_|measure_start|resume_|prepare_|write_|set_|check_in|park_)")
#: Offers what is due of the questionnaires.
MEASURES = "measures.offer"
#: Here the dialogue comes first, and what is due of the questionnaires at its end.
TALK_FIRST = ("onboarding", "day_1", "day_2", "day_3")
#: Stages in which the first things are still being set up.
BEFORE = ("onboarding", "preparation")
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
            routed.beside(dispatcher, turn)
            safety.ask_on(dispatcher, turn)
        elif (self.always and turn.stage != "infusion") or not comes_first(dispatcher, turn):
            self.answer(dispatcher, turn, tracker)
        return []

    def waits_for_answer(self, turn: Turn) -> bool:
        """Whether this would talk past an open safety question."""
        return not self.always and turn.typed and safety.open_question(turn)

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
        if turn.intent == "other_language" and turn.confidence < LANGUAGE:
            not_understood(dispatcher, turn)
        elif turn.intent == "report_travel" and not elsewhere(turn.text):
            # "Im on the bus home": on the way, and in no other place.
            tell(dispatcher, turn)
        else:
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
        tell(dispatcher, turn)


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
        not_understood(dispatcher, turn)


def comes_first(dispatcher: CollectingDispatcher, turn: Turn) -> bool:
    """The quiet hours, somebody under 18, what is heard by its words: said instead of all else."""
    if turn.stage in quiet.STAGES:
        quiet.speak(dispatcher, turn)
    elif turn.minor and not (turn.intent == "affirm" and turn.asked in HUMAN_QUESTIONS):
        adults_only(dispatcher, turn)
    elif turn.heard:
        answer_question(dispatcher, turn)
        if turn.measure:
            say(dispatcher, turn, turn.asked)
    else:
        return False
    return True


def adults_only(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """The notice, or a person; what is said in danger comes before this."""
    if turn.intent == "talk_to_human":
        ask_for_human(dispatcher, turn)
    else:
        routed.beside(dispatcher, turn)
        say(dispatcher, turn, "conversation.under_age")


def not_understood(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    if turn.asked in ("conversation.rephrase", "conversation.choices"):
        say(dispatcher, turn, "conversation.choices")
    else:
        say(dispatcher, turn, "conversation.rephrase")


def greet(dispatcher: CollectingDispatcher, turn: Turn, tracker: Tracker) -> None:
    """Say hello for the stage, or offer to go on with what was begun."""
    if safety.lasting(turn) >= Level.urgent:
        safety.still_here(dispatcher, turn)
    elif Memory.of(tracker).unfinished(turn):
        say(dispatcher, turn, "conversation.welcome_back")
    elif (visit := f"visit.{turn.context.get('visit')}") in turn.registry:
        say(dispatcher, turn, visit)
    elif (turn.context.get("known") or {}).get("no_questions"):
        hello(dispatcher, turn)
    elif turn.stage in BEFORE and turn.context.get("safety_plan") and safety_plan.offer(turn):
        say(dispatcher, turn, safety_plan.OFFER_AGAIN)
    elif turn.stage not in TALK_FIRST and measures_wait(turn):
        say(dispatcher, turn, MEASURES)
    elif (flow := Memory.of(tracker).to_offer(turn)) is not None:
        say(dispatcher, turn, flow.offer or f"{flow.name}.offer")
    elif measures_wait(turn):
        say(dispatcher, turn, MEASURES)
    else:
        hello(dispatcher, turn)


def hello(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """A greeting that asks nothing of them."""
    say(dispatcher, turn, f"conversation.greet_{'between' if had_infusion(turn) else 'before'}")


def measures_wait(turn: Turn) -> bool:
    """Whether a questionnaire is due and was not offered just now (actions/measure.py)."""
    return bool(turn.context.get("due_measures")) and not turn.said_lately(MEASURES)


def measures_follow(turn: Turn) -> bool:
    """Whether questionnaires are offered at the end of a dialogue: not to who wants no questions,
    and not while something graver is open."""
    declined = (turn.context.get("known") or {}).get("no_questions")
    calm = safety.lasting(turn) == Level.none
    return turn.stage in TALK_FIRST and calm and not declined and measures_wait(turn)


def was_away(turn: Turn) -> bool:
    """Whether there is reason to greet: they were away, or it is the companion that comes."""
    if turn.context.get("by_itself"):
        return True
    seconds = turn.seconds_since_before
    return seconds is None or seconds >= AWAY_SECONDS


def offered(turn: Turn) -> tuple[str, dict[str, str]]:
    """Intent and payload of what the last question offered first; empty when it offered nothing."""
    choices = turn.registry.item(turn.asked).choices if turn.asked in turn.registry else ()
    payload = next((c.payload for c in choices if OFFERS.match(c.payload)), "")
    name, _, carried = payload.removeprefix("/").partition("{")
    return name, json.loads("{" + carried) if carried else {}


def had_infusion(turn: Turn) -> bool:
    return turn.context["hours_since_infusion"] is not None


def is_before(turn: Turn) -> bool:
    """Whether an infusion lies ahead, the first or another one."""
    return not had_infusion(turn) or turn.context.get("hours_until_next") is not None


def tell(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Words without a question: kept, and what fits the stage is offered."""
    if not turn.text:
        menu(dispatcher, turn)
        return
    keep(dispatcher, turn)
    say(dispatcher, turn, "conversation.heard" if had_infusion(turn) else "preparation.heard")


def menu(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    say(dispatcher, turn, "conversation.menu" if had_infusion(turn) else "conversation.menu_small")


def answer_question(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Answer what was asked as far as a program may, and put on the clinic's list what is theirs.
    Of several questions in one message, the one about red flags is the only one for now."""
    asked = [turn.intent, *turn.also]
    for intent in asked:
        routed.pass_on(dispatcher, turn, intent)
    if screened := next((intent for intent in asked if intent in SCREENED), None):
        say(dispatcher, turn, SCREENED[screened])
        safety_screen.go_on(dispatcher, turn, safety_screen.MEASURE["medical"])
        return
    items = (turn.registry.answer_to(intent, turn.context) for intent in asked)
    found = [item for item in items if item is not None]
    for item in found:
        say(dispatcher, turn, item.id)
    if not found:
        menu(dispatcher, turn)


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
    elif turn.asked in (safety_plan.OFFER, safety_plan.OFFER_AGAIN):
        safety_plan.begin(dispatcher, turn)
    else:
        menu(dispatcher, turn)
