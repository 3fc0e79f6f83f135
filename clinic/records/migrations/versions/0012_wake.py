"""Patients' own ways to be woken, and notifications that go to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0012"
down_revision = "0011"

_ONE = "(contact_id IS NULL) <> (patient_contact_id IS NULL)"


def upgrade() -> None:
    op.create_table(
        "patient_contact",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("verified_at", database.UtcDateTime(), nullable=True),
        sa.Column("removed_at", database.UtcDateTime(), nullable=True),
        sa.Column("stopped_at", database.UtcDateTime(), nullable=True),
        sa.Column("failing_since", database.UtcDateTime(), nullable=True),
        sa.Column("failing", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_patient_contact_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_contact")),
        sa.UniqueConstraint(
            "patient_id",
            "channel",
            "address_hash",
            name=op.f("uq_patient_contact_patient_id_channel_address_hash"),
        ),
    )
    op.create_index(op.f("ix_patient_contact_patient_id"), "patient_contact", ["patient_id"])
    op.create_index(op.f("ix_patient_contact_address_hash"), "patient_contact", ["address_hash"])
    counts = sa.text("verified_at IS NOT NULL")
    op.create_index(
        "uq_patient_contact_counts",
        "patient_contact",
        ["patient_id"],
        unique=True,
        sqlite_where=counts,
        postgresql_where=counts,
    )
    op.create_table(
        "patient_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["patient_contact.id"], name=op.f("fk_patient_code_contact_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_code")),
    )
    op.create_index(op.f("ix_patient_code_contact_id"), "patient_code", ["contact_id"])
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("contact_id", existing_type=sa.String(length=32), nullable=True)
        outbox.add_column(sa.Column("patient_contact_id", sa.String(length=32), nullable=True))
        outbox.create_foreign_key(
            op.f("fk_outbox_patient_contact_id"), "patient_contact", ["patient_contact_id"], ["id"]
        )
        outbox.create_check_constraint(op.f("ck_outbox_one_recipient"), _ONE)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM outbox WHERE patient_contact_id IS NOT NULL"))
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_constraint(op.f("ck_outbox_one_recipient"), type_="check")
        outbox.drop_constraint(op.f("fk_outbox_patient_contact_id"), type_="foreignkey")
        outbox.drop_column("patient_contact_id")
        outbox.alter_column("contact_id", existing_type=sa.String(length=32), nullable=False)
    op.drop_table("patient_code")
    op.drop_table("patient_contact")
