"""Security keys of staff, and what one is to sign next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "security_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("signed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_security_key_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_key")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_security_key_credential_id")),
    )
    op.create_index(op.f("ix_security_key_staff_id"), "security_key", ["staff_id"])
    op.add_column("staff_session", sa.Column("challenge", sa.LargeBinary(), nullable=True))
    op.add_column(
        "staff_session", sa.Column("challenge_until", database.UtcDateTime(), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("staff_session", "challenge_until")
    op.drop_column("staff_session", "challenge")
    op.drop_table("security_key")
