"""From `afterglow run` to the page and to the companion, and what the processes weigh.

Set up already, Python's bytecode and the disk's cache warm after a first start that does not count.
A fresh home has to make its keys, its database and the demo clinic; the second start only starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import goal, ms, percentile
from bench.installation import installed, resident, temporary
from bench.page import page

_PAGE_GOAL = 3.0


@dataclass(frozen=True)
class Start:
    """``page`` and ``ready`` in seconds from the command; ``first`` is the first turn's."""

    page: float
    ready: float
    first: float
    memory: dict[str, float]


def run(rounds: int) -> None:
    with temporary() as home:
        start(home)
    fresh, again = [], []
    for _ in range(rounds):
        with temporary() as home:
            fresh.append(start(home))
            again.append(start(home))
    _tell("fresh", fresh)
    _tell("again", again)
    names = again[0].memory
    sizes = {name: _median([s.memory[name] for s in fresh + again]) for name in names}
    for name, size in sizes.items():
        print(f"start memory {name} {size:.0f} MB")
    print(f"start memory together {sum(sizes.values()):.0f} MB (shared pages counted each time)")


def start(home: Path) -> Start:
    """One start, to the first reply."""
    with installed(home) as ours:
        shown, ready = ours.until_page(), ours.until_ready()
        with page(ours.port, ours.patients(1)[0]) as patient:
            first = patient.say("i feel calm today").reply
        return Start(shown, ready, first, {n: resident(pid) for n, pid in ours.pids().items()})


def _tell(name: str, starts: Sequence[Start]) -> None:
    shown = _median([s.page for s in starts])
    print(f"start {name} page {shown:.2f} s {goal(shown <= _PAGE_GOAL, f'<= {_PAGE_GOAL:.0f} s')}")
    print(f"start {name} assistant {_median([s.ready for s in starts]):.1f} s")
    print(f"start {name} first reply {ms(_median([s.first for s in starts]))}")


def _median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)
