"""What is open on the clinic's list, as the patient is told it: all of theirs, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from clinic.escalation import welfare
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says
from tests.desk import record


def ask(edge: Edge, number: int, **task: Any) -> None:
    data = {"task": "question", "urgency": "routine"} | task
    record(edge.world, edge.patient, "clinic_task", f"task-{number}", data)


def told(edge: Edge) -> str:
    """What the companion may say of it, at the next message."""
    edge.peer.act = lambda turn: says(turn, "conversation.heard")
    edge.say("what is on my list")
    assert edge.contents()[-1] == "conversation.heard", "the companion answers"
    known: dict[str, str] = edge.peer.turns[-1]["context"]["known"]
    return known.get("requests", "")


@pytest.mark.parametrize("own", [welfare.SILENT, welfare.MISSED, "relapse_watch"])
def test_what_the_clinic_gave_itself_is_not_said_and_silences_nobody(edge: Edge, own: str) -> None:
    ask(edge, 1, text="may I swim")
    ask(edge, 2, task=own)
    assert told(edge) == "a question (“may I swim”)"


def test_more_than_five_are_counted_and_not_left_out_in_silence(edge: Edge) -> None:
    for number in range(7):
        ask(edge, number, text=f"number {number}")
    said = told(edge)
    assert [f"number {number}" in said for number in range(7)] == [False] * 2 + [True] * 5
    assert said.endswith("and 2 more")
