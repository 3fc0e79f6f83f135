"""The commands a dialogue author uses, from the top of the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import ROOT


def rasa(*arguments: str) -> str:
    quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "rasa", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **quiet},
        timeout=300,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    return output


def test_the_data_is_valid_without_warnings() -> None:
    output = rasa("data", "validate", "--fail-on-warnings")
    # No examples on purpose: buttons send three of these, the risk component sets the fourth.
    missing = set(re.findall(r"intent '(\w+)' is listed in the domain file, but", output))
    assert missing == {"safety_risk", "safety_answer", "start_dialogue", "measure_answer"}
    assert "not used in any story or rule" not in output


def test_every_story_is_predicted(model: Path, tmp_path: Path) -> None:
    stories = ROOT / "tests/rasa/stories"
    output = rasa(
        *("test", "core", "--e2e", "--fail-on-prediction-errors", "--no-plot"),
        *("--model", str(model), "--stories", str(stories), "--out", str(tmp_path)),
    )
    count = sum(len(yaml.safe_load(path.read_text())["stories"]) for path in stories.iterdir())
    # Rasa is content with none at all.
    assert f"Correct:          {count} / {count}" in output
