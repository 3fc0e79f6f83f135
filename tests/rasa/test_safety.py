"""Words that show risk, in every situation the dialogue can be in."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Talk
from test_reflection import walk

from actions import reflection, safety
from bot import content

RISK = "I want to kill myself tonight"
EMERGENCY = {"risk": "emergency", "categories": ("suicide",)}

#: Every question of the reflection, with the way to it.
PATHS = {
    **{step.name: () for step in reflection.STEPS},
    "unwell": (("body", "unwell"),),
    "noticed": (("image", "nothing"),),
    "hoped": (("image", "nothing"),),
    "sits": (("image", "nothing"),),
    "distress": (("tone", "hard"),),
    "after": (("tone", "hard"), ("distress", "9")),
    "person": (("tone", "hard"), ("distress", "9")),
    "which": (("recap", "change"),),
}


def go(talk: Talk, step: str) -> None:
    for at, choice in PATHS[step]:
        walk(talk, at)
        talk.says(choice) if choice.isdigit() else talk.taps(choice)
    walk(talk, step)


def stored_words(talk: Talk) -> str:
    return str(talk.records)


@pytest.mark.parametrize("step", list(PATHS))
def test_risk_at_each_question_is_answered_as_risk_and_enters_no_record(
    talk: Talk, step: str
) -> None:
    go(talk, step)
    reply = talk.says(RISK, **EMERGENCY)
    assert reply.ids == ["safety.stay"]
    assert reply.records == []
    assert RISK not in stored_words(talk)
    assert talk.says("hello").last.startswith("conversation."), "no form goes on by itself"


@pytest.mark.parametrize("before", [[], ["hi"], ["zxcv qwer asdf"], ["hi", "who reads this?"]])
def test_risk_outside_a_reflection_is_answered_as_risk(talk: Talk, before: list[str]) -> None:
    for text in before:
        talk.says(text)
    assert talk.says(RISK, **EMERGENCY).ids == ["safety.stay"]


def test_risk_after_a_long_silence_is_answered_as_risk(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says(RISK, after=9 * 24 * 3600, **EMERGENCY).ids == ["safety.stay"]


@pytest.mark.parametrize("stage", ["infusion", "recovery", "evening", "maintenance", "onboarding"])
def test_risk_in_every_stage_is_answered_as_risk(talk: Talk, stage: str) -> None:
    talk.stage = stage
    assert talk.says(RISK, **EMERGENCY).ids == ["safety.stay"]


def test_what_the_edge_missed_is_seen_here_and_gets_the_card(talk: Talk) -> None:
    walk(talk, "stayed")
    reply = talk.says(RISK, risk="none")
    assert reply.ids == ["safety.card", "safety.stay"]
    assert "911" in reply.text


def test_what_the_edge_saw_counts_even_in_harmless_words(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says("blue", risk="urgent", categories=("self_harm",)).ids == ["safety.stay"]
    assert "stayed" not in talk.parts()


def test_watch_asks_directly_and_never_the_same_twice_in_a_row(talk: Talk) -> None:
    said = [
        talk.says("what is the point", risk="watch", categories=("suicide",)).ids[0]
        for _ in range(6)
    ]
    assert said[0] == "safety.ask"
    assert all(first != second for first, second in pairwise(said))
    assert len(set(said)) == 3


def test_urgent_varies_the_next_step(talk: Talk) -> None:
    said = [talk.says(RISK, **EMERGENCY).ids[0] for _ in range(6)]
    assert all(first != second for first, second in pairwise(said))
    assert len(set(said)) == 4


@pytest.mark.parametrize(
    ("level", "category", "said"),
    [
        ("emergency", "medical", "safety.stay_medical"),
        ("urgent", "medical", "safety.stay_same_day"),
        ("watch", "medical", "safety.ask_medical"),
        ("watch", "abuse", "safety.ask_safe"),
        ("watch", "harm_to_others", "safety.ask_safe"),
        ("urgent", "abuse", "safety.stay"),
    ],
)
def test_the_next_step_fits_what_it_is_about(
    talk: Talk, level: str, category: str, said: str
) -> None:
    assert talk.says("it happened again", risk=level, categories=(category,)).ids == [said]


@pytest.mark.parametrize(("choice", "said"), [("yes", "yes"), ("not_sure", "yes"), ("no", "no")])
def test_the_answer_to_the_direct_question_is_taken(talk: Talk, choice: str, said: str) -> None:
    walk(talk, "stayed")
    talk.says("what is the point", risk="watch", categories=("suicide",))
    level = "none" if choice == "no" else "urgent"
    assert talk.taps(choice, risk=level).ids == [f"safety.{said}_next"]


@pytest.mark.parametrize(("words", "said"), [("yes", "yes"), ("Not sure", "yes"), ("no", "no")])
def test_a_typed_answer_is_taken_and_a_yes_reaches_a_person(
    talk: Talk, words: str, said: str
) -> None:
    talk.says("what is the point", risk="watch", categories=("suicide",))
    reply = talk.says(words)
    assert reply.ids == [f"safety.{said}_next"]
    assert reply.tasks() == ([("human_request", "urgent")] if said == "yes" else [])


def test_after_a_no_the_reflection_can_be_taken_up_where_it_was(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("what is the point", risk="watch", categories=("suicide",))
    talk.taps("no")
    assert talk.taps("go_on").ids == ["reflection.go_on", "reflection.stayed"]
    assert talk.parts()["image"] == ("answered", "a warm light over the sea")


def test_a_safety_question_answered_in_the_middle_of_a_reflection_ends_it(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("is this normal?")
    payload = '/safety_answer{"answer":"no","about":"medical"}'
    reply = talk._send({"kind": "choice", "text": "No", "payload": payload})
    assert reply.ids == ["safety.no_next_medical"]
    assert talk.taps("go_on").ids == ["reflection.go_on", "reflection.stayed"]


# ---- Rules of the house ----


def test_every_form_ignores_the_safety_intents() -> None:
    forms = yaml.safe_load((ROOT / "domain.yml").read_text())["forms"]
    for name, form in forms.items():
        assert {"safety_risk", "safety_answer"} <= set(form["ignored_intents"]), name


def test_the_form_lists_exactly_the_questions_there_are() -> None:
    form = yaml.safe_load((ROOT / "domain.yml").read_text())["forms"]["reflection_form"]
    assert form["required_slots"] == [f"reflection_{step.name}" for step in reflection.STEPS]


def test_every_safety_item_has_one_wording() -> None:
    items = [item for item in content.registry() if item.id.startswith("safety.")]
    assert items
    assert all(len(item.variants) == 1 for item in items)


def test_every_safety_item_that_is_said_exists() -> None:
    said = (
        *safety.QUESTIONS,
        *safety.THEN,
        *safety.STAY,
        *safety.STAY_MEDICAL,
        *safety.STAY_SAME_DAY,
    )
    assert all(name in content.registry() for name in said)


@pytest.mark.parametrize("name", safety.QUESTIONS)
def test_the_direct_questions_raise_on_yes_and_unsure_and_complete_on_no(name: str) -> None:
    item = content.registry().item(name)
    raises = {choice.id: choice.raises for choice in item.choices}
    assert raises["yes"] in ("urgent", "emergency")
    assert raises["not_sure"] == "urgent"
    assert raises["no"] is None
    assert [choice.id for choice in item.choices if choice.completes_screen] == ["no"]


BANNED = {"ConversationPaused", "FollowupAction", "ReminderScheduled", "ReminderCancelled"}


def names(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name.split(".")[-1])
    return found


def test_the_banned_events_are_nowhere_used() -> None:
    files = [*ROOT.glob("actions/**/*.py"), *ROOT.glob("bot/*.py"), *ROOT.glob("bot/rasa/*.py")]
    assert len(files) > 10
    for path in files:
        assert not names(path) & BANNED, path
    for path in [*ROOT.glob("data/rules/*.yml"), *ROOT.glob("data/stories/*.yml")]:
        text = path.read_text()
        assert not any(banned in text for banned in ("action_pause", "followup", "reminder")), path


def test_the_check_for_banned_events_finds_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from rasa_sdk import events\nx = events.FollowupAction('a')\n")
    assert names(bad) & BANNED


def test_actions_have_no_clock_no_network_and_no_database() -> None:
    banned = {"time", "socket", "requests", "httpx", "aiohttp", "urllib", "sqlalchemy", "sqlite3"}
    for path in ROOT.glob("actions/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            assert not {module.split(".")[0] for module in modules} & banned, path
        assert "now" not in names(path), f"{path}: the time comes from the turn"
