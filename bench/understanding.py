"""How well intents are told apart: spelling, meaning, both, and DIET over both. For docs/adr.

``bot/rasa/.venv/bin/python -m bench.understanding [--folds N] [spelling|meaning|both|diet ...]``
fits the classifier of config.yml outside Rasa on data/nlu, or Rasa's DIET, and prints for each: how
long fitting takes, how long one message, its process's memory at the most and its size stored, how
many of the held paraphrases (in no training file, each set by itself) are right, what the
pipeline's threshold lets through, and the macro-F1 of ten folds, or as many as asked.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import re
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sparse
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from bot import embedding

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("spelling", "meaning", "both", "diet")
#: The pipeline's own (config.yml): how loudly meaning speaks, and below what it is asked again.
SCALE, SURE, APART = 10.0, 0.35, 0.05
HELD = ("holdout.yml", "holdout_2.yml")
WORDS = r"(?u)\b\w+\b"


def examples() -> tuple[list[str], list[str]]:
    texts, intents = [], []
    for path in sorted((ROOT / "data/nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in block["examples"].splitlines():
                texts.append(line.removeprefix("- ").strip())
                intents.append(block["intent"])
    return texts, intents


def held(name: str) -> tuple[list[str], list[str]]:
    raw = yaml.safe_load((ROOT / "tests/rasa" / name).read_text(encoding="utf-8"))
    pairs = [(str(text), intent) for intent, texts in raw.items() for text in texts]
    return [text for text, _ in pairs], [intent for _, intent in pairs]


class Reader:
    """A classifier over one kind of features, counted as Rasa counts them."""

    def __init__(self, kind: str, texts: Sequence[str], vectors: np.ndarray, intents: np.ndarray):
        self._kind = kind
        self._words = CountVectorizer(token_pattern=WORDS).fit(map(_plain, texts))
        self._letters = CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit(texts)
        self._model = _model(kind)
        self._model.fit(self._features(texts, vectors), intents)

    @property
    def size(self) -> int:
        """Bytes of the classifier as stored."""
        return getattr(self._model, "size", 0) or len(pickle.dumps(self._model))

    def read(self, texts: Sequence[str], vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Intents, and whether each is sure enough to be taken."""
        chances = self._model.predict_proba(self._features(texts, vectors))
        ordered = np.sort(chances, axis=1)
        sure = (ordered[:, -1] >= SURE) & (ordered[:, -1] - ordered[:, -2] >= APART)
        return self._model.classes_[chances.argmax(1)], sure

    def _features(self, texts: Sequence[str], vectors: np.ndarray) -> Any:
        meaning = vectors * np.float32(SCALE)
        if self._kind == "diet":
            return [self._message(*pair) for pair in zip(texts, meaning, strict=True)]
        parts = {"spelling": [self._counts(texts)], "meaning": [sparse.csr_matrix(meaning)]}
        parts["both"] = parts["spelling"] + parts["meaning"]
        return sparse.hstack(parts[self._kind]).tocsr()

    def _counts(self, texts: Sequence[str]) -> sparse.spmatrix:
        counts = self._words.transform(map(_plain, texts)), self._letters.transform(texts)
        return sparse.hstack(counts).tocsr()

    def _message(self, text: str, meaning: np.ndarray) -> Any:
        from bench.diet import message

        words = text.split() or [text]
        return message(text, self._counts(words), self._counts([text]), meaning)


def _model(kind: str) -> Any:
    if kind == "diet":
        from bench.diet import Diet

        return Diet()
    return LogisticRegression(max_iter=100, class_weight="balanced", random_state=42)


def _plain(text: str) -> str:
    return re.sub(r"\d+", "__NUMBER__", text.lower())


def folds(
    kind: str, number: int, texts: np.ndarray, vectors: np.ndarray, intents: np.ndarray
) -> float:
    """Macro-F1 over predictions for examples that were each left out once."""
    found = np.empty_like(intents)
    split = StratifiedKFold(number, shuffle=True, random_state=42).split(texts, intents)
    for seen, left in split:
        reader = Reader(kind, texts[seen], vectors[seen], intents[seen])
        found[left], _ = reader.read(texts[left], vectors[left])
    return float(f1_score(intents, found, average="macro"))


def measure(
    kind: str, number: int, texts: np.ndarray, vectors: np.ndarray, intents: np.ndarray
) -> None:
    began, worked = time.perf_counter(), time.process_time()
    reader = Reader(kind, texts, vectors, intents)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stored = reader.size / 2**20
    print(
        f"{kind}: fitted in {took:.0f} s ({worked:.0f} s of processor); "
        f"{memory:.0f} MB; {stored:.1f} MB stored",
        flush=True,
    )
    for name in HELD:
        _tell_held(kind, reader, name)
    if number:
        f1 = folds(kind, number, texts, vectors, intents)
        print(f"{kind}: macro-F1 of {number} folds {f1:.3f}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("kinds", nargs="*", metavar="kind", help=" or ".join(KINDS))
    asked.add_argument("--folds", type=int, default=10)
    given = asked.parse_args()
    texts, intents = map(np.array, examples())
    print(f"{len(texts)} examples of {len(set(intents))} intents", flush=True)
    vectors = _meanings(texts)
    for kind in given.kinds or KINDS:
        # Each in a process of its own, so that the memory is its own.
        begun = multiprocessing.Process(
            target=measure, args=(kind, given.folds, texts, vectors, intents)
        )
        begun.start()
        begun.join()


def _tell_held(kind: str, reader: Reader, name: str) -> None:
    texts, wanted = held(name)
    new, took = _meanings(texts), []
    for text, vector in zip(texts, new, strict=True):
        began = time.perf_counter()
        reader.read([text], vector[None])
        took.append(time.perf_counter() - began)
    found, sure = reader.read(texts, new)
    right = found == np.array(wanted)
    print(
        f"{kind}: {name}: {right.mean():.3f} of {len(texts)} right, "
        f"taken and right {(right & sure).mean():.3f}, "
        f"taken and wrong {(~right & sure).mean():.3f}; "
        f"a message p50 {np.median(took) * 1000:.1f} ms without its embedding",
        flush=True,
    )


def _meanings(texts: Sequence[str]) -> np.ndarray:
    return np.stack([embedding.embed(text) for text in texts])


if __name__ == "__main__":
    main()
