"""`afterglow run`: starts the parts, brings back any that dies, stops them all together.

The parts are separate processes on purpose: any may be killed at any instant, and the rows in
the database are the truth (invariant I1).
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clinic.settings import ROOT, Settings

ASSISTANT_PYTHON = ROOT / "bot" / "rasa" / ".venv" / "bin" / "python"
_LONGEST_PAUSE = 30.0
_GRACE = 10.0
_EDGE_FIRST = 10.0


class StartError(Exception):
    """The system cannot start; the text names the mend."""


@dataclass
class Part:
    """One process. ``pause`` grows while it keeps dying at once."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.5
    due: float = 0.0


class Supervisor:
    """Keeps the parts running until told to stop."""

    def __init__(self, settings: Settings, say: Callable[[str], None] = print) -> None:
        self._settings = settings
        self._say = say
        self._stopping = self._edge_was_up = False
        self._started = 0.0
        self._logs = settings.home / "log"
        shared = environment(settings)
        self.parts = [
            Part(name, command, without_keys(shared) if name == "assistant" else shared)
            for name, command in commands(settings)
        ]

    def start(self) -> None:
        """Start the edge; the other parts follow once it answers, so that patients have the page
        first. Raises StartError before anything runs when a port is taken."""
        self._logs.mkdir(parents=True, exist_ok=True)
        check_port(self._settings.host, self._settings.port, "AFTERGLOW_PORT")
        assistant = int(self._settings.assistant_url.rpartition(":")[2])
        check_port("127.0.0.1", assistant, "AFTERGLOW_ASSISTANT_PORT")
        self._started = time.monotonic()
        edge = next(part for part in self.parts if part.name == "edge")
        try:
            self._launch(edge)
        except OSError as error:
            raise StartError(f"The edge could not be started: {error}. Run: make setup") from None

    def heed_signals(self) -> None:
        """From now on SIGINT and SIGTERM end ``watch`` in good order."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def wait_for_edge(self) -> None:
        """Until the edge answers, has ended, or has had its time."""
        edge = next(part for part in self.parts if part.name == "edge")
        while not self._edge_was_up and not self._stopping:
            if edge.process is None or edge.process.poll() is not None:
                return
            self._look_for_edge()
            time.sleep(0.05)

    def watch(self) -> None:
        """Bring back what dies, until told to stop."""
        while not self._stopping:
            for part in self.parts:
                self._look_after(part)
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask every part to end, then end those that do not; leaves none behind."""
        running = [part.process for part in self.parts if part.process]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _GRACE
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _look_after(self, part: Part) -> None:
        now = time.monotonic()
        if not self._edge_was_up and part.name != "edge":
            self._look_for_edge()
            return
        if part.process is not None:
            code = part.process.poll()
            if code is None:
                return
            lived = now - part.started
            part.pause = 0.5 if lived > 60 else min(part.pause * 2, _LONGEST_PAUSE)
            part.process, part.due = None, now + part.pause
            log = self._logs / f"{part.name}.log"
            self._say(f"The {part.name} ended (code {code}); starting it again. See {_short(log)}")
        if now >= part.due:
            self._launch(part)

    def _look_for_edge(self) -> None:
        # Not for long: an edge that fails must not keep the alerts down.
        late = time.monotonic() - self._started > _EDGE_FIRST
        self._edge_was_up = late or self._edge_answers()

    def _edge_answers(self) -> bool:
        try:
            with socket.create_connection((self._settings.host, self._settings.port), timeout=1):
                return True
        except OSError:
            return False

    def _launch(self, part: Part) -> None:
        log = (self._logs / f"{part.name}.log").open("ab")
        with log:
            part.process = subprocess.Popen(  # noqa: S603 - our own parts
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=dict(part.env),
                # Ctrl-C reaches the supervisor only; it ends the parts in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        part.started = time.monotonic()
        (self._settings.home / "run").mkdir(exist_ok=True)
        (self._settings.home / "run" / part.name).write_text(str(part.process.pid))


def commands(settings: Settings) -> list[tuple[str, list[str]]]:
    """The parts and how each is started."""
    names = ["edge", *(() if settings.mail.port else ("mail",)), "engine", "auditor"]
    own = [(name, [sys.executable, "-m", "clinic.parts", name]) for name in names]
    return [*own, ("assistant", assistant_command(settings))]


def assistant_command(settings: Settings) -> list[str]:
    port = settings.assistant_url.rpartition(":")[2]
    return [str(ASSISTANT_PYTHON), "-m", "bot.rasa.launcher", "--port", port]


def environment(settings: Settings) -> dict[str, str]:
    """What the parts inherit, with the secrets they share."""
    return dict(os.environ) | {
        "AFTERGLOW_HOME": str(settings.home),
        "AFTERGLOW_ASSISTANT_SECRET": settings.secrets.assistant,
        "AFTERGLOW_TRACKER_KEY": settings.secrets.tracker_key,
        "AFTERGLOW_TRACKER_URL": os.environ.get(
            "AFTERGLOW_TRACKER_URL", f"sqlite:///{settings.home / 'assistant.db'}"
        ),
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUNBUFFERED": "1",
    }


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """What the assistant gets: never the keys to the record."""
    record = ("AFTERGLOW_DATA_KEYS", "AFTERGLOW_AUDIT_KEY", "AFTERGLOW_LOOKUP_KEY")
    senders = (
        "AFTERGLOW_SMTP_PASSWORD",
        "AFTERGLOW_SMS_TOKEN",
        "AFTERGLOW_PUSH_KEY",
        "AFTERGLOW_WEBHOOK_SECRET",
        "AFTERGLOW_APPRISE_TARGETS",
    )
    secret = (*record, *senders, "AFTERGLOW_DATABASE_URL")
    return {name: value for name, value in environ.items() if name not in secret}


def check_port(host: str, port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise StartError(
                f"Port {port} is in use. Stop what uses it, or choose another: "
                f"{variable}=9100 make run"
            ) from None


def _end_with_parent() -> None:
    """Linux: when the supervisor is killed outright, its parts end too (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
