"""Alembic's entry: uses the connection it is handed, so migration and start share one lock."""

from __future__ import annotations

from alembic import context

from clinic.records.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    user_module_prefix="database.",
)
with context.begin_transaction():
    context.run_migrations()
