"""What was measured of late, found without a look at what was measured in all years."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

FINISHED = sa.text("kind = 'measure' AND state = 'complete'")


def upgrade() -> None:
    op.create_index(
        "ix_record_finished_measure",
        "record",
        ["patient_id", "updated_at"],
        sqlite_where=FINISHED,
        postgresql_where=FINISHED,
    )


def downgrade() -> None:
    op.drop_index("ix_record_finished_measure", "record")
