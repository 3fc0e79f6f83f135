"""Touches: the companion comes by itself after an infusion, where the patient wants it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "touch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("infusion_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("due_at", database.UtcDateTime(), nullable=False),
        sa.Column("until", database.UtcDateTime(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("opened_at", database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'open', 'answered', 'missed', 'cancelled')",
            name=op.f("ck_touch_state_known"),
        ),
        sa.CheckConstraint("until > due_at", name=op.f("ck_touch_has_room")),
        sa.CheckConstraint(
            "state <> 'open' OR opened_at IS NOT NULL", name=op.f("ck_touch_open_has_come")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_touch_patient_id")),
        sa.ForeignKeyConstraint(
            ["infusion_id"], ["infusion.id"], name=op.f("fk_touch_infusion_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_touch_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touch")),
        sa.UniqueConstraint("infusion_id", "kind", name=op.f("uq_touch_infusion_id_kind")),
    )
    op.create_index(op.f("ix_touch_patient_id"), "touch", ["patient_id"])
    op.create_index("ix_touch_due", "touch", ["state", "due_at"])
    with op.batch_alter_table("patient") as patient:
        patient.add_column(
            sa.Column("touches_wanted", sa.Boolean(), nullable=False, server_default=sa.true())
        )


def downgrade() -> None:
    op.drop_table("touch")
    with op.batch_alter_table("patient") as patient:
        patient.drop_column("touches_wanted")
