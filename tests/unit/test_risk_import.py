"""The detector stands alone: it must work when everything heavy is missing or broken."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, time
begin = time.perf_counter()
import bot.risk
imported = time.perf_counter()
bot.risk.ruleset()
heavy = {"rasa", "tensorflow", "spacy", "sqlalchemy", "numpy", "tokenizers", "clinic"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
print(f"import {imported - begin:.3f} s, rules {time.perf_counter() - imported:.3f} s")
"""


def test_it_loads_nothing_heavy() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    heavy, times = result.stdout.splitlines()
    print(times)
    assert heavy == "[]"
