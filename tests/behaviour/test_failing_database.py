"""The database locked, read-only or full: the patient is told so, and nothing is claimed."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from clinic.escalation.engine import Engine
from clinic.notify.email import sink
from clinic.records.models import Outbox
from tests.behaviour.conftest import Edge, open_edge
from tests.builders import World

RISK = "I want to kill myself tonight"


@pytest.fixture
def edge(tmp_path, peer):
    world = World.make(tmp_path, assistant_url=peer.url, database_wait=0.05)
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()


def expect_honest_refusal(edge: Edge, key: str | None = None) -> None:
    answer = edge.post({"text": RISK}, key)
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["saved"] is False
    assert "Nobody at the clinic has seen it" in problem["title"]
    assert [line["href"] for line in problem["help"]["lines"]][:2] == ["tel:911", "tel:988"]
    assert edge.client.get("/health").status_code == 503
    assert edge.client.get("/health").json()["database"] == "down"


def test_a_locked_database(edge: Edge):
    path = edge.world.system.settings.home / "clinic.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    expect_honest_refusal(edge)
    other.execute("ROLLBACK")
    other.close()
    assert edge.post({"text": RISK}).status_code == 202


@pytest.mark.parametrize(
    ("pragma", "mend"),
    [("query_only = ON", "query_only = OFF"), ("max_page_count = 1", "max_page_count = 1000000")],
    ids=["read-only", "full"],
)
def test_a_database_that_takes_nothing(edge: Edge, pragma: str, mend: str):
    engine = edge.world.system.database.engine
    filler = edge.world.messages  # the record stays readable meanwhile

    def take_nothing(connection, _record, _proxy=None):
        connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "checkout", take_nothing)
    if "page" in pragma:
        # A database at its limit still fills the pages it has; a long message does not fit.
        answer = edge.post({"text": "x" * 19_000})
        assert answer.status_code == 503
        assert answer.json()["saved"] is False
    else:
        expect_honest_refusal(edge)
    assert filler(edge.conversation) == []
    event.remove(engine, "checkout", take_nothing)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA {mend}")
    engine.dispose()
    assert edge.post({"text": RISK}).status_code == 202


def test_an_engine_that_cannot_write_falls_silent_and_goes_on_when_it_can(edge: Edge):
    """Without writes there is no heartbeat, which is how everybody learns; nothing is lost."""
    engine, notifier = edge.world.system.database.engine, Engine(edge.world.system)
    kept = sink.start(edge.world.system.settings.home / "mail")
    # To its end: a turn that still runs would need the database while nothing can be written.
    edge.say(RISK)
    notifier.cycle()
    assert edge.client.get("/health").status_code == 200
    assert edge.state()["staffed"]

    def take_nothing(connection, _record, _proxy=None):
        connection.execute("PRAGMA query_only = ON")

    event.listen(engine, "checkout", take_nothing)
    edge.world.clock.advance(timedelta(minutes=5))
    notifier.cycle()
    assert not edge.state()["staffed"]
    event.remove(engine, "checkout", take_nothing)
    engine.dispose()
    notifier.cycle()
    assert edge.state()["staffed"]
    with edge.world.system.database.read() as session:
        states = session.scalars(select(Outbox.state)).all()
    assert states == ["sent"] * 3, "the first call, and the step that was due meanwhile"
    kept.stop()


def test_a_route_that_breaks_gives_numbers_and_no_trace(edge: Edge, monkeypatch):
    from clinic.conversation import delivery

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(delivery, "state", broken)
    answer = edge.client.get("/api/state")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert answer.json()["help"]["lines"]
