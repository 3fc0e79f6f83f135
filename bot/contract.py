"""The seam between the clinic service and the assistant: ``Turn`` in, ``Reply`` out.

One HTTP call a turn. Both sides check both documents against the schemas below, so a foreign,
old or broken peer is noticed at the seam and not in a patient's chat (docs/adr/0001).

The assistant never sends sentences. It names items of the content registry (id, version, variant)
and the values to fill in; the clinic service renders them. What is not in the registry cannot be
shown (invariant I7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastjsonschema

from bot.stages import LIMITS
from bot.variables import VARIABLES

VERSION = 1

#: Longest patient message the assistant is given, in characters. Longer text is stored and
#: screened whole at the edge; the dialogue needs no more than this.
MAX_TEXT = 20_000

STAGES = (
    "onboarding",
    "preparation",
    "day_of",
    "infusion",
    "recovery",
    "evening",
    "day_1",
    "day_2",
    "day_3",
    "day_4_5",
    "between",
    "pre_next",
    "end_of_induction",
    "maintenance",
    "ended",
)
RISK_LEVELS = ("none", "watch", "urgent", "emergency")
RISK_CATEGORIES = (
    "suicide",
    "self_harm",
    "harm_to_others",
    "abuse",
    "psychosis_mania",
    "substance",
    "medical",
)
#: What a patient may ask of the clinic, or the dialogue on their behalf.
TASKS = (
    "human_request",
    "medication",
    "schedule",
    "ride",
    "forms",
    "question",
    "illness",
    "fasting",
    "therapist",
    "summary",
    "under_age",
    "pause",
    "other",
)

_ID = {"type": "string", "minLength": 1, "maxLength": 120}
_TEXT = {"type": "string", "maxLength": MAX_TEXT}
_PART = {
    "type": "object",
    "additionalProperties": False,
    "required": ["prompt", "state"],
    "properties": {
        "prompt": _ID,
        "state": {"enum": ["answered", "skipped", "unknown"]},
        "text": _TEXT,
    },
}


def _data(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_PLAIN_TEXT = _data(["text"], {"text": _TEXT})

#: What the dialogue may hand to the record, and the shape of each kind's ``data``.
RECORDS: dict[str, dict[str, Any]] = {
    "journal_entry": _data(
        ["state", "sharing", "parts"],
        {
            "state": {"enum": ["draft", "complete"]},
            "sharing": {"enum": ["undecided", "private", "shared"]},
            "stage": {"enum": list(STAGES)},
            "infusion_number": {"type": ["integer", "null"], "minimum": 1},
            "parts": {"type": "array", "maxItems": 60, "items": _PART},
        },
    ),
    # Codes and numbers only: a patient's words belong to the entry and its sharing.
    "check_in": _data([], VARIABLES),
    "instrument_answer": _data(
        ["instrument", "item", "value"],
        # Only words that were no clear answer come this way (bot/screener.py): the edge itself
        # keeps taps and plain answers.
        {"instrument": _ID, "item": _ID, "value": {"type": "integer"}},
    ),
    "intention": _PLAIN_TEXT,
    "parked_decision": _PLAIN_TEXT,
    "small_step": _PLAIN_TEXT,
    "team_question": _PLAIN_TEXT,
    "win": _PLAIN_TEXT,
    "stressor": _PLAIN_TEXT,
    # Words to hand back later, under a name: a safe place, a phrase. The same name replaces.
    "remembered": _data(["name", "text"], {"name": _ID, "text": _TEXT}),
    "consent": _data(["scope", "given"], {"scope": _ID, "given": {"type": "boolean"}}),
    "safety_plan_part": _data(["part", "text"], {"part": _ID, "text": _TEXT}),
    "clinic_task": _data(
        ["task", "urgency"],
        {
            "task": {"enum": list(TASKS)},
            "urgency": {"enum": ["routine", "urgent"]},
            "text": _TEXT,
        },
    ),
}

TURN: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "id", "conversation", "message", "context"],
    "properties": {
        "version": {"const": VERSION},
        # The id of the patient's message: the same turn sent twice gets the same reply.
        "id": _ID,
        "conversation": _ID,
        "message": {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", "text"],
            "properties": {
                # text: typed words. choice: a button this service issued. open: the patient came
                # back, nobody has typed yet.
                "kind": {"enum": ["text", "choice", "open"]},
                "text": _TEXT,
                # Only for choice: the server's own payload, such as /affirm.
                "payload": {"type": "string", "maxLength": 400, "pattern": "^/[a-z]"},
            },
        },
        "context": {
            "type": "object",
            "additionalProperties": False,
            "required": ["now", "stage", "hours_since_infusion", "infusion_number", "risk"],
            "properties": {
                # By the patient's own clock: with the offset of the place they are at.
                "now": {"type": "string", "format": "date-time"},
                "locale": {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
                "stage": {"enum": list(STAGES)},
                "hours_since_infusion": {"type": ["number", "null"]},
                "infusion_number": {"type": ["integer", "null"], "minimum": 1},
                "hours_until_next": {"type": ["number", "null"]},
                # True: driving is out of the question. False is no permission.
                "driving_locked": {"type": "boolean"},
                # True: the companion comes by itself with this turn; nobody has opened the page.
                "by_itself": {"type": "boolean"},
                # Which of its visits it is (data/policy/touches.yml).
                "visit": {"type": ["string", "null"], "pattern": "^[a-z0-9_]+$"},
                # True: fog or nausea should be over by the clinic's own limit.
                "effects_over": {"type": "boolean"},
                # Hours the risk rules and the questions on the body read (bot/stages.py, LIMITS).
                "limits": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {name: {"type": "number"} for name in LIMITS},
                },
                # What the record already holds, by name: asked once, not again.
                "known": {"type": "object", "additionalProperties": _TEXT},
                "intention": {"type": ["string", "null"], "maxLength": 2000},
                # Clinic settings the wording needs, ready to show (names, hours, numbers).
                "clinic": {"type": "object", "additionalProperties": {"type": "string"}},
                # "item#variant" shown in the last seven days: no phrasing repeats within them.
                "phrases_used": {"type": "array", "items": {"type": "string"}, "maxItems": 2000},
                "risk": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["level", "conversation_level"],
                    "properties": {
                        "level": {"enum": list(RISK_LEVELS)},
                        "conversation_level": {"enum": list(RISK_LEVELS)},
                        "categories": {"type": "array", "items": {"enum": list(RISK_CATEGORIES)}},
                        # Direct questions said since the alert was opened (bot/screener.py).
                        "asked": {"type": "array", "items": _ID},
                    },
                },
                # What was asked and answered lately, by measure (bot/screener.py, Taken).
                "measures": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["state", "asked", "answers", "hours"],
                        "properties": {
                            "state": {"enum": ["draft", "complete"]},
                            "asked": {"type": "array", "items": _ID},
                            "answers": {
                                "type": "object",
                                "additionalProperties": {"type": "integer"},
                            },
                            "hours": {"type": "number", "minimum": 0},
                        },
                    },
                },
                # What is to be asked now, in this order (bot/cadence.py).
                "due_measures": {"type": "array", "items": _ID},
                # The patient's safety plan in their own words, by part (bot/safety_plan.py).
                "safety_plan": {"type": "object", "additionalProperties": _TEXT},
            },
        },
    },
}

#: Said before a turn, while its message is being stored: the assistant may begin to work on it.
EXPECTED: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": _TEXT},
}

#: Said when a patient is erased: nothing of this conversation is to be kept.
FORGOTTEN: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["conversation"],
    "properties": {"conversation": _ID},
}

REPLY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "id", "messages", "records"],
    "properties": {
        "version": {"const": VERSION},
        "id": _ID,
        "messages": {
            "type": "array",
            "maxItems": 8,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["content", "version", "variant", "values"],
                "properties": {
                    "content": _ID,
                    "version": {"type": "integer", "minimum": 1},
                    "variant": {"type": "integer", "minimum": 0},
                    "values": {"type": "object", "additionalProperties": _TEXT},
                },
            },
        },
        "records": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "key", "data"],
                # A record with the key of an earlier one replaces it (an entry grows).
                "properties": {"kind": {"enum": list(RECORDS)}, "key": _ID, "data": {}},
            },
        },
        "intent": {
            "type": "object",
            "required": ["name", "confidence"],
            "properties": {"name": {"type": ["string", "null"]}, "confidence": {"type": "number"}},
        },
    },
}


class ContractError(ValueError):
    """A turn or a reply that is not of the agreed shape. The text names the place, no content."""


def _checker(name: str, schema: dict[str, Any]) -> Callable[[Any], None]:
    # Compiled once: both sides check both documents at every turn.
    validate = fastjsonschema.compile(schema, use_default=False)

    def check(value: Any) -> None:
        try:
            validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            # The value itself may hold a patient's words, so only place and rule are named.
            path = "/".join(error.path[1:])
            raise ContractError(f"{name} is not valid at /{path}: {error.rule}") from None

    return check


_check_turn = _checker("turn", TURN)
_check_expected = _checker("expected", EXPECTED)
_check_forgotten = _checker("forgotten", FORGOTTEN)
_check_reply = _checker("reply", REPLY)
_check_record = {kind: _checker(f"record {kind}", schema) for kind, schema in RECORDS.items()}


def check_turn(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is a valid turn, else raise ContractError."""
    _check_turn(value)
    checked: dict[str, Any] = value
    return checked


def check_expected(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is words to expect, else raise ContractError."""
    _check_expected(value)
    checked: dict[str, Any] = value
    return checked


def check_forgotten(value: Any) -> dict[str, Any]:
    """Return ``value`` if it names a conversation to forget, else raise ContractError."""
    _check_forgotten(value)
    checked: dict[str, Any] = value
    return checked


def check_reply(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is a valid reply with valid records, else raise ContractError."""
    _check_reply(value)
    for record in value["records"]:
        _check_record[record["kind"]](record["data"])
    checked: dict[str, Any] = value
    return checked
