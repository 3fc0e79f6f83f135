"""Numbers to call: each with its source and day, and never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinic import crisis

GOOD = """
countries:
  ZZ:
    emergency: {number: "1", source: "s"}
    crisis: {name: "n", call: "2", hours: "24/7", source: "s"}
    checked: 2026-11-21
"""


def test_every_country_has_numbers_with_source_and_day():
    known = "US CA GB IE AU NZ ES FR DE PT BR CN NL AT CH IN MX KR SG"
    assert set(known.split()) <= set(crisis.countries())


def test_a_country_nobody_has_checked_gets_words():
    assert crisis.numbers("XX") == crisis.UNKNOWN
    assert not any(c.isdigit() for words in crisis.UNKNOWN.values() for c in words)


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('source: "s"}\n    checked', 'source: ""}\n    checked', "source"),
        ("24/7", "9 to 5", "day and night"),
        ("2026-11-21", '"lately"', "checked"),
        ('call: "2"', "call: 2", "quotes"),
        ('call: "2", ', "", "call"),
        ("ZZ", "zz", "two letters"),
    ],
)
def test_a_broken_entry_is_refused_with_its_country(tmp_path: Path, good: str, bad: str, said: str):
    path = tmp_path / "numbers.yml"
    path.write_text(GOOD.replace(good, bad))
    with pytest.raises(crisis.CrisisError, match=rf"(?i)zz: .*{said}"):
        crisis.countries(path)
