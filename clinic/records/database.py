"""One database, SQLite by default and PostgreSQL by address, behind one code path.

SQLite runs with WAL, synchronous=FULL and foreign keys on, checked at every start: with less, the
last messages before a power cut could be gone although the patient got a receipt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Engine, create_engine, event, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in Python, UTC without a zone in the database: compares the same on both databases."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was about to be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        # Not process_result_value, and no ``replace``: a list of patients reads ten thousand times,
        # and so each takes a tenth of the processor's time.
        return _from_sqlite if dialect.name == "sqlite" else _from_postgresql


def _from_sqlite(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


def _from_postgresql(value: datetime | None) -> datetime | None:
    return None if value is None else datetime.combine(value, value.time(), UTC)


class DatabaseError(Exception):
    """The database cannot be trusted as it is; the text says why."""


class Database:
    """Hands out sessions: ``read`` sees a snapshot, ``write`` holds the write lock throughout."""

    def __init__(self, url: str, wait: float = 3.0) -> None:
        """``wait``: seconds to wait for another writer before giving up."""
        self.url = url
        # SQLite lets one writer in and makes the others sleep and poll. Within a process they queue
        # here instead, in order and without filling every thread.
        self._queue, self._wait = threading.Lock(), wait
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        if self._sqlite:
            engine = create_engine(url, connect_args={"timeout": wait}, hide_parameters=True)
            _prepare_sqlite(engine)
        else:
            engine = create_engine(
                url,
                pool_pre_ping=True,
                pool_size=10,
                max_overflow=20,
                hide_parameters=True,
                # No compiling of statements: with a million messages it made the list of patients
                # wait for the compiler on every look.
                connect_args={"options": f"-c lock_timeout={int(wait * 1000)} -c jit=off"},
            )
        self.engine: Engine = engine
        self._writer = engine.execution_options(immediate=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with (
            self._turn(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def erase(self) -> Iterator[Session]:
        """As ``write``; what goes is overwritten in SQLite's file too, where it would stay legible
        until the place is used again. PostgreSQL lets go of it at its next vacuum."""
        with self.write() as session:
            if self._sqlite:
                session.execute(text("PRAGMA secure_delete = ON"))
            yield session
        if self._sqlite:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._sqlite:
            yield
            return
        if not self._queue.acquire(timeout=self._wait):
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("database is locked"))
        try:
            yield
        finally:
            self._queue.release()

    def serialise(self, session: Session) -> None:
        """Let only one transaction at a time past this point (audit chain, event order).

        On SQLite the write lock does it already.
        """
        if not self._sqlite:
            session.execute(text("SELECT pg_advisory_xact_lock(4242001)"))

    def migrate(self) -> None:
        """Bring the schema to the newest version, then check what must hold."""
        # Only here: the parts that serve patients start faster without it.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._writer.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        self.check()

    def check(self) -> None:
        """Raise DatabaseError when a durability setting is not in force."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            if not self._sqlite:
                return
            for name, wanted in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                found = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                if found != wanted:
                    raise DatabaseError(f"SQLite has {name}={found}, but needs {wanted}")

    def close(self) -> None:
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # Transactions are begun by us (below), not by the driver's guess.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
