"""The sentence embedding as a Rasa featurizer.

At run time it has been begun before the turn came (bot/rasa/expected.py). In training, in
``rasa shell`` and after a restart it is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import (
    FEATURE_TYPE_SENTENCE,
    FEATURE_TYPE_SEQUENCE,
    TEXT,
    TEXT_TOKENS,
)
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot import embedding
from bot.rasa import expected


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEmbedding(DenseFeaturizer, GraphComponent):
    """Adds the 384 numbers of the message's meaning, times ``scale``.

    The classifier is regularised, and the count features are whole numbers: ``scale`` decides how
    loudly meaning speaks beside spelling.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "scale": 1.0}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEmbedding:
        return cls(execution_context.node_name, config)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        return None

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            self._add(message)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def _add(self, message: Message) -> None:
        text = message.get(TEXT)
        if text is None:
            return
        vector = (_vector(message, text) * np.float32(self._config["scale"])).reshape(1, -1)
        words = np.repeat(vector, max(len(message.get(TEXT_TOKENS) or []), 1), axis=0)
        alias = self._config[FEATURIZER_CLASS_ALIAS]
        message.add_features(Features(words, FEATURE_TYPE_SEQUENCE, TEXT, alias))
        message.add_features(Features(vector, FEATURE_TYPE_SENTENCE, TEXT, alias))


def _vector(message: Message, text: str) -> np.ndarray:
    if text.startswith(INTENT_MESSAGE_PREFIX):
        # A tapped button: its intent is written in it, Rasa only runs the pipeline all the same.
        return np.zeros(embedding.SIZE, dtype=np.float32)
    turn = (message.get("metadata") or {}).get("turn") or {}
    # As the edge named it: what Rasa is given may be trimmed or guarded (bot/rasa/channel.py).
    return expected.vector(turn["message"]["text"] if turn else text)
