"""SQLite, and a PostgreSQL of one's own: what is measured on both."""

from __future__ import annotations

from collections.abc import Iterator

from bench.installation import temporary
from tests.builders import World
from tests.postgres import MissingError, Server


def addresses() -> Iterator[tuple[str, str | None]]:
    """Name and address of an empty database, one after the other; None: SQLite, where the data
    lies. A machine without PostgreSQL is told so."""
    yield "sqlite", None
    try:
        server = Server()
    except MissingError as error:
        print(f"postgresql not measured: {error}")
        return
    try:
        server.prepare()
        yield "postgresql", server.fresh()
    finally:
        server.remove()


def worlds() -> Iterator[tuple[str, World]]:
    """A made clinic on each."""
    for name, address in addresses():
        with temporary() as home:
            yield name, World.make(home, **({"database_url": address} if address else {}))
