"""A dialogue author talks to the assistant in a terminal, by one command."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from pathlib import Path

from bot.content import registry

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


def read_until(terminal: int, *wanted: str) -> None:
    """Wait until the terminal shows one of ``wanted``."""
    seen = ""
    deadline = time.monotonic() + PATIENCE
    while not any(text in seen for text in wanted):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} never came: {seen[-2000:]}"
        seen += os.read(terminal, 65_536).decode(errors="replace")


def read_to_the_end(terminal: int) -> None:
    """Wait until the last process that held the terminal is gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "something still holds the terminal"
        try:
            if not os.read(terminal, 65_536):
                return
        except OSError:
            return


def test_the_shell_answers_and_ctrl_c_ends_everything() -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.execv(ROOT / "bin" / "shell", ["shell"])  # noqa: S606
    try:
        read_until(terminal, "Your input")
        os.write(terminal, b"who are you?\r")
        # The words come from an action: only a running action server can give them.
        read_until(terminal, *registry().item("conversation.are_you_human").variants)
        os.write(terminal, b"\x03\x03")
        # The script waits for its action server before it ends and lets the terminal go. Its exit
        # code is not looked at: Rasa may take the first Ctrl-C for a plain end.
        read_to_the_end(terminal)
    except BaseException:
        os.killpg(process, signal.SIGKILL)
        raise
    finally:
        os.waitpid(process, 0)
        os.close(terminal)
