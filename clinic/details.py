"""What staff enter about an infusion besides its times: dose, route, rate, what was given besides,
vital signs before. Names, scales and units are those of ``data/variables.yml``.

They are kept sealed with the patient's key. Nothing here is asked of a patient, and no value is
judged: the ends of a scale catch a slip of the hand, not a dose.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bot.variables import BY_STAFF, TRACKED, Variable
from clinic.people import NotPossibleError
from clinic.records.crypto import CryptoError
from clinic.records.models import Infusion
from clinic.records.vault import Vault

#: Two ways to say one dose must mean a person's weight, in kg. Outside of it, one has a slip in it.
_WEIGHTS = (20, 400)


class DetailsError(NotPossibleError):
    """Some fields cannot be kept; ``problems`` says why, by the field's name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def read(typed: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """What a form's or a table's fields hold; empty ones are not there. Raises DetailsError."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in BY_STAFF:
        said = typed.get(name, "")
        codes = said.replace(";", ",").split(",") if isinstance(said, str) else list(said)
        codes = [code.strip() for code in codes if code.strip()]
        if not codes:
            continue
        try:
            found[name] = _value(TRACKED[name], codes)
        except ValueError as error:
            problems[name] = str(error)
    if not problems and (says := _at_odds(found)):
        problems["dose_mg_per_kg"] = says
    if problems:
        raise DetailsError(problems)
    return found


def seal(vault: Vault, infusion: Infusion, details: Mapping[str, Any]) -> None:
    """Keep them with the infusion; none takes away what was there."""
    infusion.details_sealed = (
        vault.seal(
            infusion.patient_id, "infusion", "details", infusion.id, json.dumps(dict(details))
        )
        if details
        else None
    )


def of(vault: Vault, infusion: Infusion) -> dict[str, Any]:
    """What was entered, by name; empty when nothing was."""
    if infusion.details_sealed is None:
        return {}
    cipher = vault.cipher(infusion.patient_id)
    found: dict[str, Any] = json.loads(
        cipher.open("infusion", "details", infusion.id, infusion.details_sealed)
    )
    return found


def opened(vault: Vault, infusion: Infusion) -> dict[str, Any] | None:
    """The same for pages and exports: None when what was entered does not open."""
    try:
        return of(vault, infusion)
    except CryptoError:
        return None


def _value(variable: Variable, codes: list[str]) -> Any:
    """What was typed, as the variable's value. Raises ValueError with what would do."""
    if variable.scale is not None:
        return _number(variable, " ".join(codes))
    known = {choice.casefold(): choice for choice in variable.choices}
    unknown = [code for code in codes if code.casefold() not in known]
    if unknown:
        raise ValueError(f"{variable.label}: choose among {', '.join(variable.choices)}.")
    chosen = [known[code.casefold()] for code in codes]
    if variable.many:
        return sorted(set(chosen), key=variable.choices.index)
    if len(chosen) > 1:
        raise ValueError(f"{variable.label}: choose one.")
    return chosen[0]


def _number(variable: Variable, typed: str) -> float | int:
    low, high = variable.scale or (0, 0)
    whole = (variable.schema or {}).get("type") == "integer"
    wanted = f"{variable.label}: a {'whole ' if whole else ''}number from {low} to {high}"
    try:
        number = float(typed)
    except ValueError:
        raise ValueError(f"{wanted} ({variable.unit}).") from None
    if not (math.isfinite(number) and low <= number <= high) or (whole and number % 1):
        raise ValueError(f"{wanted} ({variable.unit}).")
    return int(number) if whole else number


def _at_odds(found: Mapping[str, Any]) -> str:
    if "dose_mg" not in found or "dose_mg_per_kg" not in found:
        return ""
    weight = found["dose_mg"] / found["dose_mg_per_kg"]
    if _WEIGHTS[0] <= weight <= _WEIGHTS[1]:
        return ""
    return f"Both doses together would mean a weight of {weight:.0f} kg. Look at both again."
