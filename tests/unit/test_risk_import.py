"""The detector stands alone: it must work when everything heavy is missing or broken."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys, time
spent = [time.process_time()]
import bot.risk
spent.append(time.process_time())
bot.risk.ruleset()
spent.append(time.process_time())
heavy = {"rasa", "tensorflow", "spacy", "sqlalchemy", "numpy", "tokenizers", "clinic"}
print(json.dumps([sorted(heavy & {name.partition(".")[0] for name in sys.modules}), spent]))
"""


def test_it_loads_nothing_heavy_and_soon() -> None:
    """Soon: beside what Python itself takes to start, which is as slow as the machine is."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    heavy, (bare, imported, ready) = json.loads(result.stdout)
    assert heavy == []
    assert imported - bare < 45 * bare
    assert ready - bare < 150 * bare
