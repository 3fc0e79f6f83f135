"""How many messages a second the risk screen reads, on one core, and how time grows with length.

    uv run python bench/screen.py

Prints plain lines beside the goals: 1,000 short messages a second for the rules, 100 with the
second opinion; the rules 1 ms for 20 words and 20 ms for 500; with the second opinion 15 ms and
250 ms.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

# One core: set before numpy is loaded.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import yaml  # noqa: E402

from bot.risk import assess, rules_version, ruleset  # noqa: E402

SENTENCES = Path(__file__).parent.parent / "tests" / "risk" / "sentences.yml"
TWENTY = (
    "I walked by the river today and thought about the session and about what my sister said to me."
)


def seconds(action: Callable[[], object], times: int) -> list[float]:
    result = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        result.append(time.perf_counter() - begin)
    return result


def main() -> None:
    begin = time.perf_counter()
    version = rules_version()
    print(f"rules {version} loaded in {time.perf_counter() - begin:.2f} s")
    groups = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
    messages = [str(text) for group in groups for text in group["texts"]]
    assess("warm up")

    rules = replace(ruleset(), opinion=None)
    total = min(seconds(lambda: [assess(text, using=rules) for text in messages], 3))
    print(f"rules: {len(messages) / total:,.0f} short messages a second (goal 1,000)")
    total = min(seconds(lambda: [assess(text) for text in messages], 3))
    print(
        f"with the second opinion: {len(messages) / total:,.0f} short messages a second (goal 100)"
    )

    for words, goals in ((20, (1, 15)), (500, (20, 250)), (5_000, (None, None))):
        text = " ".join((TWENTY.split() * (words // 10))[:words])
        for who, using, goal in (("rules", rules, goals[0]), ("with the second", None, goals[1])):
            # The same words in another order are other chunks: nothing is measured from a cache.
            each = seconds(lambda text=text, using=using: assess(text, using=using), 15)  # type: ignore[misc]
            told = f" (goal {goal})" if goal else ""
            print(f"{who}: {words} words in {statistics.median(each) * 1000:.2f} ms median{told}")

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of it all, at the most: {most:.0f} MB (goal 300)")


if __name__ == "__main__":
    main()
