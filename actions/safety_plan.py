"""The safety plan: six questions, the patient's own words, no form to get stuck in.

Which question is open is read from what was said last, so it can be left, interrupted by risk, and
taken up weeks later. Each answer is a record of its own: earlier versions stay.
"""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import routed
from actions.turn import Turn, note, read, say
from bot.safety_plan import PARTS

#: Longest quotation in a bubble, in characters.
QUOTED = 200
#: Offered at the end of the first talk, and once more later, to begin or to go on.
OFFER, OFFER_AGAIN = "onboarding.plan", "onboarding.plan_go_on"
#: What a plan question takes as a wish to leave, typed; everything else is an answer.
LEAVES = ("skip", "stop_for_now", "goodbye", "dont_know")
WORDS, SURE = 5, 0.5


class SafetyPlan(Action):
    """The plan is asked for, a question of it was answered, or passed over."""

    def name(self) -> str:
        return "action_safety_plan"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        turn = read(tracker)
        if turn.intent == "safety_plan" and not (turn.kind == "text" and open_part(turn)):
            begin(dispatcher, turn)
        else:
            routed.beside(dispatcher, turn)
            take(dispatcher, turn)
        return []


def open_part(turn: Turn) -> str | None:
    """The part whose question is on the page; None when it is another question."""
    part = turn.asked.removeprefix("safety.plan_")
    return part if turn.asked != part and part in PARTS else None


def offer(turn: Turn) -> str | None:
    """The item that offers to write the plan, or to go on with one that has gaps; None when there
    is nothing to offer, or it was declined before. Each is offered once."""
    plan = turn.context.get("safety_plan") or {}
    item = OFFER_AGAIN if plan else OFFER
    said = {name.split("#")[0] for name in turn.shown}
    whole = all(part in plan for part in PARTS)
    return None if whole or item in said else item


def helps(turn: Turn) -> str:
    """What the patient wrote that helps them, short enough to say; empty when there is no plan."""
    plan = turn.context.get("safety_plan") or {}
    words: str = plan.get("coping") or plan.get("people") or plan.get("places") or ""
    return words if len(words) <= QUOTED else words[:QUOTED].rsplit(" ", 1)[0] + " ..."


def begin(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Show the plan there is, go on with one that has gaps, or start."""
    plan = turn.context.get("safety_plan") or {}
    missing = [part for part in PARTS if part not in plan]
    wanted = turn.payload.get("value")
    if wanted == "change" or not plan:
        say(dispatcher, turn, "safety.plan_intro")
        say(dispatcher, turn, f"safety.plan_{PARTS[0]}")
    elif missing and wanted != "show" and turn.asked in ("safety.plan_stopped", OFFER_AGAIN):
        say(dispatcher, turn, f"safety.plan_{missing[0]}")
    else:
        show(dispatcher, turn, plan)


def show(dispatcher: CollectingDispatcher, turn: Turn, plan: dict[str, str]) -> None:
    """The plan as it reads now, one line a part."""
    for part in PARTS:
        if part in plan:
            title = turn.registry.render(f"plan.{part}")
            say(dispatcher, turn, "safety.plan_line", title=title, words=plan[part])
    say(dispatcher, turn, "safety.plan_done")


def take(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Keep the words for the open part, or pass over it, and ask the next."""
    part = open_part(turn)
    if part is None:
        begin(dispatcher, turn)
        return
    if turn.intent in ("stop_for_now", "goodbye") and leaves(turn):
        say(dispatcher, turn, "safety.plan_stopped")
        return
    keep(dispatcher, turn)
    following = PARTS[PARTS.index(part) + 1 :]
    say(dispatcher, turn, f"safety.plan_{following[0]}" if following else "safety.plan_done")


def keep(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Keep the words for the open part, when they are any."""
    part = open_part(turn)
    if part and turn.text and turn.kind == "text" and not leaves(turn):
        data = {"part": part, "text": turn.text}
        note(dispatcher, "safety_plan_part", f"plan-{part}-{turn.id}", data)


def leaves(turn: Turn) -> bool:
    """Whether these words (or this tap) pass over the question instead of answering it."""
    short = len(turn.text.split()) <= WORDS and turn.confidence >= SURE
    return turn.intent in LEAVES and (turn.kind == "choice" or short)
