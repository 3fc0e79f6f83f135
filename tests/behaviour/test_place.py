"""A patient who travels says where they are, on their own page: clock and numbers follow them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from clinic import crisis
from clinic.conversation import whereabouts
from clinic.records.models import Audit, Clinic, Patient
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.builders import World
from tests.desk import Browser, shown

MADRID = {"timezone": "Europe/Madrid", "country": "ES"}


def where(edge: Edge) -> tuple[str, str | None]:
    with edge.world.system.database.read() as session:
        patient = session.get_one(Patient, edge.patient.id)
        return patient.timezone, patient.country


def helps(edge: Edge) -> dict[str, str]:
    """The numbers a sentence or the card may name to this patient."""
    with edge.world.system.database.read() as session:
        patient = session.get_one(Patient, edge.patient.id)
        return whereabouts.settings(session.get_one(Clinic, 1), patient)


def test_the_place_chosen_is_the_clock_and_brings_its_numbers(edge: Edge):
    said = shown(edge.client.post("/settings/place", data=MADRID).text)
    assert "go by that place from now on" in said
    assert where(edge) == ("Europe/Madrid", "ES")
    assert helps(edge)["emergency_number"] == "112"
    assert '<option value="Europe/Madrid" selected>' in edge.client.get("/settings").text
    with edge.world.system.database.read() as session:
        row = session.scalars(select(Audit).where(Audit.action == "patient.travel")).one()
    assert row.actor == f"patient:{edge.patient.id}"


def test_home_again_is_where_the_clinic_is(edge: Edge):
    edge.client.post("/settings/place", data=MADRID)
    edge.client.post("/settings/place", data={"timezone": "America/New_York", "country": ""})
    assert where(edge) == ("America/New_York", None)
    assert helps(edge)["emergency_number"] == "911"


def test_where_no_number_is_known_none_is_shown(edge: Edge):
    edge.client.post("/settings/place", data={"timezone": "Asia/Tokyo", "country": "ZZ"})
    assert helps(edge)["emergency_number"] == "your local emergency number"
    assert "988" not in str(helps(edge))
    help_now = edge.client.get("/api/state").json()["help"]
    assert help_now["text"].startswith("If you may be in danger, call the local emergency number")
    assert {line["label"] for line in help_now["lines"]} == {"Call Harbor Clinic", "My safety plan"}


def test_every_country_with_numbers_can_be_chosen_by_its_name(edge: Edge):
    page = edge.client.get("/settings").text
    for code in crisis.countries():
        name = edge.world.system.words.render(f"settings.country_{code}")
        assert f'<option value="{code}">{name}</option>' in page


def test_a_place_that_is_none_changes_nothing(edge: Edge):
    before = where(edge)
    answer = edge.client.post("/settings/place", data={"timezone": "Mars/Olympus"})
    assert answer.status_code == 422
    assert "no such place" in shown(answer.text)
    assert where(edge) == before


def test_on_the_day_of_an_infusion_it_waits(tmp_path: Path, peer: Peer):
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    with open_edge(world, peer, hours_ago=6) as edge:
        before = where(edge)
        assert "Nothing was changed" in shown(edge.client.post("/settings/place", data=MADRID).text)
        assert where(edge) == before
    world.system.database.close()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ZZ", "Country now: Another country. No numbers to call are known for it"),
        ("ES", "Country now: Spain. The chat names the numbers to call there."),
        ("XK", "Country now: XK. No numbers to call are known for it"),
        ("US", ""),
    ],
)
def test_the_console_names_the_country_in_words(world: World, code: str, says: str):
    robin = world.staff("Robin")
    sam = world.patient(therapist=robin)
    with world.system.database.write() as session:
        session.get_one(Patient, sam.id).country = code
    page = shown(Browser(world).sign_in(robin).get(f"/console/patients/{sam.id}").text)
    assert says in page
    assert "ZZ" not in page
    assert ("Country now" in page) is bool(says)
