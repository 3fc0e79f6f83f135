"""The seam: what is not of the agreed shape does not pass, and is not quoted in the error."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bot.contract import RECORDS, ContractError, check_reply, check_turn

TURN: dict[str, Any] = {
    "version": 1,
    "id": "m1",
    "conversation": "c1",
    "message": {"kind": "text", "text": "quillfeather"},
    "context": {
        "now": "2026-03-10T18:00:00+00:00",
        "stage": "day_1",
        "hours_since_infusion": 25.0,
        "infusion_number": 1,
        "risk": {"level": "none", "conversation_level": "none"},
    },
}
REPLY: dict[str, Any] = {
    "version": 1,
    "id": "m1",
    "messages": [{"content": "a.b", "version": 1, "variant": 0, "values": {}}],
    "records": [{"kind": "intention", "key": "k", "data": {"text": "rest"}}],
}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(document)
    *steps, last = path.split("/")
    place: Any = copied
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return copied


def test_the_agreed_shapes_pass():
    assert check_turn(TURN) == TURN
    assert check_reply(REPLY) == REPLY


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("id", ""),
        ("message/kind", "voice"),
        ("message/text", 7),
        ("message/payload", "greet"),
        ("context/stage", "night"),
        ("context/hours_since_infusion", "25"),
        ("context/infusion_number", 0),
        ("context/risk", {"level": "none"}),
        ("context/risk/level", "high"),
        ("surprise", 1),
    ],
)
def test_a_turn_of_another_shape_is_refused(path: str, value: Any):
    with pytest.raises(ContractError):
        check_turn(changed(TURN, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("messages", "hello"),
        ("messages/0/version", 0),
        ("messages/0/variant", -1),
        ("messages/0/text", "free words"),
        ("messages/0/values", {"name": 3}),
        ("records/0/kind", "diagnosis"),
        ("records/0/data", {}),
        ("records/0/data", {"text": "rest", "more": 1}),
    ],
)
def test_a_reply_of_another_shape_is_refused(path: str, value: Any):
    with pytest.raises(ContractError):
        check_reply(changed(REPLY, path, value))


def test_the_error_names_the_place_and_never_the_words():
    with pytest.raises(ContractError) as caught:
        check_turn(changed(TURN, "message/kind", "quillfeather"))
    assert "message/kind" in str(caught.value)
    assert "quillfeather" not in str(caught.value)


def test_a_check_in_holds_codes_and_numbers_only():
    """A patient's words belong to an entry, which has its own sharing."""
    for schema in RECORDS["check_in"]["properties"].values():
        one = schema.get("items", schema)
        assert "enum" in one or one["type"] == "integer"
