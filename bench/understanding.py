"""How well intents are told apart: spelling, meaning, both, and DIET over both. For docs/adr.

``bot/rasa/.venv/bin/python -m bench.understanding [--folds N] [kind ...]``, a kind being spelling,
meaning, both or diet:EPOCHS, fits the classifier of config.yml outside Rasa on data/nlu, or Rasa's
DIET, and prints for each: how long fitting takes, how long one message, its process's memory at the
most and its size stored, how many of the held paraphrases (in no training file, each set by itself)
are right, what the pipeline's threshold lets through, and the macro-F1 of ten folds, or as many as
asked, with the intents that fare worst. Examples that nearly repeat each other are kept in one
fold. With each set it tells how sure the taken were beside how many were right, and which of the
grave intents (a medicine, driving, "is this normal") were taken for what else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import re
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
import yaml
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import normalize

from bot import embedding, heard

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("spelling", "meaning", "both", "diet:10")
#: The pipeline's own (config.yml): how loudly meaning speaks, and below what it is asked again.
SCALE, SURE, APART = 10.0, 0.35, 0.05
#: From this cosine on, of meaning or of letters, examples of one intent repeat each other.
NEAR_MEANING, NEAR_LETTERS = 0.88, 0.85
HELD = ("holdout.yml", "holdout_2.yml", "holdout_3.yml")
#: Whoever asks one of these and is answered about something else may come to harm.
GRAVE = (
    *("ask_medication", "ask_dose", "ask_driving", "ask_alcohol", "ask_eating_before"),
    *("ask_is_this_normal", "ask_leaving", "report_side_effect", "talk_to_human"),
)
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


class Read(NamedTuple):
    """What texts were taken for, how sure that is, and whether that is enough to be taken."""

    intents: np.ndarray
    chances: np.ndarray
    sure: np.ndarray


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

    def read(self, texts: Sequence[str], vectors: np.ndarray) -> Read:
        chances = self._model.predict_proba(self._features(texts, vectors))
        second, first = np.sort(chances, axis=1)[:, -2:].T
        sure = (first >= SURE) & (first - second >= APART)
        return Read(self._model.classes_[chances.argmax(1)], first, sure)

    def _features(self, texts: Sequence[str], vectors: np.ndarray) -> Any:
        meaning = vectors * np.float32(SCALE)
        if self._kind.startswith("diet:"):
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
    if kind.startswith("diet:"):
        from bench.diet import Diet

        return Diet(int(kind.removeprefix("diet:")))
    return LogisticRegression(max_iter=100, class_weight="balanced", random_state=42)


def _plain(text: str) -> str:
    return re.sub(r"\d+", "__NUMBER__", text.lower())


def families(texts: np.ndarray, vectors: np.ndarray, intents: np.ndarray) -> np.ndarray:
    """A number for each example; those that nearly repeat each other have the same one."""
    letters = CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    near = (_cosines(vectors) >= NEAR_MEANING) | (_cosines(letters) >= NEAR_LETTERS)
    return connected_components(near & (intents[:, None] == intents))[1]


def _cosines(rows: Any) -> np.ndarray:
    level = sparse.csr_matrix(normalize(rows.astype(np.float32)))
    return (level @ level.T).toarray()


def folds(
    kind: str, number: int, texts: np.ndarray, vectors: np.ndarray, intents: np.ndarray
) -> Read:
    """What each example is taken for by a classifier that saw neither it nor its like."""
    found = Read(np.empty_like(intents), np.empty(len(texts)), np.empty(len(texts), bool))
    together = families(texts, vectors, intents)
    cut = StratifiedGroupKFold(number, shuffle=True, random_state=42)
    for seen, left in cut.split(texts, intents, together):
        reader = Reader(kind, texts[seen], vectors[seen], intents[seen])
        for whole, part in zip(found, reader.read(texts[left], vectors[left]), strict=True):
            whole[left] = part
    return found


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
        found = folds(kind, number, texts, vectors, intents)
        _tell_folds(f"{kind}: {number} folds", texts, intents, found)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("kinds", nargs="*", metavar="kind", help=" or ".join(KINDS))
    asked.add_argument("--folds", type=int, default=10)
    given = asked.parse_args()
    texts, intents = map(np.array, examples())
    vectors = _meanings(texts)
    near = len(texts) - len(set(families(texts, vectors, intents)))
    intended = len(set(intents))
    print(f"{len(texts)} examples of {intended} intents; {near} nearly repeat another", flush=True)
    for kind in given.kinds or KINDS:
        # Each in a process of its own, so that the memory is its own.
        begun = multiprocessing.Process(
            target=measure, args=(kind, given.folds, texts, vectors, intents)
        )
        begun.start()
        begun.join()


def _tell_folds(name: str, texts: np.ndarray, intents: np.ndarray, found: Read) -> None:
    names = np.unique(intents)
    each = f1_score(intents, found.intents, labels=names, average=None)
    worst = ", ".join(f"{names[row]} {each[row]:.2f}" for row in each.argsort()[:8])
    print(f"{name}: macro-F1 {each.mean():.4f}; lowest: {worst}", flush=True)
    _tell_wrong(name, texts, intents, found)


def _tell_wrong(name: str, texts: Sequence[str], intents: np.ndarray, found: Read) -> None:
    right = found.intents == intents
    said, was = found.chances[found.sure].mean(), right[found.sure].mean()
    print(f"{name}: those taken are {said:.3f} sure and {was:.3f} right", flush=True)
    grave = np.isin(intents, GRAVE)
    # What is heard by its words alone reaches the clinic, whatever was guessed.
    guessed = np.array([heard.wish(str(text)) is None for text in texts])
    missed = grave & guessed & found.sure & ~right
    pairs = Counter(zip(intents[missed], found.intents[missed], strict=True))
    told = ", ".join(f"{one} as {other} ({times})" for (one, other), times in pairs.most_common())
    print(f"{name}: of {grave.sum()} grave {missed.sum()} missed: {told or '-'}", flush=True)


def _tell_held(kind: str, reader: Reader, name: str) -> None:
    texts, wanted = map(np.array, held(name))
    new, took = _meanings(texts), []
    for text, vector in zip(texts, new, strict=True):
        began = time.perf_counter()
        reader.read([text], vector[None])
        took.append(time.perf_counter() - began)
    found = reader.read(texts, new)
    right, sure = found.intents == wanted, found.sure
    print(
        f"{kind}: {name}: {right.mean():.3f} of {len(texts)} right, "
        f"taken and right {(right & sure).mean():.3f}, "
        f"taken and wrong {(~right & sure).mean():.3f}; "
        f"a message p50 {np.median(took) * 1000:.1f} ms without its embedding",
        flush=True,
    )
    _tell_wrong(f"{kind}: {name}", texts, wanted, found)


def _meanings(texts: Sequence[str]) -> np.ndarray:
    return np.stack([embedding.embed(text) for text in texts])


if __name__ == "__main__":
    main()
