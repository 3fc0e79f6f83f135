"""How well it understands words nobody trained it on, and how surely it says it does not know."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import yaml
from conftest import ROOT

from bot.rasa import understand

HOLDOUT = yaml.safe_load((ROOT / "tests/rasa/holdout.yml").read_text())
PAIRS = [(str(text), intent) for intent, texts in HOLDOUT.items() for text in texts]
#: Measured 0.93 when this was written; most of the rest is an honest fallback.
ENOUGH = 0.85


def read(agent: Any, texts: list[str]) -> list[dict[str, Any]]:
    lines = io.StringIO("\n".join(json.dumps({"text": text}) for text in texts))
    out = io.StringIO()
    assert understand.answer(agent, lines, out) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_paraphrases_are_understood(agent: Any) -> None:
    found = read(agent, [text for text, _ in PAIRS])
    pairs = zip(PAIRS, found, strict=True)
    wrong = [(text, want, got["intent"]) for (text, want), got in pairs if got["intent"] != want]
    right = 1 - len(wrong) / len(PAIRS)
    print(f"\n{right:.1%} of {len(PAIRS)} paraphrases understood; not: {wrong}")
    assert right >= ENOUGH, wrong


def test_no_paraphrase_is_a_training_example() -> None:
    examples = set()
    for path in (ROOT / "data/nlu").glob("*.yml"):
        for item in yaml.safe_load(path.read_text())["nlu"]:
            examples |= {line.removeprefix("- ").strip() for line in item["examples"].splitlines()}
    assert not {text for text, _ in PAIRS} & examples


def test_nonsense_is_not_understood(agent: Any) -> None:
    for result in read(agent, ["xqzt blorf", "grmpf vlad znk", "kjhg bvrt zzpt"]):
        assert result["intent"] == "nlu_fallback"


def test_a_line_that_is_no_question_is_named_and_the_rest_answered(agent: Any) -> None:
    out = io.StringIO()
    lines = io.StringIO('nonsense\n{"text": "who reads this?"}\n{"words": 1}\n\n{"text": ""}\n')
    assert understand.answer(agent, lines, out) == 1
    results = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "error" in results[0]
    assert results[1]["intent"] == "ask_who_reads"
    assert "error" in results[2]
    assert results[3]["intent"] == "nlu_fallback"


def test_typed_slashes_are_words(agent: Any) -> None:
    assert read(agent, ["/restart"])[0]["intent"] != "restart"


def test_risk_is_named_as_risk(agent: Any) -> None:
    parsed = asyncio.run(agent.parse_message("I want to kill myself"))
    assert parsed["intent"] == {"name": "safety_risk", "confidence": 1.0}
