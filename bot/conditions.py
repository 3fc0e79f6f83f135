"""Conditions as data, for flows and for answers: whether something is asked or said now.

A mapping that holds when all of it does. ``stage``, ``known``, ``setting``, ``driving``,
``effects`` (within the clinic's limit for after-effects, or over it) and ``risk`` (the level the
conversation carries) look at the turn's context, every other name at an earlier answer of the same
dialogue:
``{tone: [hard, mixed]}``, ``{distress: {least: 7}}``, ``{after: {not_below: before}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONTEXT = ("stage", "known", "setting", "driving", "effects", "risk")
#: Step -> {"state", "text", "value"}.
Answers = Mapping[str, Mapping[str, Any]]


def hold(
    condition: Mapping[str, Any], context: Mapping[str, Any], answers: Answers | None = None
) -> bool:
    """Whether all of ``condition`` holds; an empty one always does."""
    return all(_holds(name, wanted, context, answers or {}) for name, wanted in condition.items())


def _holds(name: str, wanted: Any, context: Mapping[str, Any], answers: Answers) -> bool:
    if name == "stage":
        return context["stage"] in wanted
    if name == "known":
        return any((context.get("known") or {}).get(one) for one in wanted)
    if name == "setting":
        return any((context.get("clinic") or {}).get(one) for one in wanted)
    if name == "risk":
        return context["risk"]["conversation_level"] in wanted
    if name == "driving":
        # When nobody has said, the stricter holds.
        return bool(wanted == ("locked" if context.get("driving_locked", True) else "open"))
    if name == "effects":
        return bool(wanted == ("over" if context.get("effects_over", True) else "within"))
    found = (answers.get(name) or {}).get("value")
    if isinstance(wanted, Mapping):
        return _compares(found, wanted, answers)
    return found in wanted


def _compares(found: Any, wanted: Mapping[str, Any], answers: Answers) -> bool:
    if not isinstance(found, int):
        return False
    if "least" in wanted:
        return found >= int(wanted["least"])
    other = (answers.get(wanted["not_below"]) or {}).get("value")
    return isinstance(other, int) and found >= other
