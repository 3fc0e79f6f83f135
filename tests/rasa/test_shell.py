"""A dialogue author talks to the assistant in a terminal, by one command."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


def read_until(terminal: int, wanted: str) -> None:
    """Wait until the terminal shows ``wanted``."""
    seen = ""
    deadline = time.monotonic() + PATIENCE
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} never came: {seen[-2000:]}"
        seen += os.read(terminal, 65_536).decode(errors="replace")


def read_to_the_end(terminal: int) -> None:
    try:
        while os.read(terminal, 65_536):
            pass
    except OSError:
        """The last process that held the terminal is gone."""


def test_the_shell_answers_and_ctrl_c_ends_everything() -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.execv(ROOT / "bin" / "shell", ["shell"])  # noqa: S606
    try:
        read_until(terminal, "Your input")
        os.write(terminal, b"who are you?\r")
        # The words come from an action: only a running action server can give them.
        read_until(terminal, "automated program")
        os.write(terminal, b"\x03\x03")
        # Also the action server holds the terminal's session: at its end none is left.
        read_to_the_end(terminal)
        _, status = os.waitpid(process, 0)
        assert status != 0
    except BaseException:
        os.killpg(process, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)
