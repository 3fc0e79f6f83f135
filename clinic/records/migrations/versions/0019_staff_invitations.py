"""Invitations of staff by link."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "staff_invitation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.Column("withdrawn_at", database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "used_at IS NULL OR withdrawn_at IS NULL",
            name=op.f("ck_staff_invitation_used_or_withdrawn"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_invitation_staff_id")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["staff.id"], name=op.f("fk_staff_invitation_created_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_invitation")),
    )
    op.create_index(op.f("ix_staff_invitation_staff_id"), "staff_invitation", ["staff_id"])
    still_open = sa.text("used_at IS NULL AND withdrawn_at IS NULL")
    op.create_index(
        "uq_staff_invitation_open",
        "staff_invitation",
        ["staff_id"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def downgrade() -> None:
    op.drop_table("staff_invitation")
