"""Structured questions, one tap each: the screener after words of danger, six taps on the body.

What was asked and answered comes with the turn (``context.measures``); the edge keeps it and has
weighed it already. Here only the next question is chosen, and what follows the last one.
"""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions import safety_plan
from actions.turn import Turn, least_said, note, say, task
from bot import measures
from bot.risk.levels import Level
from bot.screener import MEASURE, MEDICAL, SCREENER, Step, step

__all__ = ["MEASURE", "asked_by", "go_on", "open_item"]

STAY_MEDICAL = (
    "safety.stay_medical",
    "safety.stay_medical_company",
    "safety.stay_medical_again",
    "safety.still_here_medical",
)
STAY_SAME_DAY = ("safety.same_day", "safety.stay_same_day")


def open_item(turn: Turn) -> str | None:
    """The structured measure whose question was the last thing said; None when it was another."""
    kind, _, rest = turn.asked.partition(".")
    name = rest.partition(".")[0]
    return name if kind == "measure" and name in MEASURE.values() else None


def asked_by(turn: Turn) -> str | None:
    """The measure a tapped answer belongs to. Its question may have been said by the edge, while
    the assistant was down: then the button tells."""
    if turn.payload.get("about") == "medical":
        return MEDICAL
    return open_item(turn) or (None if "answer" in turn.payload else SCREENER)


def go_on(dispatcher: CollectingDispatcher, turn: Turn, name: str | None) -> None:
    """Ask the next question of a measure, or say what follows when it is finished."""
    at = step(name or SCREENER, turn.context.get("measures") or {}, turn.asked)
    for item in at.unclear:
        data = {"instrument": at.measure.id, "item": item, "value": at.answers[item]}
        note(dispatcher, "instrument_answer", f"{at.measure.id}-{item}-{turn.id}", data)
    # A sign may count higher in this patient than the answer says by itself (medical history).
    grave = at.measure.id == MEDICAL and Level.of(turn.risk.get("level", "none")) == Level.emergency
    if at.question is None or grave:
        _finish(dispatcher, turn, at)
        return
    if not at.answers and name == SCREENER:
        say(dispatcher, turn, "safety.screen_intro")
    elif at.unclear and not turn.said_lately("safety.screen_heard"):
        say(dispatcher, turn, "safety.screen_heard")
    say(dispatcher, turn, at.question)


def _finish(dispatcher: CollectingDispatcher, turn: Turn, at: Step) -> None:
    band = measures.score(at.measure, at.answers).band
    lasting = Level.of(turn.risk.get("conversation_level", "none"))
    if at.measure.id == SCREENER:
        _after_screener(dispatcher, turn, answered_no=band == "none" and lasting < Level.urgent)
    elif at.answers.get("6"):
        go_on(dispatcher, turn, SCREENER)
    elif band == "tier_3" and lasting < Level.urgent:
        task(dispatcher, turn, "other")
        # What is usual at this stage is said only now, after the red flags (domain.md R08, D10).
        usual = turn.registry.answer_to("ask_is_this_normal", turn.context)
        if usual is not None:
            say(dispatcher, turn, usual.id)
        say(dispatcher, turn, "safety.self_care")
    else:
        call = band == "tier_1" or lasting == Level.emergency
        say(dispatcher, turn, least_said(STAY_MEDICAL if call else STAY_SAME_DAY, turn))


def _after_screener(dispatcher: CollectingDispatcher, turn: Turn, answered_no: bool) -> None:
    if answered_no:
        say(dispatcher, turn, "safety.no_next")
        return
    if open_item(turn):
        say(dispatcher, turn, "safety.screen_done")
    plan = "safety.plan_remind" if safety_plan.helps(turn) else "safety.plan_offer"
    steps = ("safety.stay_company", "safety.stay_distance", plan, "safety.stay", "safety.stay_open")
    following = least_said(steps, turn)
    if following == "safety.plan_remind":
        say(dispatcher, turn, following, words=safety_plan.helps(turn))
    else:
        say(dispatcher, turn, following)
