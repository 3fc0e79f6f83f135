"""The same promises on PostgreSQL: the behaviour tests again, with nothing changed but the address.

Only what PostgreSQL does differently has tests of its own here.
"""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from clinic.conversation import intake
from clinic.outbox import queue
from clinic.records.models import Audit, Message
from tests.behaviour.conftest import Edge
from tests.behaviour.test_escalation import *  # noqa: F403 - runs them here
from tests.behaviour.test_turn import *  # noqa: F403

pytestmark = pytest.mark.services


def test_many_messages_at_once_keep_their_order_and_count(edge: Edge):
    """Two workers, one patient: sequence numbers have no gaps and no twins."""
    system = edge.world.system

    def send(worker: int) -> None:
        for number in range(10):
            intake.receive_text(
                system, edge.conversation, f"{worker}/{number}", f"key-{worker}-{number}"
            )

    workers = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    edge.settle()
    with system.database.read() as session:
        rows = session.scalars(select(Message.seq).order_by(Message.seq)).all()
        assert list(rows) == list(range(1, len(rows) + 1))
        assert len([m for m in edge.world.messages(edge.conversation) if m[0] == "patient"]) == 40
        assert system.audit.verify(session).whole


def test_two_senders_never_take_the_same_notification(edge: Edge):
    edge.say("I want to kill myself tonight")
    system = edge.world.system
    taken = [queue.claim(system, f"sender {n}") for n in range(3)]
    assert len([claimed for claimed in taken if claimed]) == 1


def test_the_audit_chain_refuses_changes(edge: Edge):
    system = edge.world.system
    for statement in ("UPDATE audit SET action='x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(DBAPIError), system.database.write() as session:
            session.execute(text(statement))
    with system.database.read() as session:
        assert session.scalars(select(Audit)).first() is not None


def test_migrations_run_down_and_up_again(database_url: str):
    from alembic import command
    from alembic.config import Config

    from clinic.records.database import Database

    database = Database(database_url)
    config = Config()
    config.set_main_option("script_location", "clinic/records/migrations")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    database.migrate()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    database.close()
