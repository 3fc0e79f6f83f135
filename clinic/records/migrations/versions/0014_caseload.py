"""An index for the caseload: what a patient wrote, by conversation, with its time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    written = sa.text("author = 'patient' AND kind <> 'open'")
    op.create_index(
        "ix_message_from_patient",
        "message",
        ["conversation_id", "seq", "created_at"],
        sqlite_where=written,
        postgresql_where=written,
    )


def downgrade() -> None:
    op.drop_index("ix_message_from_patient", "message")
