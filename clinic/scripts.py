"""Scripts for `afterglow converse`: what a file may hold, checked before anything runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

from bot.contract import RISK_LEVELS, TASKS
from bot.stages import PROGRAMS

_LEVEL = {"enum": list(RISK_LEVELS)}
_REGEXES = {"type": "array", "items": {"type": "string"}}
_SPAN = {"type": "string", "pattern": r"^\d+(\.\d+)?[mhd]$"}
_TURN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        # Time passing before it.
        "after": _SPAN,
        # What the patient writes: a line, or several; expectations are of the last.
        "patient": {"type": ["string", "array"], "items": {"type": "string"}},
        # Or what happens instead: staff plan an infusion, the next one is held when its time comes,
        # the patient looks at the page.
        "planned_in": _SPAN,
        "infusion_minutes": {"type": "integer", "minimum": 1},
        "opens": {"const": True},
        "expect": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "level_min": _LEVEL,
                "level_max": _LEVEL,
                "says": _REGEXES,
                "says_not": _REGEXES,
                "clinician_alerted": {"type": "boolean"},
                # What this turn put on the clinic's list: all of it, in any order.
                "tasks": {"type": "array", "items": {"enum": list(TASKS)}},
                # Whether the companion still comes by itself, at some time to come.
                "visits": {"type": "boolean"},
            },
        },
    },
    "anyOf": [
        {"required": [what]} for what in ("patient", "planned_in", "infusion_minutes", "opens")
    ],
}
_check = fastjsonschema.compile(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "turns"],
        "properties": {
            "name": {"type": "string"},
            "hours_since_infusion": {"type": ["number", "null"]},
            # How many infusions there were before that one, a week apart.
            "earlier_infusions": {"type": "integer", "minimum": 0},
            # A planned one; below zero it runs since then.
            "hours_until_infusion": {"type": "number"},
            "clinic": {"type": "object", "additionalProperties": {"type": "string"}},
            "program": {"enum": list(PROGRAMS)},
            "turns": {
                "type": "array",
                "minItems": 1,
                "items": _TURN,
            },
        },
    }
)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class ScriptError(ValueError):
    """A script cannot be read; the text names the file and the place."""


def load(path: Path) -> dict[str, Any]:
    try:
        script: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ScriptError(f"{path}: {error}") from None
    try:
        _check(script)
    except fastjsonschema.JsonSchemaValueException as wrong:
        raise ScriptError(f"{path}: {wrong.message}") from None
    return script


def span(text: str) -> timedelta:
    """How long "10m", "3h" or "2d" is."""
    return timedelta(**{_UNITS[text[-1]]: float(text[:-1])})
