"""The bot that `rasa init` makes, trained and served as it comes: what turns are compared with."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.installation import HOST, BenchError, environment, get, started, until
from bench.page import Connection
from clinic.ports import free_port
from clinic.settings import ROOT

RASA = ROOT / "bot" / "rasa" / ".venv" / "bin" / "rasa"
_LONGEST_TRAINING = 30 * 60
_LONGEST_START = 180
_PROGRESS = 20


class Bare:
    """The running bot, over its REST channel."""

    def __init__(self, port: int, pid: int) -> None:
        self.pid = pid
        self._connection = Connection(port)

    def say(self, sender: str, text: str) -> float:
        """Seconds until its whole reply is here."""
        begun = time.perf_counter()
        body = {"sender": sender, "message": text}
        self._connection.post("/webhooks/rest/webhook", body)
        return time.perf_counter() - begun


def train(folder: Path) -> None:
    """Make and train the project, unless a trained one is there."""
    if list((folder / "models").glob("*.tar.gz")):
        return
    folder.mkdir(parents=True, exist_ok=True)
    print("training a bare bot with `rasa init` (some minutes)", flush=True)
    command = [str(RASA), "init", "--no-prompt", "--init-dir", str(folder)]
    begun = time.monotonic()
    with (
        (folder / "init.log").open("wb") as log,
        started(command, _environment(), folder, log) as process,
    ):
        while time.monotonic() - begun < _LONGEST_TRAINING:
            try:
                process.wait(_PROGRESS)
                break
            except subprocess.TimeoutExpired:
                print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    if not list((folder / "models").glob("*.tar.gz")):
        tail = (folder / "init.log").read_text(errors="replace").strip().splitlines()[-3:]
        raise BenchError("the bare bot was not trained: " + " | ".join(tail))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Bare]:
    """`rasa run` in its folder."""
    port = free_port()
    command = [str(RASA), "run", "--port", str(port), "--interface", HOST]
    with (
        (folder / "run.log").open("wb") as log,
        started(command, _environment(), folder, log) as process,
    ):
        until(
            "the bare bot",
            lambda: get(port, "/")[0] == 200,
            _LONGEST_START,
            process,
            folder / "run.log",
        )
        yield Bare(port, process.pid)


def _environment() -> dict[str, str]:
    return environment(SQLALCHEMY_SILENCE_UBER_WARNING="1", PYTHONWARNINGS="ignore")


if __name__ == "__main__":
    train(Path(sys.argv[1]))
