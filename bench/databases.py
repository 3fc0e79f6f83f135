"""A made clinic on each database there is: SQLite, and a PostgreSQL of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from bench.installation import temporary
from tests.builders import World
from tests.postgres import MissingError, Server


def worlds() -> Iterator[tuple[str, World]]:
    """Name and clinic, one after the other; a machine without PostgreSQL is told so."""
    with temporary() as home:
        yield "sqlite", World.make(home)
    try:
        server = Server()
    except MissingError as error:
        print(f"postgresql not measured: {error}")
        return
    try:
        server.prepare()
        with temporary() as home:
            yield "postgresql", World.make(home, database_url=server.fresh())
    finally:
        server.remove()
