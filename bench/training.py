"""Training the assistant from its data: how long it takes, what it needs, and the model's size."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.installation import BenchError, environment, started, temporary
from clinic.settings import ROOT

PYTHON = ROOT / "bot" / "rasa" / ".venv" / "bin" / "python"


def run() -> None:
    """The command that `afterglow train` runs, into a folder that holds no model yet."""
    with temporary() as folder:
        command = [str(PYTHON), "-m", "bot.rasa.train", "--models", str(folder)]
        begun = time.perf_counter()
        with (
            (folder / "train.log").open("wb") as log,
            started(command, environment(), ROOT, log) as process,
        ):
            _, status, used = os.wait4(process.pid, 0)
            took = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise BenchError(_last_line(folder / "train.log"))
        size = sum(model.stat().st_size for model in folder.glob("*.tar.gz"))
    worked = used.ru_utime + used.ru_stime
    print(f"training {took:.0f} s, {worked:.0f} s of processor")
    print(f"training memory at the most {used.ru_maxrss / 1024:.0f} MB")
    print(f"training model {size / 2**20:.1f} MB")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "training ended without a word"
