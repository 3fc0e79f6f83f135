"""What a patient is treated for, as far as it selects measures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("patient") as patient:
        patient.add_column(sa.Column("indications", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("patient") as patient:
        patient.drop_column("indications")
