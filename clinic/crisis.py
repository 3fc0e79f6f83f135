"""Numbers to call where a patient is (data/crisis/numbers.yml), checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from clinic.settings import ROOT

PATH = ROOT / "data" / "crisis" / "numbers.yml"

#: The country until a clinic names another.
DEFAULT = "US"
#: What is said where no number is known: true everywhere, and never a guess.
UNKNOWN = {
    "emergency_number": "your local emergency number",
    "crisis_line": "a local crisis line",
    "crisis_text": "",
    "crisis_how": "call",
}


class CrisisError(ValueError):
    """The numbers cannot be used; start-up refuses them. Names the country."""


@lru_cache(maxsize=2)
def countries(path: Path = PATH) -> Mapping[str, dict[str, Any]]:
    """Every country there is, by its two letters. Raises CrisisError."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["countries"]
    for code, entry in found.items():
        _check(code, entry)
    return found


def numbers(country: str) -> dict[str, str]:
    """The values sentences need, for a country; words instead of numbers where none is known."""
    entry = countries().get(country.upper())
    if entry is None:
        return dict(UNKNOWN)
    crisis = entry["crisis"]
    same = crisis.get("text") == crisis["call"]
    return {
        "emergency_number": entry["emergency"]["number"],
        "crisis_line": crisis["call"],
        "crisis_text": crisis.get("text", ""),
        # Two numbers in one sentence are one too many: the other one stands under "Help now".
        "crisis_how": "call or text" if same else "call",
    }


def _check(code: str, entry: dict[str, Any]) -> None:
    try:
        for part in (entry["emergency"], entry["crisis"]):
            if not part["source"]:
                raise CrisisError(f"{code}: a number without a source")
        # The sentences say "day or night".
        if entry["crisis"]["hours"] != "24/7":
            raise CrisisError(f"{code}: the crisis line has to answer day and night")
        if not isinstance(entry["checked"], date) or len(code) != 2 or not code.isupper():
            raise CrisisError(f"{code}: two letters, and the day it was checked")
        written = (entry["emergency"]["number"], entry["crisis"]["call"])
        if any(not isinstance(number, str) or not number for number in written):
            raise CrisisError(f"{code}: numbers are written in quotes")
    except KeyError as missing:
        raise CrisisError(f"{code}: {missing} is missing") from None
