"""The detector with a deadline: raising or being late counts as urgent, never as silence (I4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bot import risk
from bot.risk.levels import Assessment, Context, State, failed

# A hung screening keeps its thread; the others still answer, and when all hang, every message
# times out and counts as unscreened: it fails toward a human.
_WORKERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="screening")


def screen(text: str, state: State, context: Context, deadline: float) -> Assessment:
    """Assess within ``deadline`` seconds, or say that it could not be done."""
    try:
        return _WORKERS.submit(risk.assess, text, state, context).result(timeout=deadline)
    except Exception:
        return failed()
