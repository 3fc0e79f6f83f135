"""Sign-in with an account of the clinic's own (OpenID Connect)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "staff_account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_account_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_account")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_staff_account_issuer_subject")),
        sa.UniqueConstraint("staff_id", "issuer", name=op.f("uq_staff_account_staff_id_issuer")),
    )
    op.create_table(
        "provider_visit",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("next", sa.String(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_provider_visit")),
    )
    op.create_index(op.f("ix_provider_visit_expires_at"), "provider_visit", ["expires_at"])


def downgrade() -> None:
    op.drop_table("provider_visit")
    op.drop_table("staff_account")
