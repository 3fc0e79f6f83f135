"""JSON lines in, JSON lines out; and one message explained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bot import risk
from bot.risk import assess, rules_version
from bot.risk.detect import Found
from bot.risk.screen import explain, screen
from clinic.cli import app


def one(**row: Any) -> dict[str, Any]:
    (line,) = screen([json.dumps(row)])
    result: dict[str, Any] = json.loads(line)
    return result


def test_a_line_becomes_a_line() -> None:
    result = one(id="a", text="Well, I want to die.")
    assert result["id"] == "a"
    assert result["level"] == "urgent"
    assert result["categories"] == ["suicide"]
    assert 0 < result["score"] < 1
    first = result["evidence"][0]
    assert set(first) == {"start", "end", "rule", "version", "level", "reason"}
    assert (first["version"], first["level"]) == (
        assess("I want to die").evidence[0].version,
        "urgent",
    )
    assert result["rules"] == rules_version()
    assert result["unscreened"] is False
    assert "want to die" in "Well, I want to die."[first["start"] : first["end"]]


def test_a_failure_is_told_from_an_ordinary_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Found:
        raise OSError("no rules")

    monkeypatch.setattr(risk, "find", broken)
    result = one(id="a", text="We had soup.")
    assert (result["level"], result["unscreened"], result["evidence"]) == ("urgent", True, [])


def test_hours_are_used() -> None:
    assert one(id=1, text="I'm foggy", hours_since_infusion=1)["level"] == "none"
    assert one(id=1, text="I'm foggy", hours_since_infusion=6)["level"] == "urgent"


def test_history_is_replayed() -> None:
    result = one(id=1, text="never mind, jk", history=["I want to kill myself"])
    assert result["level"] == "emergency"
    assert result["categories"] == ["suicide"]
    assert one(id=1, text="never mind, jk", history=["hi"])["level"] == "none"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ('"text"', "not an object"),
        ('{"text": "a"}', "id is missing"),
        ('{"id": 1}', "text is missing"),
        ('{"id": 1, "text": 5}', "text is missing"),
        ('{"id": 1, "text": "a", "hours_since_infusion": "two"}', "not a number"),
        ('{"id": 1, "text": "a", "history": "b"}', "not a list of texts"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_told_and_the_next_is_read(line: str, problem: str) -> None:
    first, second = screen(['{"id": 0, "text": "a"}', line])
    assert "level" in json.loads(first)
    assert json.loads(second)["error"].startswith("line 2: ")
    assert problem in json.loads(second)["error"]


def test_blank_lines_are_skipped() -> None:
    assert list(screen(["", "\n"])) == []


def test_explain_tells_the_whole_way() -> None:
    told = explain("My sister is suicidal. I'm dizzy, no chest pain. I want to k1ll myself", 5)
    for words in (
        "i want to kill myself",
        "suicide.intent.want v1 -> emergency: counts as it is written",
        "about or said by somebody else",
        "lowered from emergency: denied",
        "medical.fog_lasting v6 -> urgent",
        "Outcome: emergency (suicide, medical)",
    ):
        assert words in told, told


def test_explain_knows_the_hours_and_what_was_said_before() -> None:
    runner, alone = CliRunner(), ["screen", "--explain", "tonight"]
    said = runner.invoke(app, [*alone, "--history", "hi", "--history", "I want to die"]).output
    assert "Outcome: emergency (suicide)\nConversation: urgent before, emergency now\n" in said
    assert "Outcome: none" in runner.invoke(app, alone).output
    gone = ["screen", "--explain", "foggy for the first hour like they said, then fine"]
    assert "lowered from urgent: went as" in runner.invoke(app, [*gone, "--hours", "6"]).output
    foggy = ["screen", "--explain", "I'm foggy"]
    assert "Outcome: urgent" in runner.invoke(app, [*foggy, "--hours", "6"]).output
    assert "Outcome: none" in runner.invoke(app, [*foggy, "--hours", "1"]).output
    assert runner.invoke(app, ["screen", "--hours", "6"], input="").exit_code != 0


def test_explain_tells_that_words_are_advice() -> None:
    told = explain("I'm so sorry you are hurting. You deserve to live. Do you want to die?")
    assert "about somebody who is consoled or advised" in told
    assert "Outcome: none" in told


def test_explain_of_quiet_words() -> None:
    assert "Outcome: none\n" in explain("I died in there and it was peaceful")
