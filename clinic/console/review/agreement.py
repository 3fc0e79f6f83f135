"""How far two readers agree beyond chance: Cohen's kappa (Cohen 1960), with its n."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """``observed`` and ``expected`` are shares of 1. ``kappa`` is None where there is nothing to
    measure: no pairs, or both readers always said one and the same thing."""

    n: int
    observed: float
    expected: float

    @property
    def kappa(self) -> float | None:
        if self.n == 0 or self.expected == 1:
            return None
        return (self.observed - self.expected) / (1 - self.expected)


def agreement(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Of pairs (what the first reader said, what the second said) about the same things.

    >>> pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10
    >>> round(agreement(pairs + [("no", "no")] * 15).kappa, 2)
    0.4
    """
    n = len(pairs)
    if n == 0:
        return Agreement(0, 0.0, 0.0)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / n
    expected = sum(first[name] * second[name] for name in first) / (n * n)
    return Agreement(n, observed, expected)
