"""The bundle under two validators by other authors, offline; and that they would notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pyotp
import pytest

from clinic import agreed
from clinic.records.models import Patient, Staff
from tests import validators
from tests.behaviour.test_taking_along import ames as ames
from tests.behaviour.test_taking_along import app as app
from tests.behaviour.test_taking_along import lived, of, taken
from tests.behaviour.test_taking_along import sam as sam
from tests.builders import World

pytestmark = pytest.mark.services
Bundle = dict[str, Any]


def _first(bundle: Bundle, kind: str) -> dict[str, Any]:
    return of(bundle, kind)[0]


#: What is broken, how, and a word of what must be said against it.
BROKEN: dict[str, tuple[Callable[[Bundle], Any], str]] = {
    "a code that is none": (lambda b: _first(b, "Flag").update(status="bogus"), "bogus"),
    "a code that is none, inside": (
        lambda b: _first(b, "CarePlan")["activity"][0]["detail"].update(status="begun"),
        "begun",
    ),
    "something required is missing": (lambda b: _first(b, "Observation").pop("code"), "code"),
    "something unknown": (lambda b: _first(b, "Patient").update(nickname="Sam"), "nickname"),
    "one where a list belongs": (
        lambda b: _first(b, "Communication").update(payload={"contentString": "x"}),
        "payload",
    ),
    "a time that is none": (
        lambda b: _first(b, "Encounter")["period"].update(start="soon"),
        "start",
    ),
    "an invariant of plans": (
        lambda b: _first(b, "CarePlan")["activity"][0].update(
            reference={"reference": b["entry"][0]["fullUrl"]}
        ),
        "cpl-3",
    ),
    "two values at once": (lambda b: _first(b, "Observation").update(valueString="8"), "value"),
    "a reference that leads nowhere": (
        lambda b: _first(b, "Procedure").update(encounter={"reference": "urn:uuid:nowhere"}),
        "not in the bundle",
    ),
    "a reference to the wrong kind": (
        lambda b: _first(b, "Procedure").update(encounter={"reference": b["entry"][0]["fullUrl"]}),
        "Invalid reference",
    ),
    "two of one address": (lambda b: b["entry"].append(b["entry"][0]), "one address"),
}


def test_two_validators_have_nothing_to_say_but_of_what_is_broken(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    with world.system.database.write() as session:
        agreed.change(world.system, session, sam.id, agreed.COPY, True)
    good = json.loads(taken(world, sam, ames, app).text)
    kinds = {entry["resource"]["resourceType"] for entry in good["entry"]}
    assert {"Encounter", "Communication", "Device"} <= kinds
    bundles = [good]
    for breaking, _ in BROKEN.values():
        broken = copy.deepcopy(good)
        breaking(broken)
        bundles.append(broken)
    try:
        clean, *said = validators.fhir(bundles)
    except validators.MissingError as error:
        pytest.fail(f"{error}. Or: make test-fast")
    assert clean == [], clean
    for (name, (_, word)), problems in zip(BROKEN.items(), said, strict=True):
        assert any(word in problem for problem in problems), (name, problems)
