"""What is tracked about an infusion (domain.md 1.2), as data: ``data/variables.yml``.

A check-in holds any of those a patient is asked for. They are codes and numbers only: a patient's
words about them belong to a record with a choice about sharing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parent.parent / "data" / "variables.yml"
_BY, _MOMENTS = ("patient", "staff", "record"), ("before", "staff", "after", "any")


class VariablesError(ValueError):
    """The file of variables is broken; the text names the variable."""


@dataclass(frozen=True)
class Variable:
    """One thing that is tracked. ``schema``: JSON schema of its value; None where the record holds
    it as a time, a count or words."""

    name: str
    row: str
    label: str
    by: str
    moment: str
    unit: str
    asked: tuple[str, ...]
    schema: dict[str, Any] | None

    @property
    def choices(self) -> tuple[str, ...]:
        """The codes it takes; none for a number."""
        schema = self.schema or {}
        codes: list[str] = schema.get("enum") or schema.get("items", {}).get("enum", [])
        return tuple(codes)

    @property
    def many(self) -> bool:
        """Whether any number of its codes may be chosen."""
        return (self.schema or {}).get("type") == "array"

    @property
    def scale(self) -> tuple[float, float] | None:
        """The ends of a number's scale."""
        schema = self.schema or {}
        return (schema["minimum"], schema["maximum"]) if "minimum" in schema else None


def load(path: Path = PATH) -> dict[str, Variable]:
    """Every variable by name, checked. Raises VariablesError."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = [_variable(dict(raw)) for raw in document["variables"]]
    return {one.name: one for one in found}


def _variable(raw: dict[str, Any]) -> Variable:
    name = raw["name"]
    words, schema = raw.pop("words", False), _schema(raw)
    asked = tuple(raw.pop("asked", ()))
    try:
        one = Variable(schema=schema, asked=asked, **raw)
    except TypeError as error:
        raise VariablesError(f"{name}: {error}") from None
    if one.by not in _BY or one.moment not in _MOMENTS:
        raise VariablesError(f"{name}: by is one of {_BY}, moment one of {_MOMENTS}")
    if (one.by == "patient") != bool(asked) or (one.by != "record" and not (schema or words)):
        raise VariablesError(f"{name}: a patient's is asked somewhere; a value has a scale")
    return one


def _schema(raw: dict[str, Any]) -> dict[str, Any] | None:
    if "from" in raw:
        low, high, places = raw.pop("from"), raw.pop("to"), raw.pop("decimals", 0)
        return {"type": "number" if places else "integer", "minimum": low, "maximum": high}
    if "codes" in raw:
        return {"enum": [str(code) for code in raw.pop("codes")]}
    if "many" in raw:
        codes = [str(code) for code in raw.pop("many")]
        return {"type": "array", "items": {"enum": codes}, "uniqueItems": True}
    return None


TRACKED = load()
#: What a check-in may hold: name -> JSON schema of its value.
VARIABLES: dict[str, dict[str, Any]] = {
    one.name: one.schema for one in TRACKED.values() if one.by == "patient" and one.schema
}
#: What staff enter about an infusion, the same way.
BY_STAFF: dict[str, dict[str, Any]] = {
    one.name: one.schema for one in TRACKED.values() if one.by == "staff" and one.schema
}
#: Asked before an infusion, so they belong to the one that comes.
BEFORE = frozenset(one.name for one in TRACKED.values() if one.moment == "before")
#: Numbers that are laid side by side when somebody asks why an infusion was different.
COMPARED: tuple[str, ...] = tuple(yaml.safe_load(PATH.read_text(encoding="utf-8"))["compared"])
