"""Broken rules never meet a patient: the start is refused, and says where to mend them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import risk
from clinic import cli, medical_history, supervisor

BROKEN = """category: suicide
source: a test
rules:
  - id: broken.one
    version: 1
    level: dreadful
    reason: A level there is not.
    patterns: [never mind]
    match: [never mind]
"""


class Parts:
    """Stands where the processes would be."""

    stopped = False

    def __init__(self, *_: object) -> None:
        Parts.stopped = False

    def heed_signals(self) -> None: ...
    def start(self) -> None: ...
    def wait_for_edge(self) -> None: ...
    def watch(self) -> None:
        pytest.fail("it went on with broken rules")

    def stop(self) -> None:
        Parts.stopped = True


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the rules that may be broken, read anew."""
    copy = Path(shutil.copytree(risk.ROOT, tmp_path / "risk"))
    monkeypatch.setattr(risk, "ROOT", copy)
    monkeypatch.setattr(risk, "_loaded", {})
    monkeypatch.setattr(risk, "_warm", lambda _: None)
    monkeypatch.setattr(supervisor, "Supervisor", Parts)
    return copy / "en"


def test_a_broken_rule_file_is_refused_with_its_line(rules: Path) -> None:
    (rules / "broken.yml").write_text(BROKEN, encoding="utf-8")
    outcome = CliRunner().invoke(cli.app, ["run"], env={"COLUMNS": "300"})
    assert outcome.exit_code != 0
    assert "broken.yml line 4: broken.one: level is one of" in outcome.output
    assert Parts.stopped


def test_altered_weights_are_refused_by_name(rules: Path) -> None:
    weights = rules / "opinion.json"
    weights.write_text(weights.read_text("utf-8").replace('"sha256": "', '"sha256": "0'), "utf-8")
    outcome = CliRunner().invoke(cli.app, ["run"], env={"COLUMNS": "300"})
    assert outcome.exit_code != 0
    assert "opinion.json" in outcome.output


def test_a_history_that_raises_no_known_risk_is_refused_by_name(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "medical_history.yml"
    broken.write_text(
        medical_history.PATH.read_text("utf-8").replace("raises: [", "raises: [luck, ")
    )
    monkeypatch.setattr(medical_history, "PATH", broken)
    medical_history.policy.cache_clear()
    outcome = CliRunner().invoke(cli.app, ["run"], env={"COLUMNS": "300"})
    medical_history.policy.cache_clear()
    assert outcome.exit_code != 0
    assert "medical_history.yml: no such risk as luck" in outcome.output


def test_what_is_written_meanwhile_counts_as_urgent(rules: Path) -> None:
    (rules / "broken.yml").write_text(BROKEN, encoding="utf-8")
    result = risk.assess("we had soup")
    assert (result.level, result.unscreened) == (risk.Level.urgent, True)
