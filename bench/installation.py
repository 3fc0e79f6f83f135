"""A whole system of one's own: `afterglow run` in a temporary folder, on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any

from clinic import infusions, people, settings
from clinic.patient import access
from clinic.ports import free_port
from clinic.settings import ROOT
from clinic.system import assemble

AFTERGLOW = Path(sys.executable).parent / "afterglow"
HOST = "127.0.0.1"


class BenchError(Exception):
    """Something that is measured does not work; the text says what."""


def environment(**more: str) -> dict[str, str]:
    """What a person's shell would hand on: no settings of ours, and bytecode is kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AFTERGLOW_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"} | more


@contextlib.contextmanager
def started(
    command: list[str], environ: dict[str, str], folder: Path, log: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards."""
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(
    what: str,
    check: Callable[[], object],
    seconds: float,
    process: subprocess.Popen[bytes],
    log: Path,
    every: float = 0.02,
) -> float:
    """When ``check`` first held. Raises BenchError when it never does or the process ends."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
            raise BenchError(f"{what}: the process ended with code {process.returncode}: {last}")
        with contextlib.suppress(OSError, HTTPException, ValueError):
            if check():
                return time.perf_counter()
        time.sleep(every)
    raise BenchError(f"{what}: not within {seconds:.0f} s")


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@dataclass
class Installation:
    """One running system. ``begun`` is the moment its command was started."""

    home: Path
    port: int
    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    begun: float = field(default_factory=time.perf_counter)

    def until_page(self) -> float:
        """Seconds from the command to the chat's page."""
        return self._until("GET /chat", lambda: get(self.port, "/chat")[0] == 200, 60, 0.02)

    def until_ready(self) -> float:
        """Seconds from the command to an assistant that takes turns."""
        return self._until("the assistant", self._is_up, 180, 0.1)

    def _until(self, what: str, check: Callable[[], object], most: float, every: float) -> float:
        log = self.home / "run.log"
        return until(what, check, most, self.process, log, every) - self.begun

    def _is_up(self) -> bool:
        health: dict[str, Any] = json.loads(get(self.port, "/health")[1])
        return (health["assistant"], health["engine"]) == ("up", "up")

    def patients(self, count: int) -> list[str]:
        """New patients a day after their infusion, to whom the companion does not come by itself:
        at some hours it would, and be there before them. Returns a session token each."""
        system = assemble(settings.load(self.environ))
        ended = system.clock.now() - timedelta(hours=25)
        tokens = []
        for number in range(count):
            with system.database.write() as session:
                name = f"Patient {number}"
                patient = people.add_patient(system, session, name, "America/New_York")
                patient.touches_wanted = False
                begun = ended - timedelta(minutes=50)
                infusions.record(system, session, patient, begun, ended)
                invitation = access.invite(system, session, patient.id)
            admission = access.admit(system, invitation, remember=True)
            if admission is None:
                raise BenchError("an invitation was refused")
            tokens.append(admission.token)
        system.database.close()
        return tokens

    def pids(self) -> dict[str, int]:
        parts = sorted((self.home / "run").glob("*"))
        return {"run": self.process.pid} | {p.name: int(p.read_text()) for p in parts}


@contextlib.contextmanager
def installed(home: Path, **environ: str) -> Iterator[Installation]:
    """`afterglow run` with its data in ``home``; stopped, with all its parts, at the end."""
    port = free_port()
    ours = environment(
        AFTERGLOW_HOME=str(home),
        AFTERGLOW_PORT=str(port),
        AFTERGLOW_ASSISTANT_PORT=str(free_port()),
        **environ,
    )
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.log").open("wb") as log:
        try:
            with started([str(AFTERGLOW), "run"], ours, ROOT, log) as process:
                yield Installation(home, port, ours, process)
        finally:
            _end_leftovers(home)


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="afterglow-bench-") as folder:
        yield Path(folder)


def resident(pid: int) -> float:
    """Memory of a process in RAM, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def processor_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def short(text: str) -> str:
    """One line, without where this machine keeps things."""
    return text.replace(str(ROOT), ".").replace(tempfile.gettempdir(), "").splitlines()[0][:300]


def _end_leftovers(home: Path) -> None:
    """The supervisor ends its parts; one that it could not end must not outlive the run."""
    ours = f"AFTERGLOW_HOME={home}\0".encode()
    for noted in (home / "run").glob("*"):
        pid = int(noted.read_text())
        with contextlib.suppress(OSError):
            if ours in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)
