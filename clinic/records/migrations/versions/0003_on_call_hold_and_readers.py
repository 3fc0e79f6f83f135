"""Rotations and overrides, holds that lapse, attempts to reach a patient, who has read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "rotation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("hand_over", sa.Time(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.CheckConstraint("days >= 1", name=op.f("ck_rotation_a_day_or_more")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rotation")),
        sa.UniqueConstraint("name", name=op.f("uq_rotation_name")),
    )
    with op.batch_alter_table("on_call_shift") as batch:
        batch.add_column(sa.Column("replaces_id", sa.String(length=32), nullable=True))
        batch.create_foreign_key(
            op.f("fk_on_call_shift_replaces_id"), "staff", ["replaces_id"], ["id"]
        )
        batch.create_check_constraint(
            op.f("ck_on_call_shift_ends_after_start"), "ends_at IS NULL OR ends_at > starts_at"
        )
    op.add_column("conversation", sa.Column("hold_until", database.UtcDateTime(), nullable=True))
    op.create_table(
        "contact_attempt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("escalation_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_contact_attempt_escalation_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_contact_attempt_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_attempt")),
    )
    op.create_index(op.f("ix_contact_attempt_escalation_id"), "contact_attempt", ["escalation_id"])
    op.create_table(
        "reader",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("who", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("read_at", database.UtcDateTime(), nullable=False),
        sa.Column("here_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_reader_conversation_id")
        ),
        sa.PrimaryKeyConstraint("conversation_id", "who", name=op.f("pk_reader")),
    )


def downgrade() -> None:
    op.drop_table("reader")
    op.drop_index(op.f("ix_contact_attempt_escalation_id"), "contact_attempt")
    op.drop_table("contact_attempt")
    op.drop_column("conversation", "hold_until")
    with op.batch_alter_table("on_call_shift") as batch:
        batch.drop_constraint(op.f("ck_on_call_shift_ends_after_start"), type_="check")
        batch.drop_constraint(op.f("fk_on_call_shift_replaces_id"), type_="foreignkey")
        batch.drop_column("replaces_id")
    op.drop_table("rotation")
