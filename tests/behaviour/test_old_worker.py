"""An update migrates the database under running processes: those with the old code stop.

Stopped, they are started again by whoever keeps them, with the code that fits. Going on, they would
write by rules that no longer hold.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text

from clinic.conversation import intake
from clinic.escalation.auditor import Auditor
from clinic.escalation.engine import Engine
from clinic.records import schema
from clinic.records.models import Heartbeat, Outbox
from tests.builders import World, free_ports

RISK = "I want to kill myself tonight"
NEWER = "9999"


def migrate_under(world: World, version: str = NEWER) -> None:
    with world.system.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


def ends_by_itself(run: Callable[[threading.Event], None]) -> bool:
    """Whether a worker returns although nobody told it to."""
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(stop,), daemon=True)
    worker.start()
    worker.join(10)
    ended = not worker.is_alive()
    stop.set()
    worker.join()
    return ended


def test_the_code_knows_the_newest_version_there_is(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    with world.system.database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == schema.KNOWN
    assert not schema.moved_on(world.system.database)


def test_an_old_engine_sends_nothing_and_claims_no_life(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.staff("Noor", "on_call", on_call=True)
    intake.receive_text(world.system, world.conversation(world.patient()), RISK, "key-of-the-risk")
    migrate_under(world)
    assert ends_by_itself(Engine(world.system).run)
    with world.system.database.read() as session:
        assert set(session.scalars(select(Outbox.state))) == {"queued"}
        assert session.get(Heartbeat, "engine") is None


def test_an_old_auditor_mends_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path, audit_every=0.01)
    migrate_under(world)
    assert ends_by_itself(Auditor(world.system).run)
    with world.system.database.read() as session:
        assert session.get(Heartbeat, "auditor") is None


def test_a_database_that_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    with world.system.database.write() as session:
        session.execute(text("DROP TABLE alembic_version"))
    assert not schema.moved_on(world.system.database)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[World, dict[str, str]]]:
    world = World.make(tmp_path)
    edge, assistant = free_ports(2)
    ours = {
        "AFTERGLOW_HOME": str(tmp_path),
        "AFTERGLOW_DATABASE_URL": world.system.database.url,
        "AFTERGLOW_PORT": str(edge),
        "AFTERGLOW_ASSISTANT_PORT": str(assistant),
    }
    yield world, dict(os.environ) | ours
    world.system.database.close()


def test_an_old_edge_ends_in_good_order(home: tuple[World, dict[str, str]]) -> None:
    world, environ = home
    command = [sys.executable, "-m", "clinic.parts", "edge"]
    with subprocess.Popen(command, env=environ) as running:
        try:
            transport = httpx.HTTPTransport(retries=12)
            page = f"http://127.0.0.1:{environ['AFTERGLOW_PORT']}/chat"
            with httpx.Client(transport=transport, trust_env=False) as client:
                assert client.get(page, timeout=30).status_code == 200
            migrate_under(world)
            running.wait(30)
        finally:
            running.kill()
    assert running.returncode in (0, -15)
