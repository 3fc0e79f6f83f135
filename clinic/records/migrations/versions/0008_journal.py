"""The journal: pages outside the conversation, what an entry said before, the patient's tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("message") as message:
        message.add_column(
            sa.Column("spoken", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    with op.batch_alter_table("record") as record:
        record.add_column(sa.Column("tags_sealed", sa.LargeBinary(), nullable=True))
    op.create_table(
        "record_version",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"], ["record.id"], name=op.f("fk_record_version_record_id")
        ),
        sa.PrimaryKeyConstraint("record_id", "number", name=op.f("pk_record_version")),
    )


def downgrade() -> None:
    op.drop_table("record_version")
    with op.batch_alter_table("record") as record:
        record.drop_column("tags_sealed")
    with op.batch_alter_table("message") as message:
        message.drop_column("spoken")
