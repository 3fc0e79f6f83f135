"""The scripts in tests/conversations, through the real edge, assistant and database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.stages import QUIET, QUIET_WORDS, WORDS
from clinic import converse, scripts, supervisor
from clinic.settings import ROOT
from tests.builders import settings

SCRIPTS = sorted((ROOT / "tests" / "conversations").glob("*.yaml"))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, converse.Outcome]:
    """One assistant for all scripts; each script has a clinic of its own."""
    assert supervisor.ASSISTANT_PYTHON.exists(), "run: make setup"
    home = tmp_path_factory.mktemp("converse")
    ran = converse.run(SCRIPTS, settings(home), quiet=True)
    return {path.stem: outcome for path, outcome in zip(SCRIPTS, ran, strict=True)}


@pytest.mark.assistant
@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_the_conversation_goes_as_its_script_says(name: str, outcomes):
    assert outcomes[name].failures == []


#: A crisis card names two numbers, and a questionnaire says what its authors wrote.
AS_SIGNED = ("safety.", "measure.")


@pytest.mark.assistant
@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_no_bubble_is_longer_than_its_stage_allows_with_all_that_is_filled_in(name: str, outcomes):
    said = [one for one in outcomes[name].record if one["author"] in ("bot", "system")]
    assert said
    for one in said:
        short = one["stage"] in QUIET and not str(one["content"]).startswith(AS_SIGNED)
        most = QUIET_WORDS if short else WORDS
        assert len(one["text"].split()) <= most, (one["stage"], one["content"], one["text"])


@pytest.mark.assistant
@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_a_turn_asks_one_question(name: str, outcomes):
    """What a patient wrote and is quoted does not count."""
    for turn in outcomes[name].turns:
        asked = [re.sub(r"“[^”]*”", "", reply["text"]) for reply in turn["replies"]]
        assert sum(text.count("?") for text in asked) <= 1, asked


def test_a_script_that_cannot_be_read_names_file_and_place(tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nturns:\n  - patient: hi\n    expect: {level_min: high}\n")
    with pytest.raises(scripts.ScriptError, match=r"wrong\.yaml.*level_min"):
        scripts.load(path)


SAID = {
    "level": "watch",
    "rules": ["suicide.slang"],
    "replies": [{"content": "safety.ask", "text": "Are you thinking", "choices": ["Yes", "No"]}],
    "alerted": False,
    "tasks": ["ride"],
    "visits": True,
}


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ({"level_min": "urgent"}, "wanted at least"),
        ({"level_max": "none"}, "wanted at most"),
        ({"says": ["988"]}, "does not say"),
        ({"says_not": ["THINKING"]}, "says /THINKING/"),
        ({"clinician_alerted": True}, "no clinician was alerted"),
        ({"tasks": []}, "on the clinic's list ['ride'], wanted []"),
        ({"visits": False}, "the companion comes by itself"),
    ],
)
def test_each_expectation_can_fail(expect: dict[str, object], problem: str):
    (found,) = converse.compare(expect, SAID)
    assert problem in found


def test_expectations_that_hold_say_nothing():
    assert (
        converse.compare(
            {
                "level_min": "watch",
                "level_max": "watch",
                "says": ["are you"],
                "clinician_alerted": False,
                "tasks": ["ride"],
                "visits": True,
            },
            SAID,
        )
        == []
    )
