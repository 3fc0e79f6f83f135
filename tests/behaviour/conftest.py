"""The real edge on a real database, with an assistant that plays what a test needs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from bot import risk
from clinic.app import create_app
from clinic.escalation.engine import Engine
from clinic.patient import access
from clinic.records.models import Patient, Staff
from tests.behaviour.peer import Peer
from tests.builders import World

_KEYS = itertools.count()


@dataclass
class Edge:
    """One patient in front of the edge, on day 1 after an infusion, with a nurse on call."""

    world: World
    client: TestClient
    peer: Peer
    patient: Patient
    nurse: Staff
    therapist: Staff
    conversation: str

    def post(self, body: dict[str, Any], key: str | None = None, **headers: str) -> Response:
        key = key or f"test-key-{next(_KEYS)}"
        return self.client.post(
            "/api/messages", json=body, headers={"Idempotency-Key": key} | headers
        )

    def say(self, text: str) -> dict[str, Any]:
        """Send words and wait for the companion's turn to be over."""
        answer = self.post({"text": text})
        assert answer.status_code == 202, answer.text
        self.settle()
        accepted: dict[str, Any] = answer.json()
        return accepted

    def tap(self, choice: str) -> dict[str, Any]:
        """Press a button under the newest message that has it."""
        asked = next(m for m in reversed(self.shown()) if _offers(m, choice))
        answer = self.post({"message": asked["id"], "choice": choice})
        assert answer.status_code == 202, answer.text
        self.settle()
        accepted: dict[str, Any] = answer.json()
        return accepted

    def look_in(self) -> None:
        """Open the page, and wait for the greeting, if there is one."""
        assert self.client.post("/api/opened").status_code == 204
        self.settle()

    def settle(self) -> None:
        """Until no turn is under way."""
        assert self.client.portal is not None
        self.client.portal.call(self.client.app.state.turns.drain)  # type: ignore[attr-defined]

    def engine(self) -> None:
        """One engine cycle."""
        Engine(self.world.system).cycle()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.client.get("/api/state").json()
        return state

    def shown(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.state()["messages"]
        return shown

    def contents(self) -> list[str]:
        """Which sentences of the registry the patient has seen, in order."""
        return [m["content"] for m in self.shown() if m["content"]]


def _offers(message: dict[str, Any], choice: str) -> bool:
    return any(offered["id"] == choice for offered in message["choices"])


@pytest.fixture
def peer() -> Iterator[Peer]:
    played = Peer()
    yield played
    played.close()


@pytest.fixture
def edge(tmp_path: Path, peer: Peer) -> Iterator[Edge]:
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()


@contextlib.contextmanager
def open_edge(
    world: World, peer: Peer, hours_ago: float = 25, touches: bool = False
) -> Iterator[Edge]:
    """``touches``: whether the companion comes by itself; most tests look at what is said."""
    therapist = world.staff("Robin", "therapist")
    nurse = world.staff("Noor", "on_call", on_call=True)
    patient = world.patient(therapist=therapist, touches=touches)
    world.infusion(patient, hours_ago=hours_ago)
    admission = world.session(patient)
    with TestClient(create_app(world.system), raise_server_exceptions=False) as client:
        client.cookies.set(access.COOKIE, admission.token)
        yield Edge(world, client, peer, patient, nurse, therapist, admission.conversation_id)


@pytest.fixture
def sam(world: World) -> Patient:
    """A patient to whom the companion does not come by itself."""
    return world.patient(touches=False)


@pytest.fixture
def page(world: World, sam: Patient) -> TestClient:
    """Their own pages, signed in."""
    # As the edge does at its start: the first words must not pay for reading the rules.
    risk.assess("")
    client = TestClient(create_app(world.system), follow_redirects=False)
    client.cookies.set(access.COOKIE, world.session(sam).token)
    return client
