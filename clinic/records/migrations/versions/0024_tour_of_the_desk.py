"""Where somebody is in the tour of the desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    with op.batch_alter_table("staff") as staff:
        staff.add_column(sa.Column("tour", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("staff") as staff:
        staff.drop_column("tour")
