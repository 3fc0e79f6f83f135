"""Rasa's own DIETClassifier with the manners of a classifier of scikit-learn.

Its settings are those of `rasa init`, but for the entities, which the dialogue does not use, and
for the epochs: that writes 100.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.classifiers.diet_classifier import DIETClassifier
from rasa.shared.nlu.constants import (
    FEATURE_TYPE_SENTENCE,
    FEATURE_TYPE_SEQUENCE,
    INTENT,
    INTENT_RANKING_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

_CONTEXT = ExecutionContext(GraphSchema({}), node_name="diet")


class Diet:
    """DIET fitted, stored and loaded again, as Rasa does before it answers."""

    def __init__(self, epochs: int) -> None:
        self._settings = {
            **DIETClassifier.get_default_config(),
            "entity_recognition": False,
            "constrain_similarities": True,
            "epochs": epochs,
            "random_seed": 42,
            "ranking_length": 0,
        }

    def fit(self, messages: Sequence[Message], intents: Sequence[str]) -> None:
        for message, intent in zip(messages, intents, strict=True):
            message.set(INTENT, str(intent))
        self.classes_ = np.unique(intents)
        with tempfile.TemporaryDirectory() as folder:
            kept = LocalModelStorage(Path(folder)), Resource("diet"), _CONTEXT
            DIETClassifier.create(self._settings, *kept).train(TrainingData(list(messages)))
            self._model = DIETClassifier.load(self._settings, *kept)
            self.size = sum(file.stat().st_size for file in Path(folder).rglob("*.*"))

    def predict_proba(self, messages: Sequence[Message]) -> np.ndarray:
        read = self._model.process(list(messages))
        return np.array([self._chances(message.get(INTENT_RANKING_KEY)) for message in read])

    def _chances(self, ranking: list[dict]) -> list[float]:
        found = {intent["name"]: intent["confidence"] for intent in ranking}
        return [found[intent] for intent in self.classes_]


def message(
    text: str, words: sparse.spmatrix, whole: sparse.spmatrix, meaning: np.ndarray
) -> Message:
    """Spelling and meaning for each word and for the whole, as Rasa's featurizers give them."""
    given = Message.build(str(text))
    repeated = np.repeat(meaning[None], words.shape[0], axis=0)
    for kind, counts, dense in (
        (FEATURE_TYPE_SEQUENCE, words, repeated),
        (FEATURE_TYPE_SENTENCE, whole, meaning[None]),
    ):
        given.add_features(Features(counts.tocoo(), kind, TEXT, "spelling"))
        given.add_features(Features(dense, kind, TEXT, "meaning"))
    return given
