"""The risk screen says the same on the assistant's Python as on the clinic's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

CLINIC_PYTHON = ROOT / ".venv" / "bin" / "python"
SCRIPT = """
import json, sys
from bot.risk import assess
for line in sys.stdin:
    found = assess(json.loads(line))
    told = [found.level.name, [item.rule for item in found.evidence], found.unscreened, found.rules]
    print(json.dumps([*told, None if found.score is None else f"{found.score:.6f}"]))
"""


def screened(python: Path, texts: list[str]) -> list[Any]:
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    ran = subprocess.run(
        [str(python), "-c", SCRIPT],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.skipif(not CLINIC_PYTHON.exists(), reason="the clinic's environment is not set up")
def test_both_pythons_screen_alike() -> None:
    groups = yaml.safe_load((ROOT / "tests" / "risk" / "sentences.yml").read_text("utf-8"))
    some = [str(text) for group in groups for text in group["texts"][:3]]
    around = yaml.safe_load((ROOT / "tests/risk/phenomena/entries.yml").read_text("utf-8"))[
        "around"
    ]
    quiet = around[0].replace("{clause}", "Then the rain came.")
    long = "\n\n".join(
        [quiet] * 5 + ["I rehearsed the last line of me and mean to be done.", quiet]
    )
    here = screened(Path(sys.executable), [long, *some])
    assert here == screened(CLINIC_PYTHON, [long, *some])
    *_, unscreened, rules, score = here[0]
    assert not unscreened
    assert rules
    assert 0 < float(score) < 1
    assert sum(row[-1] is not None for row in here) > len(some) / 2
