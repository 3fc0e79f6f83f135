"""Judging the detector: what people say of a message's level, and test sentences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0013"
down_revision = "0012"

_LEVELS = "('none', 'watch', 'urgent', 'emergency')"


def upgrade() -> None:
    op.create_table(
        "judgement",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=True),
        sa.Column("ends", sa.Integer(), nullable=True),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(f"level IN {_LEVELS}", name=op.f("ck_judgement_level_known")),
        sa.CheckConstraint(f"said IN {_LEVELS}", name=op.f("ck_judgement_said_known")),
        sa.CheckConstraint(
            "(starts IS NULL) = (ends IS NULL)", name=op.f("ck_judgement_span_is_whole")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_judgement_message_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_judgement_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement")),
        sa.UniqueConstraint(
            "message_id", "staff_id", name=op.f("uq_judgement_message_id_staff_id")
        ),
    )
    final = sa.text("final")
    op.create_index(
        "uq_judgement_final",
        "judgement",
        ["message_id"],
        unique=True,
        sqlite_where=final,
        postgresql_where=final,
    )
    op.create_table(
        "test_sentence",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=32), nullable=False),
        sa.Column("confirmed_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_test_sentence_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_test_sentence_patient_id")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["staff.id"], name=op.f("fk_test_sentence_confirmed_by")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_test_sentence")),
    )


def downgrade() -> None:
    for table in ("test_sentence", "judgement"):
        op.drop_table(table)
