"""The risk component: the last word on what a message means.

It runs after every classifier. The edge has screened the message already; this looks again at the
same words, so that neither a bug at the edge nor one here is enough to miss them. It can only
raise: it turns the intent into ``safety_risk`` or leaves it alone.
"""

from __future__ import annotations

import logging
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot import risk
from bot.risk.levels import Context, Level

logger = logging.getLogger("afterglow.risk")

INTENT_NAME = "safety_risk"
#: What a person in danger may ask for and get. Everything else is answered by staying with them
#: until a human has closed the alert (I5): no denial, thanks or small talk ends it.
STILL_ANSWERED = {
    "safety_answer",
    "safety_plan",
    "measure_answer",
    "talk_to_human",
    "ask_grounding",
    "ask_breathing",
    "ask_are_you_human",
    "ask_who_reads",
    "open",
}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class RiskDetector(GraphComponent):
    """Sets the intent ``safety_risk`` from level ``watch``. An error inside counts as risk."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RiskDetector:
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if _worries(message):
                message.set(INTENT, {"name": INTENT_NAME, "confidence": 1.0}, add_to_output=True)
        return messages


def _worries(message: Message) -> bool:
    try:
        turn = (message.get("metadata") or {}).get("turn") or {}
        context = turn.get("context") or {}
        told = context.get("risk") or {}
        if Level.of(told.get("level", "none")) >= Level.watch:
            return True
        lasting = Level.of(told.get("conversation_level", "none"))
        if lasting >= Level.urgent and _intent(message) not in STILL_ANSWERED:
            return True
        where = Context(
            context.get("hours_since_infusion"), context.get("stage"), context.get("limits") or {}
        )
        return risk.assess(message.get(TEXT) or "", context=where).level >= Level.watch
    except Exception as error:
        # A message nobody could assess is treated as risk (I4). The words stay out of the log.
        logger.error("The risk detector failed: %s", type(error).__name__)
        return True


def _intent(message: Message) -> str:
    return (message.get(INTENT) or {}).get("name") or ""
