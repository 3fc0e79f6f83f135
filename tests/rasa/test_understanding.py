"""How well it understands words nobody trained it on, and how surely it says it does not know."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections import Counter
from typing import Any

import pytest
import yaml
from conftest import ROOT

from bot.rasa import understand

#: Sets of paraphrases, each by another hand or from another round; their heads say which.
HELD = ("holdout.yml", "holdout_2.yml", "holdout_3.yml")
#: Measured 0.90, 0.93 and 0.93 when this was written; of the rest, half is asked back.
ENOUGH = 0.88


def held(name: str) -> list[tuple[str, str]]:
    raw = yaml.safe_load((ROOT / "tests/rasa" / name).read_text())
    return [(str(text), intent) for intent, texts in raw.items() for text in texts]


def examples() -> list[tuple[str, str]]:
    found = []
    for path in (ROOT / "data/nlu").glob("*.yml"):
        for item in yaml.safe_load(path.read_text())["nlu"]:
            lines = item["examples"].splitlines()
            found += [(line.removeprefix("- ").strip(), item["intent"]) for line in lines]
    return found


def bare(text: str) -> str:
    """What is left without case and signs, so that a comma makes no new sentence."""
    return re.sub(r"[^\w\s?]", "", text.lower()).strip() or text


def read(agent: Any, texts: list[str]) -> list[dict[str, Any]]:
    lines = io.StringIO("\n".join(json.dumps({"text": text}) for text in texts))
    out = io.StringIO()
    assert understand.answer(agent, lines, out) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("name", HELD)
def test_paraphrases_are_understood(agent: Any, name: str) -> None:
    pairs = held(name)
    found = zip(pairs, read(agent, [text for text, _ in pairs]), strict=True)
    wrong = [(text, want, got["intent"]) for (text, want), got in found if got["intent"] != want]
    right = 1 - len(wrong) / len(pairs)
    print(f"\n{right:.1%} of {len(pairs)} paraphrases understood; not: {wrong}")
    assert right >= ENOUGH, wrong


@pytest.mark.parametrize("name", HELD)
def test_no_paraphrase_is_a_training_example(name: str) -> None:
    known = {bare(text) for text, _ in examples()}
    assert not {text for text, _ in held(name) if bare(text) in known}


def test_no_example_is_written_twice_or_for_two_intents() -> None:
    times = Counter(bare(text) for text, _ in examples())
    assert not [text for text, count in times.items() if count > 1]


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
