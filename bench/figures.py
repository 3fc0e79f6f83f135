"""From many seconds to few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def spread(values: Sequence[float], *shares: float) -> str:
    """``p50 12.3 ms p95 45.6 ms`` of many seconds."""
    return " ".join(f"p{share * 100:.0f} {ms(percentile(values, share))}" for share in shares)


def goal(fulfilled: bool, text: str) -> str:
    """The goal, and whether it was met."""
    return f"(goal {text})" if fulfilled else f"(goal {text}: MISSED)"
