"""Recovery codes, a code generator on its way in, and tries to sign in with a growing wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_code_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_code_code_hash")),
    )
    op.create_index(op.f("ix_recovery_code_staff_id"), "recovery_code", ["staff_id"])
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", database.UtcDateTime(), nullable=False),
        sa.Column("until", database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_last_at"), "sign_in_tries", ["last_at"])
    op.add_column("staff", sa.Column("totp_next_sealed", sa.LargeBinary(), nullable=True))
    op.drop_column("staff", "failed_sign_ins")
    op.drop_column("staff", "locked_until")


def downgrade() -> None:
    op.add_column("staff", sa.Column("locked_until", database.UtcDateTime(), nullable=True))
    op.add_column(
        "staff", sa.Column("failed_sign_ins", sa.Integer(), nullable=False, server_default="0")
    )
    op.drop_column("staff", "totp_next_sealed")
    op.drop_table("sign_in_tries")
    op.drop_table("recovery_code")
