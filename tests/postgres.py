"""A real PostgreSQL on a loopback port of its own, for tests and for the bench."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

import psycopg

from clinic.records.database import Database
from tests.builders import free_ports

_TEMPLATE = "template_afterglow"


class MissingError(Exception):
    """PostgreSQL is not installed on this machine."""


class Server:
    """A PostgreSQL of our own. Raises MissingError when there is none."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._bin = binaries[-1] if binaries else Path(shutil.which("postgres") or "").parent
        if not (self._bin / "postgres").exists():
            raise MissingError("PostgreSQL is missing (Debian: apt install postgresql)")
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
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT (fast) does not wait for connections that are still being put away; SIGQUIT
        (immediate) ends it as a crash would: what was committed must be found in its log."""
        self._process.send_signal(how)
        self._process.wait(60)

    def fill(self) -> None:
        """From now on the operating system takes no further byte of any of its files."""
        self._limit("0")

    def make_room(self) -> None:
        """A server that ended over it is started again, as its keeper would."""
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._limit("unlimited")
        else:
            self.start()

    def _limit(self, size: str) -> None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in (str(self._process.pid), *children.read_text().split()):
            # By the server's own user: nobody else may set its limits, root included.
            command = ["prlimit", "--pid", pid, f"--fsize={size}:"]
            subprocess.run(command, check=False, **self._quiet())

    def prepare(self) -> None:
        """Migrate once; each database is a copy."""
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        template = Database(self._url(_TEMPLATE))
        template.migrate()
        template.close()

    def fresh(self) -> str:
        """The address of a new, migrated database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://afterglow@{self.address}/{name}"

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _quiet(self) -> dict[str, Any]:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self._folder}
        return silent | self._who

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user="afterglow",
            dbname="postgres",
            autocommit=True,
            connect_timeout=1,
        )

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _wait(self) -> None:
        for _ in range(600):
            try:
                self._connect().close()
            except psycopg.OperationalError:
                threading.Event().wait(0.05)
            else:
                return
        raise RuntimeError("PostgreSQL did not start")
