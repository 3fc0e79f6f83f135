"""Of each measure the newest finished one, found without a look at those before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

FINISHED = sa.text("kind = 'measure' AND state = 'complete'")
NEWEST = sa.text("kind = 'measure' AND newest")
#: A key is the measure's name, a dash and 32 letters.
MARK = """
    UPDATE record SET newest = true
    WHERE kind = 'measure' AND state = 'complete' AND NOT EXISTS (
        SELECT 1 FROM record later
        WHERE later.patient_id = record.patient_id
        AND later.kind = 'measure' AND later.state = 'complete'
        AND substr(later.key, 1, length(later.key) - 33)
            = substr(record.key, 1, length(record.key) - 33)
        AND (later.updated_at > record.updated_at
            OR (later.updated_at = record.updated_at AND later.key > record.key))
    )
"""


def upgrade() -> None:
    op.add_column(
        "record", sa.Column("newest", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(MARK)
    op.drop_index("ix_record_finished_measure", "record")
    op.create_index(
        "ix_record_newest_measure",
        "record",
        ["patient_id", "updated_at"],
        sqlite_where=NEWEST,
        postgresql_where=NEWEST,
    )


def downgrade() -> None:
    op.drop_index("ix_record_newest_measure", "record")
    op.create_index(
        "ix_record_finished_measure",
        "record",
        ["patient_id", "updated_at"],
        sqlite_where=FINISHED,
        postgresql_where=FINISHED,
    )
    op.drop_column("record", "newest")
