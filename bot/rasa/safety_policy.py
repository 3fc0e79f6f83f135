"""The policy that always wins when words show risk.

A form that listens for free text would take "I want to die" as a diary entry. This policy speaks
with ``is_no_user_prediction``, the one kind of prediction a running form cannot outvote, and at a
higher priority than the rules (docs/adr/0001).
"""

from __future__ import annotations

from typing import Any

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_DEACTIVATE_LOOP_NAME, ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from bot.safety_plan import PARTS
from bot.screener import MEASURE as SAFETY_MEASURES
from bot.screener import MEDICAL

#: What is said first, by intent. After it the running form ends, and the bot listens.
ACTIONS = {
    "safety_risk": "action_safety",
    "safety_answer": "action_safety_answer",
    "safety_plan": "action_safety_plan",
    "measure_start": "action_measure",
    "measure_answer": "action_measure",
}
#: Words typed under a question of the safety plan are its answer, but for these, when short and
#: sure; who names a person to call has not asked for one.
PLAN = "safety.plan_"
MEASURE = "measure."
#: A plain yes to this begins what is due.
OFFER = "measures.offer"
LEFT_FOR = {"talk_to_human", "ask_who_reads", "ask_are_you_human", "open"}
NAMING = {"safety.plan_people", "safety.plan_professionals"}
SHORT, SURE = 6, 0.5
#: Words typed under a question of a questionnaire are no answer when they are a wish of their own:
#: anything but these.
NO_WISH = {
    "affirm", "deny", "dont_know", "skip", "stop_for_now", "goodbye", "greet", "thanks", "tell",
    "nothing_happened", "not_following", "out_of_scope", "nlu_fallback",
}  # fmt: skip


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class SafetyPolicy(Policy):
    """Answers risk, ends the form, listens: a state machine over this turn's events."""

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"priority": 10}

    def train(
        self,
        training_trackers: list[TrackerWithCachedStates],
        domain: Domain,
        **kwargs: Any,
    ) -> Resource:
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        following = _next(tracker)
        if following is None:
            return self._prediction(self._default_predictions(domain))
        scores = self._default_predictions(domain)
        scores[domain.index_for_action(following)] = 1.0
        return self._prediction(scores, is_no_user_prediction=True)


def _next(tracker: DialogueStateTracker) -> str | None:
    # The raw events, not latest_message: a form hides the messages it has consumed.
    done: list[str | None] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted):
            done.append(event.action_name)
    else:
        return None
    first = _named(tracker, event) or _under(tracker, event)
    if first is None:
        return None
    if first not in done:
        return first
    if tracker.active_loop_name and ACTION_DEACTIVATE_LOOP_NAME not in done:
        return ACTION_DEACTIVATE_LOOP_NAME
    return ACTION_LISTEN_NAME


def _named(tracker: DialogueStateTracker, said: UserUttered) -> str | None:
    """What the intent itself asks for. While another question is open, only a sure wish leads to a
    questionnaire: a bare "7" looks a little like "gad 7"."""
    if said.intent_name == "measure_start" and tracker.active_loop_name and not _sure(said):
        return None
    return ACTIONS.get(said.intent_name or "")


def _under(tracker: DialogueStateTracker, said: UserUttered) -> str | None:
    """A question of the plan or of a questionnaire takes what answers, skips or stops it, and the
    offer of a questionnaire takes a yes."""
    asked = _asked_before(tracker, said)
    if asked.removeprefix(PLAN) in PARTS and asked.startswith(PLAN):
        return "action_safety_plan" if _of_plan(asked, said) else None
    if asked == OFFER and said.intent_name == "affirm":
        return "action_measure"
    return "action_measure" if asked.startswith(MEASURE) and _of_measure(asked, said) else None


def _of_plan(asked: str, said: UserUttered) -> bool:
    intent = said.intent_name or ""
    if (said.text or "").startswith("/"):
        return intent in ("skip", "stop_for_now")
    short = len((said.text or "").split()) <= SHORT
    return not (intent in LEFT_FOR and _sure(said) and short and asked not in NAMING)


def _of_measure(asked: str, said: UserUttered) -> bool:
    """Where there is risk, the typed answers to its questions go by the risk (bot/rasa/risk.py).
    Six taps that were asked without any stand in nobody's way; all else waits for an answer."""
    _, name, item = asked.split(".", 2)
    context = ((said.metadata or {}).get("turn") or {}).get("context") or {}
    risk = (context.get("risk") or {}).get("conversation_level")
    if (said.text or "").startswith("/") or (name in SAFETY_MEASURES.values() and risk != "none"):
        return False
    taken = (context.get("measures") or {}).get(name) or {}
    if item in taken.get("answers", {}):
        return True
    return name != MEDICAL and (said.intent_name in NO_WISH or not _sure(said))


def _sure(said: UserUttered) -> bool:
    return float(said.intent.get("confidence") or 0) >= SURE


def _asked_before(tracker: DialogueStateTracker, said: UserUttered) -> str:
    events = list(tracker.events)
    before = events[: max(n for n, event in enumerate(events) if event is said)]
    for event in reversed(before):
        content = (event.metadata or {}).get("content") if isinstance(event, BotUttered) else None
        if content:
            return str(content["content"])
    return ""
