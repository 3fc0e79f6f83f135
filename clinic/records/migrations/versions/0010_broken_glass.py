"""Emergency openings: a clinician without a reason reads a patient for some hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "broken_glass",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("why_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", database.UtcDateTime(), nullable=False),
        sa.Column("until", database.UtcDateTime(), nullable=False),
        sa.Column("seen_by", sa.String(length=32), nullable=True),
        sa.Column("seen_at", database.UtcDateTime(), nullable=True),
        sa.CheckConstraint("until >= opened_at", name=op.f("ck_broken_glass_ends_after_it_begins")),
        sa.CheckConstraint(
            "(seen_by IS NULL) = (seen_at IS NULL)", name=op.f("ck_broken_glass_seen_by_somebody")
        ),
        sa.CheckConstraint(
            "seen_by IS NULL OR seen_by <> staff_id", name=op.f("ck_broken_glass_seen_by_another")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_broken_glass_patient_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_broken_glass_staff_id")),
        sa.ForeignKeyConstraint(["seen_by"], ["staff.id"], name=op.f("fk_broken_glass_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broken_glass")),
    )
    op.create_index("ix_broken_glass_staff", "broken_glass", ["staff_id", "until"])


def downgrade() -> None:
    op.drop_table("broken_glass")
