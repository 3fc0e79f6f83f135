"""How long a turn takes in each dialogue: the conversations of tests/conversations, through the
real edge, assistant and database, one after another on a manual clock.

A turn counts for the dialogue whose words answer it; answers to questions, safety and the rest are
shown beside the dialogues, and are not compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from bench.figures import goal, ms, percentile, spread
from bench.installation import BenchError
from bot import flows
from clinic import converse, settings
from clinic.settings import ROOT

SCRIPTS = ROOT / "tests" / "conversations"
#: Fewer turns than this say nothing about a dialogue.
_LEAST = 5
#: The first script is driven once more before the others: it loads the sentence model.
_WARM_UPS = 1


def run(rounds: int) -> None:
    paths = sorted(SCRIPTS.glob("*.yaml"))
    chosen = paths[:_WARM_UPS] + paths * rounds
    outcomes = converse.run(chosen, settings.load(), quiet=True)[_WARM_UPS:]
    failed = sorted({outcome.script for outcome in outcomes if outcome.failures})
    if failed:
        raise BenchError(f"not as expected: {', '.join(failed)}")
    tell(turn for outcome in outcomes for turn in outcome.turns)


def tell(turns: Iterable[dict[str, Any]]) -> None:
    """Prints a line for each dialogue, and how far the slowest is from the middle one."""
    took: dict[str, list[float]] = defaultdict(list)
    for turn in turns:
        if turn["replies"]:
            took[_topic(turn["replies"])].append(turn["seconds"])
    dialogues = {
        name: took.pop(name) for name in flows.flows() if len(took.get(name, ())) >= _LEAST
    }
    middles = {name: percentile(seconds, 0.5) for name, seconds in dialogues.items()}
    for name in sorted(middles, key=lambda name: -middles[name]):
        print(f"flows {name}: {len(dialogues[name])} turns {spread(dialogues[name], 0.5, 0.95)}")
    rest = {name: seconds for name, seconds in took.items() if len(seconds) >= _LEAST}
    for name in sorted(rest, key=lambda name: -percentile(rest[name], 0.5)):
        print(f"flows beside them, {name}: {len(rest[name])} turns {spread(rest[name], 0.5, 0.95)}")
    middle, slowest = percentile(list(middles.values()), 0.5), max(middles.values())
    ratio = slowest / middle
    print(
        f"flows {len(middles)} of {len(flows.flows())}: the slowest's p50 {ms(slowest)}, the "
        f"middle one's {ms(middle)}, ratio {ratio:.2f} {goal(ratio < 2, '< 2')}"
    )


def _topic(replies: list[dict[str, Any]]) -> str:
    """The dialogue among the replies' items, else what the first is about."""
    topics = [(reply["content"] or "").partition(".")[0] for reply in replies]
    return next((topic for topic in topics if topic in flows.flows()), topics[0])
