"""Contacts that are verified by a code, and what providers tell us later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name, kind in (
        ("removed_at", database.UtcDateTime()),
        ("failing_since", database.UtcDateTime()),
        ("failing", sa.String()),
    ):
        op.add_column("staff_contact", sa.Column(name, kind, nullable=True))
    op.add_column("outbox", sa.Column("delivery", sa.String(), nullable=True))
    op.add_column("outbox", sa.Column("delivery_at", database.UtcDateTime(), nullable=True))
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "channel", "priority", "due_at"])
    op.create_table(
        "contact_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["staff_contact.id"], name=op.f("fk_contact_code_contact_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_code")),
    )
    op.create_index(op.f("ix_contact_code_contact_id"), "contact_code", ["contact_id"])
    op.create_table(
        "provider_event",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "event_id", name=op.f("pk_provider_event")),
    )
    op.create_index(op.f("ix_provider_event_at"), "provider_event", ["at"])


def downgrade() -> None:
    op.drop_table("provider_event")
    op.drop_table("contact_code")
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["state", "priority", "due_at"])
    for table, names in (
        ("outbox", ("delivery_at", "delivery")),
        ("staff_contact", ("failing", "failing_since", "removed_at")),
    ):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
