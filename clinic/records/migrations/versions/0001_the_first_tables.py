"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clinic.records import database

revision = "0001"
down_revision = None


#: Rows of these tables are never changed or removed.
APPEND_ONLY = ("audit", "risk_assessment")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "clinic",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clinic_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic")),
    )
    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_audience"), ["audience"], unique=False)

    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", database.UtcDateTime(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
    )
    op.create_table(
        "care_relation",
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('therapist', 'supervisor')", name=op.f("ck_care_relation_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_care_relation_patient_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_care_relation_staff_id")),
        sa.PrimaryKeyConstraint("patient_id", "staff_id", "kind", name=op.f("pk_care_relation")),
    )
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("next_seq", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("mode_epoch", sa.Integer(), nullable=False),
        sa.Column("held_by", sa.String(length=32), nullable=True),
        sa.Column("risk_level", sa.String(), nullable=False),
        sa.Column("risk_categories", sa.JSON(), nullable=False),
        sa.Column("risk_since", database.UtcDateTime(), nullable=True),
        sa.Column("watch_until", database.UtcDateTime(), nullable=True),
        sa.Column("turn_owner", sa.String(), nullable=True),
        sa.Column("turn_lease_until", database.UtcDateTime(), nullable=True),
        sa.Column("opened_at", database.UtcDateTime(), nullable=True),
        sa.Column("notice_seen_at", database.UtcDateTime(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(mode = 'human') = (held_by IS NOT NULL)",
            name=op.f("ck_conversation_human_has_holder"),
        ),
        sa.CheckConstraint("mode IN ('bot', 'human')", name=op.f("ck_conversation_mode_known")),
        sa.CheckConstraint(
            "risk_level IN ('none', 'watch', 'urgent', 'emergency')",
            name=op.f("ck_conversation_risk_level_known"),
        ),
        sa.ForeignKeyConstraint(["held_by"], ["staff.id"], name=op.f("fk_conversation_held_by")),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_conversation_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("patient_id", name=op.f("uq_conversation_patient_id")),
    )
    op.create_table(
        "infusion",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "ended_at IS NULL OR ended_at > started_at", name=op.f("ck_infusion_ends_after_start")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_infusion_number_from_one")),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_infusion_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion")),
        sa.UniqueConstraint("patient_id", "number", name=op.f("uq_infusion_patient_id_number")),
    )
    with op.batch_alter_table("infusion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_infusion_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_invitation_patient_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitation")),
    )
    op.create_table(
        "on_call_shift",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("starts_at", database.UtcDateTime(), nullable=False),
        sa.Column("ends_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_on_call_shift_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_on_call_shift")),
    )
    op.create_table(
        "patient_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_patient_session_patient_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_patient_session")),
    )
    op.create_table(
        "staff_contact",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("verified_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_contact_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_contact")),
        sa.UniqueConstraint(
            "staff_id", "channel", "address", name=op.f("uq_staff_contact_staff_id_channel_address")
        ),
    )
    op.create_table(
        "staff_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("half", sa.Boolean(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("seen_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_session")),
    )
    op.create_table(
        "escalation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("loop", sa.Integer(), nullable=False),
        sa.Column("next_at", database.UtcDateTime(), nullable=True),
        sa.Column("unanswered", sa.Boolean(), nullable=False),
        sa.Column("acked_by", sa.String(length=32), nullable=True),
        sa.Column("acked_at", database.UtcDateTime(), nullable=True),
        sa.Column("ack_until", database.UtcDateTime(), nullable=True),
        sa.Column("resolved_by", sa.String(length=32), nullable=True),
        sa.Column("resolved_at", database.UtcDateTime(), nullable=True),
        sa.Column("disposition", sa.String(), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(state = 'acked') = (ack_until IS NOT NULL)", name=op.f("ck_escalation_ack_is_a_lease")
        ),
        sa.CheckConstraint(
            "(state = 'open') = (next_at IS NOT NULL)",
            name=op.f("ck_escalation_open_has_next_step"),
        ),
        sa.CheckConstraint(
            "(state = 'resolved') = (disposition IS NOT NULL)",
            name=op.f("ck_escalation_resolved_has_disposition"),
        ),
        sa.CheckConstraint(
            "level IN ('urgent', 'emergency')", name=op.f("ck_escalation_level_known")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'acked', 'resolved')", name=op.f("ck_escalation_state_known")
        ),
        sa.ForeignKeyConstraint(["acked_by"], ["staff.id"], name=op.f("fk_escalation_acked_by")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_escalation_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_escalation_patient_id")
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["staff.id"], name=op.f("fk_escalation_resolved_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
        sa.UniqueConstraint("number", name=op.f("uq_escalation_number")),
    )
    with op.batch_alter_table("escalation", schema=None) as batch_op:
        batch_op.create_index(
            "uq_escalation_running",
            ["patient_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'resolved'"),
            postgresql_where=sa.text("state <> 'resolved'"),
        )

    op.create_table(
        "message",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=True),
        sa.Column("content", sa.String(), nullable=True),
        sa.Column("content_version", sa.Integer(), nullable=True),
        sa.Column("variant", sa.Integer(), nullable=True),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("payload", sa.String(), nullable=True),
        sa.Column("turn", sa.String(), nullable=True),
        sa.Column("reply_to", sa.String(length=32), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "author IN ('patient', 'bot', 'staff', 'system')", name=op.f("ck_message_author_known")
        ),
        sa.CheckConstraint(
            "kind IN ('say', 'ask', 'card', 'notice', 'choice', 'open')",
            name=op.f("ck_message_kind_known"),
        ),
        sa.CheckConstraint(
            "turn IS NULL OR turn IN ('waiting','answered','unanswered','held')",
            name=op.f("ck_message_turn_known"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_message_conversation_id")
        ),
        sa.ForeignKeyConstraint(["reply_to"], ["message.id"], name=op.f("fk_message_reply_to")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_message_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("conversation_id", "key", name=op.f("uq_message_conversation_id_key")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_message_conversation_id_seq")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(
            "ix_message_waiting",
            ["conversation_id"],
            unique=False,
            sqlite_where=sa.text("turn = 'waiting'"),
            postgresql_where=sa.text("turn = 'waiting'"),
        )

    op.create_table(
        "escalation_message",
        sa.Column("escalation_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_escalation_message_escalation_id")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_escalation_message_message_id")
        ),
        sa.PrimaryKeyConstraint("escalation_id", "message_id", name=op.f("pk_escalation_message")),
    )
    with op.batch_alter_table("escalation_message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_escalation_message_message_id"), ["message_id"], unique=False
        )

    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(length=32), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("escalation_id", sa.String(length=32), nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", database.UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lease_until", database.UtcDateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", database.UtcDateTime(), nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'dropped')",
            name=op.f("ck_outbox_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["staff_contact.id"], name=op.f("fk_outbox_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_outbox_escalation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_due", ["state", "priority", "due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outbox_escalation_id"), ["escalation_id"], unique=False
        )

    op.create_table(
        "record",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("sharing", sa.String(), nullable=True),
        sa.Column("data_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_record_message_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_record_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint(
            "patient_id", "kind", "key", name=op.f("uq_record_patient_id_kind_key")
        ),
    )
    op.create_table(
        "record_message",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_record_message_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["record.id"], name=op.f("fk_record_message_record_id")
        ),
        sa.PrimaryKeyConstraint("record_id", "message_id", name=op.f("pk_record_message")),
    )
    with op.batch_alter_table("record_message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_record_message_message_id"), ["message_id"], unique=False
        )

    op.create_table(
        "risk_assessment",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("conversation_level", sa.String(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("unscreened", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "level IN ('none', 'watch', 'urgent', 'emergency')",
            name=op.f("ck_risk_assessment_level_known"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_risk_assessment_message_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_risk_assessment")),
    )
    for table in APPEND_ONLY:
        _make_append_only(table)


def _make_append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP FUNCTION {table}_append_only()")
    op.drop_table("risk_assessment")
    op.drop_table("record_message")
    op.drop_table("record")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_escalation_id"))
        batch_op.drop_index("ix_outbox_due")

    op.drop_table("outbox")
    with op.batch_alter_table("escalation_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_escalation_message_message_id"))

    op.drop_table("escalation_message")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_message_waiting",
            sqlite_where=sa.text("turn = 'waiting'"),
            postgresql_where=sa.text("turn = 'waiting'"),
        )

    op.drop_table("message")
    with op.batch_alter_table("escalation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_escalation_running",
            sqlite_where=sa.text("state <> 'resolved'"),
            postgresql_where=sa.text("state <> 'resolved'"),
        )

    op.drop_table("escalation")
    op.drop_table("staff_session")
    op.drop_table("staff_contact")
    op.drop_table("patient_session")
    op.drop_table("on_call_shift")
    op.drop_table("invitation")
    with op.batch_alter_table("infusion", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_infusion_patient_id"))

    op.drop_table("infusion")
    op.drop_table("conversation")
    op.drop_table("care_relation")
    op.drop_table("staff")
    op.drop_table("patient")
    op.drop_table("heartbeat")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_audience"))

    op.drop_table("event")
    op.drop_table("clinic")
    op.drop_table("audit")
