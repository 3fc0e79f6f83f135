"""The stories of every dialogue: none lacks one, and the running assistant does what they say.

`rasa test --e2e` compares predictions alone (tests/rasa/test_authors.py runs it); here each story
is also said, line by line, at the assistant's own door, with its forms and actions.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from conftest import CLINIC as NUMBERS
from conftest import ROOT, Talk
from test_dialogues import CLINIC, KNOWN

from bot.flows import flows

STORIES = ROOT / "tests/rasa/stories"
ENDED = "action_dialogue_close"
#: What every dialogue must survive, by the intent that brings it.
UNHAPPY = {
    "skipped": "skip",
    "stopped": "stop_for_now",
    "interrupted by a question": "ask_who_reads",
    "interrupted by risk": "safety_risk",
}
Story = dict[str, Any]


def stories(flow: str) -> list[Story]:
    path = STORIES / f"test_{flow}.yml"
    if not path.exists():
        return []
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["stories"])


def turns(story: Story) -> list[tuple[str, str, list[str]]]:
    """Each line of the patient's: its words, its intent, and the actions that follow."""
    found: list[tuple[str, str, list[str]]] = []
    for step in story["steps"]:
        if "user" in step:
            found.append((step["user"].strip(), step["intent"], []))
        elif "action" in step:
            found[-1][2].append(step["action"])
    return found


def is_happy(story: Story) -> bool:
    said = turns(story)
    return said[-1][2][-1] == ENDED and not {i for _, i, _ in said} & set(UNHAPPY.values())


@pytest.mark.parametrize("flow", flows())
def test_every_dialogue_has_a_story_that_ends_well_and_one_for_each_way_it_does_not(
    flow: str,
) -> None:
    told = stories(flow)
    assert any(is_happy(story) for story in told), f"{flow} has no story to its end"
    met = {intent for story in told for _, intent, _ in turns(story)}
    lacking = [way for way, intent in UNHAPPY.items() if intent not in met]
    assert not lacking, f"{flow} has no story of being {lacking}"


@pytest.mark.parametrize(
    ("flow", "story"),
    [pytest.param(flow, story, id=story["story"]) for flow in flows() for story in stories(flow)],
)
def test_the_running_assistant_does_what_the_story_says(
    talk: Talk, agent: Any, flow: str, story: Story
) -> None:
    stages = flows()[flow].stages
    talk.stage = stages[0] if stages else "between"
    before = flows()[flow].needs_next or talk.stage == "preparation"
    talk.hours, talk.infusion = (None, None) if before else (100.0, 2)
    known = {**KNOWN, "step_due": KNOWN["small_step"]}
    if before:
        # No phrase is known yet; on the day there is one to be shown.
        del known["let_go"]
    context = {"known": known, "effects_over": False}
    said: list[str] = []
    for words, intent, actions in turns(story):
        danger = intent == "safety_risk"
        message = {"kind": "text", "text": words}
        if words.startswith("/"):
            message = {"kind": "choice", "text": "a button", "payload": words}
        reply = talk._send(
            message,
            risk="emergency" if danger else "none",
            categories=("suicide",) if danger else (),
            clinic={**CLINIC, **NUMBERS},
            **context,
        )
        assert done(agent, talk.name) == actions, (words, reply.ids)
        said = reply.ids
    if is_happy(story):
        assert any(".closed" in name for name in said), said


def done(agent: Any, conversation: str) -> list[str]:
    """What was done since the patient's last line, without listening."""
    events = [event.as_dict() for event in agent.tracker_store._tracker_store.events(conversation)]
    last = max(n for n, event in enumerate(events) if event["event"] == "user")
    names = [event["name"] for event in events[last:] if event["event"] == "action"]
    return [name for name in names if name != "action_listen"]
