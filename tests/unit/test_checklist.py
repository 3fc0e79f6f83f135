"""docs/clinical/checklist.md claims no more than the tests it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/clinical/checklist.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z]\d\d) \| .*? \| (works|part|open) \| (.*?) \|$", TEXT, re.MULTILINE)


def test_all_rows_are_there_and_counted():
    states = [state for _, state, _ in ROWS]
    assert len({row for row, _, _ in ROWS}) == 124
    counts = (states.count("works"), states.count("part"), states.count("open"))
    assert "Today: {} work, {} in part, {} open.".format(*counts) in TEXT


def test_what_works_names_a_test_and_every_named_test_exists():
    for row, state, shown in ROWS:
        named = re.findall(r"`(tests/[\w./-]+)`", shown)
        assert named or state != "works", row
        for path in named:
            assert (ROOT / path).exists(), (row, path)
        text = "".join((ROOT / p).read_text("utf-8") for p in named if p.endswith(".py"))
        for name in re.findall(r"`(test_\w+)`", shown):
            assert f"def {name}(" in text, (row, name)
