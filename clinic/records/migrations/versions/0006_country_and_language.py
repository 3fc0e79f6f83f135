"""Where a patient is, for the numbers to call; the language of what was said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("patient") as patient:
        patient.add_column(sa.Column("country", sa.String(length=2), nullable=True))
    with op.batch_alter_table("message") as message:
        message.add_column(sa.Column("locale", sa.String(length=5), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("message") as message:
        message.drop_column("locale")
    with op.batch_alter_table("patient") as patient:
        patient.drop_column("country")
