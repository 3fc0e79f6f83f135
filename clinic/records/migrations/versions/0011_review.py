"""Transcript review: marks, notes and what stands beside a message; the audit log by patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "reviewed",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_reviewed_conversation_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_reviewed_staff_id")),
        sa.PrimaryKeyConstraint("conversation_id", "staff_id", name=op.f("pk_reviewed")),
    )
    op.create_table(
        "annotation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=True),
        sa.Column("ends", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(length=32), nullable=True),
        sa.Column("changed_at", database.UtcDateTime(), nullable=True),
        sa.Column("removed_at", database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('note', 'tag', 'bookmark', 'quote')", name=op.f("ck_annotation_kind_known")
        ),
        sa.CheckConstraint(
            "(kind IN ('note', 'tag')) = (text_sealed IS NOT NULL)",
            name=op.f("ck_annotation_words_where_wanted"),
        ),
        sa.CheckConstraint(
            "(kind = 'quote') = (starts IS NOT NULL AND ends IS NOT NULL)",
            name=op.f("ck_annotation_quote_has_span"),
        ),
        sa.CheckConstraint(
            "kind = 'note' OR message_id IS NOT NULL",
            name=op.f("ck_annotation_only_notes_stand_alone"),
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_annotation_patient_id")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_annotation_message_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_annotation_staff_id")),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["staff.id"], name=op.f("fk_annotation_changed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
    )
    op.create_index(op.f("ix_annotation_patient_id"), "annotation", ["patient_id"])
    stands = sa.text("kind = 'bookmark' AND removed_at IS NULL")
    op.create_index(
        "uq_annotation_bookmark",
        "annotation",
        ["message_id"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    op.create_table(
        "annotation_version",
        sa.Column("annotation_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("written_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotation.id"], name=op.f("fk_annotation_version_annotation_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_annotation_version_staff_id")
        ),
        sa.PrimaryKeyConstraint("annotation_id", "number", name=op.f("pk_annotation_version")),
    )
    # One patient's log, and one alert's, without walking the whole chain.
    op.create_index("ix_audit_patient", "audit", ["patient_id", "action", "seq"])
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_subject"), "audit")
    op.drop_index("ix_audit_patient", "audit")
    for table in ("annotation_version", "annotation", "reviewed"):
        op.drop_table(table)
