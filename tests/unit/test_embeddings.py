"""A sentence's embedding is begun with the message, computed once, and never costs the reply."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bot import embedding
from clinic.conversation import embeddings


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def embed(text: str) -> str:
        texts.append(text)
        return text

    monkeypatch.setattr(embedding, "embed", embed)
    monkeypatch.setattr(embedding, "encode", lambda vector: f"<{vector}>")
    return texts


def test_what_was_begun_is_not_computed_again(computed: list[str]) -> None:
    begun = embeddings.Embeddings()
    begun.begin("a quiet night")
    assert asyncio.run(begun.of("a quiet night")) == "<a quiet night>"
    assert computed == ["a quiet night"]


def test_a_text_that_nobody_announced_is_computed_when_asked(computed: list[str]) -> None:
    assert asyncio.run(embeddings.Embeddings().of("after a crash")) == "<after a crash>"
    assert computed == ["after a crash"]


def test_a_tap_has_no_embedding(computed: list[str]) -> None:
    assert asyncio.run(embeddings.Embeddings().of("")) is None
    assert computed == []


def test_texts_whose_turn_never_comes_are_forgotten(computed: list[str]) -> None:
    begun = embeddings.Embeddings()
    for number in range(200):
        begun.begin(f"text {number}")
    asyncio.run(begun.of("text 0"))
    asyncio.run(begun.of("text 199"))
    assert computed.count("text 0") == 2, "it was kept although its turn never came"
    assert computed.count("text 199") == 1


def test_a_failing_model_costs_only_the_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(text: str) -> None:
        raise embedding.EmbeddingError("no weights")

    monkeypatch.setattr(embedding, "embed", embed)
    begun = embeddings.Embeddings()
    begun.begin("hello")
    assert asyncio.run(begun.of("hello")) is None


def test_beginning_does_not_wait_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(embedding, "embed", lambda text: released.wait(30) and text)
    monkeypatch.setattr(embedding, "encode", str)
    begun = embeddings.Embeddings()
    begun.begin("slow")  # returns although the model is held up
    released.set()
    assert asyncio.run(begun.of("slow")) == "slow"


def test_a_computation_that_never_ends_costs_only_the_embedding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end = threading.Event()
    monkeypatch.setattr(embedding, "embed", lambda text: end.wait())
    try:
        assert asyncio.run(embeddings.Embeddings(longest=0.01).of("hello")) is None
    finally:
        end.set()
