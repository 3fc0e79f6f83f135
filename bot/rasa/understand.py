"""What the assistant makes of a sentence: JSON lines in, JSON lines out.

``echo '{"text": "who reads this?"}' | python -m bot.rasa.understand`` prints
``{"intent": "ask_who_reads", "confidence": 0.93}``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, TextIO

from bot.rasa import logs


def answer(agent: Any, lines: TextIO, out: TextIO) -> int:
    """One result a line, in order. Returns 1 when a line was no ``{"text": ...}``."""
    status = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            text = json.loads(line)["text"]
            intent = asyncio.run(_parse(agent, text))
            result = {"intent": intent["name"], "confidence": round(intent["confidence"], 4)}
        except (ValueError, KeyError, TypeError):
            result, status = {"error": 'not a line of the form {"text": "..."}'}, 1
        print(json.dumps(result), file=out, flush=True)
    return status


async def _parse(agent: Any, text: str) -> dict[str, Any]:
    from actions.turn import GUARD, VISIBLE

    if not VISIBLE.search(text):
        return {"name": "nlu_fallback", "confidence": 1.0}
    # As the channel does: typed text is never a command.
    words = f"{GUARD}{text.strip()}" if text.strip().startswith("/") else text
    parsed = await agent.parse_message(words)
    intent: dict[str, Any] = parsed["intent"]
    return intent


def main() -> int:
    logs.quiet()
    from rasa.core.tracker_store import InMemoryTrackerStore
    from rasa.shared.core.domain import Domain

    from bot.rasa import launcher

    try:
        path = launcher.checked_model(None)
        agent = launcher.load(path, InMemoryTrackerStore(Domain.empty()))
    except launcher.CannotStart as problem:
        print(f"understand: {problem}", file=sys.stderr)
        return 1
    return answer(agent, sys.stdin, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
