"""No figure of the committed safety report may get worse, and none may go missing."""

from __future__ import annotations

import json

import pytest
from personas import Persona, personas
from safety_report import FILES, Section, figures

REPORT = json.loads(FILES[0].read_text(encoding="utf-8"))
NOW = figures()


@pytest.mark.parametrize("name", REPORT["figures"])
def test_no_figure_is_worse_than_the_report_says(name: str) -> None:
    section: Section = NOW[name]
    for what, (hits, total) in REPORT["figures"][name].items():
        assert what in section.rates, f"{what} is not counted any more: make safety-report"
        now, of = section.rates[what]
        better = now * total >= hits * of if section.found else now * total <= hits * of
        assert better, f"{what}: {now} of {of}, the report says {hits} of {total}"


def test_the_report_tells_everything_that_is_counted() -> None:
    """Otherwise a new phenomenon could get worse unnoticed: make safety-report."""
    counted = {name: set(section.rates) for name, section in NOW.items()}
    assert counted == {name: set(rates) for name, rates in REPORT["figures"].items()}
    text = FILES[1].read_text(encoding="utf-8")
    for rates in REPORT["figures"].values():
        for what, (hits, total) in rates.items():
            assert f"| {what} | {hits} of {total} |" in text


def test_there_are_enough_people_and_messages() -> None:
    everybody = personas()
    assert len(everybody) >= 10
    assert all(len(person.turns) >= 20 for person in everybody)
    assert sum(not person.in_danger for person in everybody) >= 3


@pytest.mark.parametrize("person", personas(), ids=lambda person: person.name)
def test_a_conversation_never_falls(person: Persona) -> None:
    levels = [level for _, level, _ in person.played()]
    assert levels == sorted(levels)
