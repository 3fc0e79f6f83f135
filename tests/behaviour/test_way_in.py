"""Invitations, sessions and what a stranger sees: one plain answer, nothing leaked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from clinic.app import create_app
from clinic.patient import access
from clinic.records.models import Patient
from tests.behaviour.conftest import Edge
from tests.builders import World

GUARDED = [
    ("GET", "/api/state"),
    ("GET", "/api/messages?before=5"),
    ("GET", "/api/events"),
    ("POST", "/api/messages"),
    ("POST", "/api/opened"),
    ("POST", "/api/typing"),
]


@pytest.fixture
def client(world: World):
    with TestClient(create_app(world.system), raise_server_exceptions=False) as opened:
        yield opened


def invite(world: World, patient: Patient) -> str:
    with world.system.database.write() as session:
        return access.invite(world.system, session, patient.id)


def start(client: TestClient, token: str, **more: object):
    return client.post("/api/session", json={"invitation": token, "adult": True} | more)


def test_an_invitation_opens_the_patients_own_conversation(world: World, client: TestClient):
    token = invite(world, world.patient("Sam Rivera"))
    state = start(client, token)
    assert state.status_code == 201
    assert state.json()["patient"]["name"] == "Sam Rivera"
    assert client.get("/api/state").status_code == 200


def test_unknown_used_expired_replaced_and_inactive_look_the_same(world, client):
    used = invite(world, world.patient())
    start(client, used)
    expired = invite(world, world.patient())
    world.clock.advance(timedelta(hours=73))
    replaced_for = world.patient()
    replaced = invite(world, replaced_for)
    invite(world, replaced_for)
    gone = world.patient()
    inactive = invite(world, gone)
    with world.system.database.write() as session:
        session.get_one(Patient, gone.id).active = False
    client.cookies.clear()
    answers = {
        (a.status_code, a.text, a.headers.get("set-cookie"))
        for a in (start(client, t) for t in ("nonsense", used, expired, replaced, inactive))
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_pressing_the_same_link_again_on_the_same_device_just_goes_on(world, client):
    token = invite(world, world.patient("Sam Rivera"))
    start(client, token)
    assert start(client, token).json()["patient"]["name"] == "Sam Rivera"
    client.cookies.clear()
    start(client, invite(world, world.patient("Other")))
    assert start(client, token).status_code == 404, "somebody else's link stays closed"


def test_adults_only(world: World, client: TestClient):
    token = invite(world, world.patient())
    assert start(client, token, adult=False).json()["type"] == "about:adults-only"
    assert start(client, token).status_code == 201, "the invitation was not used up"


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_session_everything_is_the_same_401(client, method: str, path: str):
    for cookie in (None, "nonsense"):
        client.cookies.clear()
        if cookie:
            client.cookies.set(access.COOKIE, cookie)
        answer = client.request(
            method,
            path,
            json={"text": "hi"} if path == "/api/messages" else None,
            headers={"Idempotency-Key": "a-good-key"},
        )
        assert answer.status_code == 401
        assert answer.json()["type"] == "about:no-session"


def test_a_session_ends_by_itself_and_on_leaving(world: World, client: TestClient):
    patient = world.patient()
    start(client, invite(world, patient))
    world.clock.advance(timedelta(hours=13))
    assert client.get("/api/state").status_code == 401
    start(client, invite(world, patient), remember=True)
    world.clock.advance(timedelta(days=20))
    assert client.get("/api/state").status_code == 200
    cookie = client.cookies[access.COOKIE]
    assert client.post("/api/session/end").status_code == 204
    client.cookies.set(access.COOKIE, cookie)
    assert client.get("/api/state").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World, client):
    header = start(client, invite(world, world.patient())).headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Strict" in header
    assert "Max-Age" not in header, "without being asked to, nothing outlives the browser"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_write_from_another_site_is_refused(edge: Edge, headers: dict[str, str]):
    answer = edge.post({"text": "hello"}, **headers)
    assert answer.status_code == 403
    assert edge.shown() == []


def test_every_page_carries_the_strict_policy(edge: Edge):
    for path in ("/chat", "/api/state", "/nothing", "/console/sign-in"):
        headers = edge.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_itself_holds_the_numbers_for_when_the_network_is_gone(edge: Edge):
    page = edge.client.get("/chat").text
    assert "tel:988" in page
    assert "tel:911" in page


@pytest.mark.parametrize(
    "page", ["journal", "steps", "days", "changes", "plan", "team", "settings"]
)
def test_every_page_says_that_it_is_no_medical_advice(edge: Edge, page: str):
    assert "no medical advice" in edge.client.get(f"/{page}").text


def test_the_notice_says_program_adults_advice_readers_and_emergency(edge: Edge):
    lines = edge.client.get("/api/notice").json()["lines"]
    assert [line["content"].rpartition("_")[2] for line in lines] == [
        "program",
        "adults",
        "advice",
        "readers",
        "emergency",
    ]
