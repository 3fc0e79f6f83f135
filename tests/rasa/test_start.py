"""Starting up: what is wrong is said at once, in one plain line, and nothing half-ready runs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from bot.rasa import launcher, train
from bot.rasa.tracker_store import EncryptedTrackerStore


def start(*arguments: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    changed = {**os.environ, **{k: v for k, v in environment.items() if v is not None}}
    for name in [name for name, value in environment.items() if value is None]:
        changed.pop(name, None)
    return subprocess.run(
        [sys.executable, "-m", "bot.rasa.launcher", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=changed,
        timeout=120,
        check=False,
    )


def plain(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("The assistant cannot start: ")
    return line


def test_a_missing_model_is_said_in_one_line(tmp_path: Path) -> None:
    assert "make train" in plain(start("--model", str(tmp_path / "none.tar.gz")))


def test_a_foreign_model_is_refused(model: Path, tmp_path: Path) -> None:
    shutil.copy(model.parent / train.MANIFEST, tmp_path)
    foreign = tmp_path / "foreign.tar.gz"
    foreign.write_bytes(b"not the model that was trained here")
    assert "SHA-256" in plain(start("--model", str(foreign)))


def test_a_port_in_use_is_said_in_one_line(model: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in plain(start("--port", str(port)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AFTERGLOW_ASSISTANT_SECRET", None),
        ("AFTERGLOW_ASSISTANT_SECRET", "short"),
        ("AFTERGLOW_TRACKER_KEY", None),
    ],
)
def test_a_missing_secret_is_said_in_one_line(model: Path, name: str, value: str | None) -> None:
    line = plain(start("--port", "0", **{name: value}))
    assert name in line
    assert "openssl" in line


def test_a_broken_database_is_said_in_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERGLOW_TRACKER_URL", "sqlite:////dev/null/x.db")
    with pytest.raises(launcher.CannotStart, match="tracker store"):
        launcher.load(model)


def test_a_model_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(b"nothing")
    store = EncryptedTrackerStore(url=f"sqlite:///{tmp_path / 'x.db'}", key=bytes(32))
    with pytest.raises(launcher.CannotStart, match="cannot be loaded"):
        launcher.load(broken, store)


def test_the_same_inputs_are_not_trained_twice(model: Path) -> None:
    before = model.stat().st_mtime_ns
    assert train.train().path(train.MODELS) == model
    assert model.stat().st_mtime_ns == before


def test_a_changed_model_file_is_not_current(model: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path)
    shutil.copy(model.parent / train.MANIFEST, tmp_path)
    assert train.current(directory=tmp_path) is not None
    with (tmp_path / model.name).open("ab") as file:
        file.write(b"x")
    assert train.current(directory=tmp_path) is None


def test_changed_inputs_change_the_fingerprint(tmp_path: Path) -> None:
    for name in train.INPUTS:
        target = tmp_path / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    assert train.fingerprint(tmp_path) == train.fingerprint()
    with (tmp_path / "domain.yml").open("a") as file:
        file.write("\n# changed\n")
    assert train.fingerprint(tmp_path) != train.fingerprint()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"model": "x"}'])
def test_a_broken_manifest_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / train.MANIFEST).write_text(text)
    assert train.manifest(tmp_path) is None


def test_bot_risk_pulls_in_neither_rasa_nor_tensorflow_nor_spacy() -> None:
    script = (
        "import sys, json, bot.risk; bot.risk.assess('hello');"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"rasa", "rasa_sdk", "tensorflow", "spacy", "sklearn", "clinic"}


def test_the_weights_of_the_intents_lie_as_they_are_read(agent: Any) -> None:
    """Else a third of the classifier's time goes into copying them, at every message."""
    nodes = agent.processor.graph_runner._instantiated_nodes.values()
    classifiers = [c for node in nodes if (c := getattr(node._component, "clf", None))]
    assert [c.coef_.flags.f_contiguous for c in classifiers] == [True]
