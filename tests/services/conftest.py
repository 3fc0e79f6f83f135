"""A real PostgreSQL on a loopback socket of its own, started and stopped by process id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from clinic.records.database import Database
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.conftest import peer as peer
from tests.behaviour.peer import Peer
from tests.behaviour.test_escalation import engine as engine
from tests.behaviour.test_escalation import mailbox as mailbox
from tests.builders import World, free_ports


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server; says plainly what is missing."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = binaries[-1] if binaries else Path(shutil.which("postgres") or "").parent
    if not (found / "postgres").exists():
        pytest.fail("PostgreSQL is missing (Debian: apt install postgresql). Or: make test-fast")
    (port,) = free_ports(1)
    # The server refuses to run as root; Debian's package brings a user for it.
    who = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="afterglow-pg-"))
    if who:
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder} | who
    subprocess.run(
        [found / "initdb", "-D", data, "-U", "afterglow", "-A", "trust", "-N"], check=True, **quiet
    )
    server = subprocess.Popen(
        [found / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)],
        **quiet,
    )
    try:
        address = f"127.0.0.1:{port}"
        _wait(address)
        _execute(address, "CREATE DATABASE template_afterglow")
        template = Database(f"postgresql+psycopg://afterglow@{address}/template_afterglow")
        template.migrate()
        template.close()
        yield address
    finally:
        # Fast: it does not wait for connections that are still being put away.
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: str) -> str:
    """A fresh, migrated database."""
    return fresh_database(postgres)


def fresh_database(postgres: str) -> str:
    name = f"t{uuid.uuid4().hex[:12]}"
    _execute(postgres, f"CREATE DATABASE {name} TEMPLATE template_afterglow")
    return f"postgresql+psycopg://afterglow@{postgres}/{name}"


@pytest.fixture
def edge(tmp_path: Path, peer: Peer, database_url: str) -> Iterator[Edge]:
    world = World.make(
        tmp_path, database_url=database_url, assistant_url=peer.url, turn_deadline=2.0
    )
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()


def _execute(address: str, statement: str) -> None:
    host, _, port = address.partition(":")
    with psycopg.connect(
        host=host, port=int(port), user="afterglow", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def _wait(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(600):
        try:
            psycopg.connect(
                host=host, port=int(port), user="afterglow", dbname="postgres", connect_timeout=1
            ).close()
        except psycopg.OperationalError:
            threading.Event().wait(0.05)
        else:
            return
    pytest.fail("PostgreSQL did not start")
