"""Touches about a step or a decision of the patient's own, besides those after an infusion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    with op.batch_alter_table("touch") as touch:
        touch.alter_column("infusion_id", existing_type=sa.String(length=32), nullable=True)
        touch.add_column(sa.Column("record_id", sa.String(length=32), nullable=True))
        touch.create_foreign_key(op.f("fk_touch_record_id"), "record", ["record_id"], ["id"])
        touch.create_unique_constraint(op.f("uq_touch_record_id_kind"), ["record_id", "kind"])
        touch.create_check_constraint(
            op.f("ck_touch_about_one"), "(infusion_id IS NULL) <> (record_id IS NULL)"
        )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM touch WHERE record_id IS NOT NULL"))
    with op.batch_alter_table("touch") as touch:
        touch.drop_constraint(op.f("ck_touch_about_one"), type_="check")
        touch.drop_constraint(op.f("uq_touch_record_id_kind"), type_="unique")
        touch.drop_constraint(op.f("fk_touch_record_id"), type_="foreignkey")
        touch.drop_column("record_id")
        touch.alter_column("infusion_id", existing_type=sa.String(length=32), nullable=False)
