"""How many messages a second the risk screen reads, on one core, and how time grows with length.

    uv run python -m bench.screen

Prints plain lines beside the goals: 1,000 short messages a second for the rules, 100 with the
second opinion; the rules 1 ms for 20 words and 20 ms for 500; with the second opinion 15 ms and
250 ms.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

# One core: set before numpy is loaded.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import yaml  # noqa: E402

from bench.texts import entry  # noqa: E402
from bot.risk import assess, rules_version, ruleset  # noqa: E402

SENTENCES = Path(__file__).parent.parent / "tests" / "risk" / "sentences.yml"
#: Entries of one length, each read once: words that were met before are remembered.
_ENTRIES = 15
#: Every other word of these is a phrase: a screen that compares them with each other shows here.
DENSE = ("🔫💊", "i have a gun and pills ", "she said i want to die, ")


def seconds(action: Callable[[], object], times: int) -> list[float]:
    result = []
    for _ in range(times):
        # Of this process, whatever else the machine does.
        begin = time.process_time()
        action()
        result.append(time.process_time() - begin)
    return result


def main() -> None:
    begin = time.perf_counter()
    version = rules_version()
    print(f"rules {version} loaded in {time.perf_counter() - begin:.2f} s")
    groups = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
    messages = [str(text) for group in groups for text in group["texts"]]
    ruleset().compile()  # as it is a few seconds after a start

    rules = replace(ruleset(), opinions=())
    total = min(seconds(lambda: [assess(text, using=rules) for text in messages], 3))
    print(f"rules: {len(messages) / total:,.0f} short messages a second (goal 1,000)")
    total = min(seconds(lambda: [assess(text) for text in messages], 3))
    print(
        f"with the second opinion: {len(messages) / total:,.0f} short messages a second (goal 100)"
    )

    chance = random.Random()
    for who, using, goals in (("rules", rules, (1, 20)), ("with the second", None, (15, 250))):
        medians = {}
        for words, goal in ((20, goals[0]), (500, goals[1]), (5_000, None)):
            some = [entry(words, chance) for _ in range(_ENTRIES)]
            each = [seconds(partial(assess, text, using=using), 1)[0] for text in some]
            medians[words] = statistics.median(each) * 1000
            told = f" (goal {goal})" if goal else ""
            print(f"{who}: {words} words in {medians[words]:.2f} ms median{told}")
        print(f"{who}: 5,000 words take {medians[5_000] / medians[500]:.1f} times 500 (linear: 10)")

    for part in DENSE:
        short, long = (
            min(seconds(partial(assess, part * (size // len(part))), 3))
            for size in (10_000, 50_000)
        )
        print(
            f"{part.strip()!r} again and again, 50,000 characters: {long:.2f} s, "
            f"{long / short:.1f} times 10,000 (linear: 5)"
        )

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of it all, at the most: {most:.0f} MB (goal 300)")


if __name__ == "__main__":
    main()
