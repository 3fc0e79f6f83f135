"""What to follow up about a patient, by whom and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "follow_up",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("assigned_to", sa.String(length=32), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("what_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("done_by", sa.String(length=32), nullable=True),
        sa.Column("done_at", database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(done_by IS NULL) = (done_at IS NULL)", name=op.f("ck_follow_up_done_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_follow_up_patient_id")
        ),
        sa.ForeignKeyConstraint(
            ["assigned_to"], ["staff.id"], name=op.f("fk_follow_up_assigned_to")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name=op.f("fk_follow_up_created_by")),
        sa.ForeignKeyConstraint(["done_by"], ["staff.id"], name=op.f("fk_follow_up_done_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
    )
    waiting = sa.text("done_at IS NULL")
    op.create_index(
        "uq_follow_up_waiting",
        "follow_up",
        ["patient_id"],
        unique=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    op.drop_table("follow_up")
