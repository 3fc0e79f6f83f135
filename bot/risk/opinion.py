"""The second opinion: a small linear classifier over the sentence embedding.

It can only make the companion ask (none -> watch), at a threshold chosen so that ordinary talk
stays quiet. Weights and model card: ``data/risk/en/opinion.json``, docs/clinical/risk.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]
else:
    Vector = Any


def score(embedding: Sequence[float] | Vector) -> float | None:
    """Probability that the writer is at risk, or None while there is no classifier."""
    return None


def threshold() -> float:
    """From which score on the companion asks."""
    return 1.0
