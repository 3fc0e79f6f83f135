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
from typing import Any

import psycopg
import pytest

from clinic.records.database import Database
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.conftest import peer as peer
from tests.behaviour.peer import Peer
from tests.behaviour.test_escalation import engine as engine
from tests.behaviour.test_escalation import mailbox as mailbox
from tests.builders import World, free_ports


class Server:
    """A PostgreSQL of our own. Says plainly what is missing."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._bin = binaries[-1] if binaries else Path(shutil.which("postgres") or "").parent
        if not (self._bin / "postgres").exists():
            pytest.fail(
                "PostgreSQL is missing (Debian: apt install postgresql). Or: make test-fast"
            )
        (self._port,) = free_ports(1)
        self.address = f"127.0.0.1:{self._port}"
        # The server refuses to run as root; Debian's package brings a user for it.
        self._who = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="afterglow-pg-"))
        if self._who:
            shutil.chown(self._folder, "postgres", "postgres")
        self._data = str(self._folder / "data")
        options = ["-D", self._data, "-U", "afterglow", "-A", "trust", "-N"]
        subprocess.run([self._bin / "initdb", *options], check=True, **self._quiet())
        self.start()

    def start(self) -> None:
        options = ["-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._folder)]
        command = [self._bin / "postgres", "-D", self._data, *options]
        self._process = subprocess.Popen(command, **self._quiet())
        _wait(self.address)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT (fast) does not wait for connections that are still being put away; SIGQUIT
        (immediate) ends it as a crash would: what was committed must be found in its log."""
        self._process.send_signal(how)
        self._process.wait(20)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _quiet(self) -> dict[str, Any]:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self._folder}
        return silent | self._who


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server with an empty, migrated template."""
    server = Server()
    try:
        _execute(server.address, "CREATE DATABASE template_afterglow")
        template = Database(f"postgresql+psycopg://afterglow@{server.address}/template_afterglow")
        template.migrate()
        template.close()
        yield server.address
    finally:
        server.remove()


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
