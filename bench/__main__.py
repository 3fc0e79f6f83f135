"""Measure the system: `python -m bench`, or some parts of it: `python -m bench turn start`.

screen  messages a second through the risk rules, on one core
start   `afterglow run` until the page answers and until the companion is up; memory
turn    a message until its whole reply is on the page, beside a bare `rasa init` bot
alert   a message that shows risk until a mail server has the first notification, with 1, 10 and
        100 alerts open
live    such a message until the alert is on a clinician's screen, in a real browser, beside a
        clinic of many messages; on both databases
loop    risk messages a second, and the engine's look at a full outbox; on both databases
caseload  a clinician's list of patients, on a made clinic; on both databases
review  a transcript page and finding words in a long record, on such a clinic; on both databases
week    the demo clinic's unread, opened and marked through the pages, for 40 patients
window  planning 10,000 infusions, the engine's look at a million touches, the journal's page with
        1,000 entries, taking three years along
flows   a turn in each dialogue, and the slowest dialogue beside the middle one
load    many patients at once: receipts, replies, errors, processor time
training  the assistant trained from its data: time, memory, size of the model

Everything runs on free loopback ports with its data in temporary folders, and is stopped again.
Other work on the machine shows in every figure: look at the ratios and the medians.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import alert, caseload, flows, live, load, loop, review, start, training, turn, window
from bench.installation import BenchError, short
from clinic.supervisor import StartError


def screen() -> None:
    """In a process of its own: it pins the numeric libraries to one core before they load."""
    subprocess.run([sys.executable, "-m", "bench.screen"], check=True, timeout=600)


def main() -> int:
    asked = arguments()
    parts: dict[str, Callable[[], None]] = {
        "screen": screen,
        "start": lambda: start.run(asked.starts),
        "turn": lambda: turn.run(asked.pairs, asked.bare),
        "alert": lambda: alert.run(asked.alerts),
        "live": lambda: live.run(asked.people, asked.messages, asked.alerts),
        "loop": lambda: loop.run(asked.risks, asked.settled),
        "caseload": lambda: caseload.run(asked.people, asked.messages),
        "review": lambda: review.run(asked.people, asked.messages),
        "week": lambda: review.week(asked.patients, asked.weeks, asked.read),
        "window": lambda: window.run(asked.touches),
        "flows": lambda: flows.run(asked.rounds),
        "load": lambda: load.run(asked.patients, asked.seconds),
        "training": training.run,
    }
    unknown = set(asked.parts) - set(parts)
    if unknown:
        print(f"bench: no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = False
    for name in asked.parts or parts:
        begun = time.monotonic()
        print(f"\n{name}", flush=True)
        try:
            parts[name]()
        except (BenchError, StartError, subprocess.SubprocessError, OSError) as error:
            failed = True
            print(f"{name} FAILED: {short(str(error))}")
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)
    return int(failed)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="which parts; default: all of them")
    parser.add_argument("--pairs", type=positive, default=100, help="turn: pairs measured (100)")
    parser.add_argument(
        "--bare", type=Path, help="turn: folder of a trained `rasa init` bot; made when missing"
    )
    parser.add_argument(
        "--touches", type=positive, default=1_000_000, help="window: touches to come (1,000,000)"
    )
    parser.add_argument("--starts", type=positive, default=3, help="start: rounds (3)")
    parser.add_argument(
        "--alerts", type=positive, default=20, help="alert, live: messages (3 x 20)"
    )
    parser.add_argument("--risks", type=positive, default=200, help="loop: messages (200)")
    parser.add_argument(
        "--settled", type=positive, default=1_000_000, help="loop: settled notifications (1000000)"
    )
    parser.add_argument(
        "--people", type=positive, default=500, help="caseload, live, review: patients (500)"
    )
    parser.add_argument(
        "--messages",
        type=positive,
        default=1_000_000,
        help="caseload, live, review: messages (1000000)",
    )
    parser.add_argument("--rounds", type=positive, default=1, help="flows: rounds (1)")
    parser.add_argument("--patients", type=positive, default=200, help="load, week: patients (200)")
    parser.add_argument("--seconds", type=positive, default=60, help="load: how long (60)")
    parser.add_argument("--weeks", type=positive, default=12, help="week: weeks behind it (12)")
    parser.add_argument("--read", type=positive, default=40, help="week: patients read (40)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
