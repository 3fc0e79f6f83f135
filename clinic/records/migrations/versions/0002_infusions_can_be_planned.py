"""Infusions are planned, moved and cancelled; boosters; the program a patient is in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

HELD = "NOT cancelled"


def upgrade() -> None:
    with op.batch_alter_table("infusion") as infusion:
        infusion.add_column(
            sa.Column("booster", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        # A cancelled infusion gives its number back.
        infusion.drop_constraint("uq_infusion_patient_id_number", type_="unique")
        infusion.create_index(
            "uq_infusion_number_held",
            ["patient_id", "number"],
            unique=True,
            sqlite_where=sa.text(HELD),
            postgresql_where=sa.text(HELD),
        )
    with op.batch_alter_table("patient") as patient:
        patient.add_column(
            sa.Column("program", sa.String(), nullable=False, server_default="induction")
        )
        patient.create_check_constraint(
            op.f("ck_patient_program_known"), "program IN ('induction', 'maintenance', 'ended')"
        )


def downgrade() -> None:
    with op.batch_alter_table("patient") as patient:
        patient.drop_constraint(op.f("ck_patient_program_known"), type_="check")
        patient.drop_column("program")
    with op.batch_alter_table("infusion") as infusion:
        infusion.drop_index("uq_infusion_number_held")
        infusion.create_unique_constraint("uq_infusion_patient_id_number", ["patient_id", "number"])
        infusion.drop_column("booster")
