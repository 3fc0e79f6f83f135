"""Which structured questions follow a worry, and which of them comes next.

Pure, so that the assistant and, when it does not answer, the edge ask the same (invariant I4). The
edge keeps what was asked and answered and hands it on as ``taken``: by measure, the newest one's
``{"state", "asked", "answers", "hours"}`` (bot/contract.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bot import measures
from bot.content import question
from bot.measures import Measure
from bot.risk.levels import Level

#: Kinds of risk that are the body's, and those between people; everything else is to the self.
BODY = frozenset(("medical", "substance"))
OTHERS = frozenset(("harm_to_others", "abuse"))

SCREENER = "cssrs_screener"
MEDICAL = "medical_check"
#: What is asked about a worry. Danger between people has no questionnaire: see ``direct``.
MEASURE = {"self": SCREENER, "medical": MEDICAL}

#: Is it danger now, and is the writer thinking of ending their life: each once an alert.
ASK_DANGER = "safety.ask_danger"
ASK_SELF = "safety.ask_self"

#: What is said to somebody who worries about another person: the question, and when it is grave.
ASK_FRIEND = "safety.ask_friend"
FRIEND_STEPS = ("safety.friend_now", "safety.friend_stay")

Taken = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """The question to ask now; None when it is finished. ``unclear``: items that were asked, not
    answered in so many words, and count from now on (for the screener: as yes)."""

    measure: Measure
    answers: Mapping[str, int]
    unclear: tuple[str, ...]
    item: str | None

    @property
    def question(self) -> str | None:
        """The item's id in the content registry."""
        return question(self.measure.id, self.item) if self.item else None


def about(categories: Collection[str]) -> str:
    """What a worry is about: ``medical``, ``others`` or ``self``. Nothing known means the self."""
    kinds = set(categories)
    if kinds and kinds <= BODY:
        return "medical"
    return "others" if kinds and kinds <= OTHERS else "self"


def direct(categories: Collection[str], asked: Collection[str]) -> str | None:
    """The direct question that no questionnaire asks, or asks too late: whoever tells of violence
    or of a relapse is asked about their own life too. ``asked``: since this alert was opened."""
    kinds = set(categories)
    questions: tuple[str, ...] = ()
    if kinds and kinds <= OTHERS:
        questions = (ASK_DANGER, ASK_SELF)
    elif "substance" in kinds and kinds <= BODY:
        questions = (ASK_SELF,)
    return next((one for one in questions if one not in asked), None)


def helping(before: str, own: Level, taken: Taken) -> bool:
    """Whether the talk is still about helping somebody else: that was said last (``before``), and
    nothing since is the writer's own."""
    return before in FRIEND_STEPS and own == Level.none and SCREENER not in taken


def step(name: str, taken: Taken, before: str) -> Step:
    """Where a measure stands: begun anew unless it was begun or finished lately. ``before``: the
    last thing said. A first question about the body that the talk has passed over was no question
    about this worry: it is asked again, not counted."""
    measure = measures.measures()[name]
    last = taken.get(name)
    over = last is not None and last["state"] == "complete" and last["hours"] >= measure.again_hours
    first = question(name, measure.items[0].id)
    passed = last is not None and name == MEDICAL and not last["answers"] and before != first
    if last is None or over or passed:
        return Step(measure, {}, (), measure.items[0].id)
    answers = dict(last["answers"])
    if last["state"] == "complete":
        return Step(measure, answers, (), None)
    unclear = []
    while (item := measures.next_item(measure, answers)) is not None:
        if item.id not in last["asked"] or item.unclear is None:
            break
        answers[item.id] = item.unclear
        unclear.append(item.id)
    return Step(measure, answers, tuple(unclear), item.id if item else None)
