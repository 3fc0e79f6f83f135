"""Every version of what the clinic has set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "settings_version",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_settings_version_number_from_one")),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name=op.f("fk_settings_version_by")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_settings_version")),
    )


def downgrade() -> None:
    op.drop_table("settings_version")
