"""From many seconds to few numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def spread(values: Sequence[float], *shares: float) -> str:
    """``p50 12.3 ms p95 45.6 ms`` of many seconds."""
    return " ".join(f"p{share * 100:.0f} {ms(percentile(values, share))}" for share in shares)


def timed(acts: Sequence[Callable[[], Any]]) -> tuple[list[float], list[float]]:
    """Seconds waited for each page, and seconds of this process's processor. Beside other work the
    wait says little; the processor's time is the page's own, but for what PostgreSQL does."""
    waited, worked = [], []
    for act in acts:
        begun, busy = time.perf_counter(), time.process_time()
        answer = act()
        waited.append(time.perf_counter() - begun)
        worked.append(time.process_time() - busy)
        assert answer.status_code == 200, answer.status_code
    return waited, worked


def goal(fulfilled: bool, text: str) -> str:
    """The goal, and whether it was met."""
    return f"(goal {text})" if fulfilled else f"(goal {text}: MISSED)"
