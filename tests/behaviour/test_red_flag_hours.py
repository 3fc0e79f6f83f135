"""The hours from which a red flag counts, by the clinic's settings: stricter, never laxer,
in words, in taps and in typed answers alike (domain.md 1.9 and 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic import people
from clinic.records.models import Escalation
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.builders import World
from tests.desk import Browser, shown

HOW_LONG = "measure.medical_check.4"


@contextmanager
def after(folder: Path, peer: Peer, hours: float, **settings: str) -> Iterator[Edge]:
    """A patient so many hours after an infusion, in a clinic with these settings."""
    world = World.make(folder, assistant_url=peer.url, turn_deadline=2.0)
    with world.system.database.write() as session:
        for name, value in settings.items():
            people.change_setting(world.system, session, name, value)
    with open_edge(world, peer, hours_ago=hours) as edge:
        yield edge
    world.system.database.close()


def alerts(edge: Edge) -> list[tuple[str, str]]:
    with edge.world.system.database.read() as session:
        return [(one.level, one.reason) for one in session.scalars(select(Escalation))]


def ask_how_long(edge: Edge) -> list[str]:
    """The fourth of the six questions is on the page; the titles of its buttons."""
    edge.peer.act = lambda turn: says(turn, HOW_LONG)
    edge.say("hello")
    edge.peer.act = lambda _turn: 500
    return [choice["title"] for choice in edge.shown()[-1]["choices"]]


@pytest.mark.parametrize(
    ("settings", "hours", "text", "found"),
    [
        ({}, 3.9, "I'm a bit dizzy", []),
        ({}, 4.1, "I'm a bit dizzy", [("urgent", "medical.fog_lasting")]),
        ({"after_effects_hours": "2"}, 1.9, "I'm a bit dizzy", []),
        ({"after_effects_hours": "2"}, 2.1, "I'm a bit dizzy", [("urgent", "medical.fog_lasting")]),
        ({}, 30, "I drove myself home", []),
        (
            {"driving_hours": "36"},
            30,
            "I drove myself home",
            [("urgent", "medical.body.drove")],
        ),
        ({"driving_hours": "6"}, 20, "I drove myself home", [("urgent", "medical.body.drove")]),
    ],
)
def test_what_a_patient_writes_is_weighed_by_the_clinics_hours(
    tmp_path: Path,
    peer: Peer,
    settings: dict[str, str],
    hours: float,
    text: str,
    found: list[tuple[str, str]],
) -> None:
    with after(tmp_path, peer, hours, **settings) as edge:
        edge.say(text)
        assert alerts(edge) == found


@pytest.mark.parametrize(
    ("settings", "titles"),
    [
        ({}, ["Less than 4 hours", "4 hours or more", "A day or more"]),
        ({"after_effects_hours": "1"}, ["Less than 1 hour", "1 hour or more", "A day or more"]),
        (
            {"after_effects_hours": "2.5"},
            ["Less than 2.5 hours", "2.5 hours or more", "A day or more"],
        ),
    ],
)
def test_the_question_how_long_names_the_clinics_hours(
    tmp_path: Path, peer: Peer, settings: dict[str, str], titles: list[str]
) -> None:
    with after(tmp_path, peer, 25, **settings) as edge:
        assert ask_how_long(edge) == titles
        edge.tap("hours")
        assert [level for level, _ in alerts(edge)] == ["urgent"]


@pytest.mark.parametrize(
    ("settings", "typed", "levels"),
    [
        ({}, "3 hours", []),
        ({}, "about 4 hours", ["urgent"]),
        ({"after_effects_hours": "2"}, "1 hour", []),
        ({"after_effects_hours": "2"}, "3 hours", ["urgent"]),
    ],
)
def test_a_typed_answer_means_what_the_clinics_hours_make_of_it(
    tmp_path: Path, peer: Peer, settings: dict[str, str], typed: str, levels: list[str]
) -> None:
    """Without the assistant, too."""
    with after(tmp_path, peer, 25, **settings) as edge:
        ask_how_long(edge)
        edge.say(typed)
        assert [level for level, _ in alerts(edge)] == levels


def test_the_record_keeps_the_hours_the_patient_was_asked_about(tmp_path: Path, peer: Peer) -> None:
    with after(tmp_path, peer, 25, after_effects_hours="2") as edge:
        ask_how_long(edge)
        edge.tap("hours")
        with edge.world.system.database.write() as session:
            people.change_setting(edge.world.system, session, "after_effects_hours", "3")
        robin = Browser(edge.world).sign_in(edge.therapist)
        page = shown(robin.get(f"/console/patients/{edge.patient.id}").text)
        assert "How long has this been going on? 2 hours or more" in page
