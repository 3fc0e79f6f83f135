"""What staff enter about an infusion: dose, route, rate, what was given besides, vital signs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("infusion") as infusion:
        infusion.add_column(sa.Column("details_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("infusion") as infusion:
        infusion.drop_column("details_sealed")
