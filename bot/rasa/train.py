"""Train the assistant, only when something it is made of has changed.

``python -m bot.rasa.train`` writes ``models/<inputs>.tar.gz`` and ``models/manifest.json``. The
name is a hash of everything that goes into the model, so the same inputs are never trained twice;
the manifest holds the file's own SHA-256, and the launcher runs no other file.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from bot.rasa import logs, nlp_model

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
MANIFEST = "manifest.json"
#: What the trained numbers depend on. Actions, content, risk and policy are read at run time.
INPUTS = (
    "config.yml",
    "domain.yml",
    "data/nlu",
    "data/rules",
    "data/stories",
    "bot/embedding.py",
    "bot/rasa/embedding.py",
    "bot/rasa/importer.py",
    "bot/rasa/nlp_model.py",
)
DATA = ("data/nlu", "data/rules", "data/stories")


class TrainingError(RuntimeError):
    """Training did not produce a model. The text says what to look at."""


@dataclass(frozen=True)
class Trained:
    """What the manifest says about the model to run."""

    model: str
    sha256: str
    inputs: str
    rasa: str

    def path(self, directory: Path) -> Path:
        return directory / self.model


def fingerprint(root: Path = ROOT) -> str:
    """Hash of all inputs: names, contents and the version of Rasa."""
    found = hashlib.sha256(version("rasa").encode())
    for name in INPUTS:
        path = root / name
        files = sorted(path.rglob("*.yml")) if path.is_dir() else [path]
        for file in files:
            found.update(f"\0{file.relative_to(root).as_posix()}\0".encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def manifest(directory: Path = MODELS) -> Trained | None:
    """The manifest of a directory of models, None when there is none that can be read."""
    try:
        return Trained(**json.loads((directory / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def current(root: Path = ROOT, directory: Path = MODELS) -> Trained | None:
    """The trained model, if it was made from today's inputs and is the file it was."""
    trained = manifest(directory)
    if trained is None or trained.inputs != fingerprint(root):
        return None
    path = trained.path(directory)
    return trained if path.exists() and digest(path) == trained.sha256 else None


def train(root: Path = ROOT, directory: Path = MODELS, force: bool = False) -> Trained:
    """The model for today's inputs, trained if need be. Raises TrainingError."""
    prepare(root)
    trained = None if force else current(root, directory)
    if trained is not None:
        return trained
    inputs = fingerprint(root)
    _train_quietly(root, directory, inputs)
    path = directory / f"{inputs}.tar.gz"
    if not path.exists():
        raise TrainingError("Rasa finished without writing a model; run `make validate`")
    trained = Trained(path.name, digest(path), inputs, version("rasa"))
    temporary = directory / f"{MANIFEST}.new"
    temporary.write_text(json.dumps(asdict(trained), indent=1) + "\n", encoding="utf-8")
    temporary.replace(directory / MANIFEST)
    return trained


def prepare(root: Path = ROOT) -> None:
    """What every model needs beside it: one brought from another machine comes without, and is up
    to date all the same."""
    logs.quiet()
    nlp_model.build(root / "bot/rasa/nlp/en_blank")


def _train_quietly(root: Path, directory: Path, name: str) -> None:
    # Imported here: ten seconds, and not needed when nothing has changed.
    from rasa.model_training import train as train_with_rasa

    shown = io.StringIO()
    with _inside(root):
        try:
            # Progress bars go to stderr; our log handler keeps the real one.
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(io.StringIO()):
                result = train_with_rasa(
                    domain="domain.yml",
                    config="config.yml",
                    training_files=list(DATA),
                    output=str(directory),
                    fixed_model_name=name,
                    force_training=True,
                )
        except SystemExit as stop:
            raise TrainingError(_last_line(shown.getvalue())) from stop
        except Exception as error:
            raise TrainingError(f"{type(error).__name__}: {error}") from error
    if result.code != 0:
        raise TrainingError(_last_line(shown.getvalue()))


@contextlib.contextmanager
def _inside(directory: Path):
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "Rasa gave no reason; run `rasa train` to see its own words"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.rasa.train", description=__doc__)
    parser.add_argument("--force", action="store_true", help="train even if nothing has changed")
    parser.add_argument("--models", type=Path, default=MODELS, help="where models are kept")
    asked = parser.parse_args(arguments)
    prepare()
    if not asked.force and (trained := current(directory=asked.models)):
        print(f"The model {trained.model} is up to date.")
        return 0
    print("Training the assistant. This takes some three minutes.", flush=True)
    start = time.monotonic()
    try:
        trained = train(directory=asked.models, force=asked.force)
    except TrainingError as error:
        print(f"Training failed: {error}", file=sys.stderr)
        return 1
    size = trained.path(asked.models).stat().st_size
    print(f"Trained {trained.model} ({size // 1024} KiB) in {time.monotonic() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
