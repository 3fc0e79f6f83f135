"""The tables of notifications on their way out, and of what providers tell us (clinic/outbox)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import COUNTER, Base, one_of


class Outbox(Base):
    """A notification to deliver at least once. Parameters are ids and codes, never words (I9)."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(COUNTER, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    channel: Mapped[str]
    #: Exactly one of the two: a member of staff's way, or a patient's (clinic/wake).
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("staff_contact.id"))
    patient_contact_id: Mapped[str | None] = mapped_column(ForeignKey("patient_contact.id"))
    template: Mapped[str]
    escalation_id: Mapped[str | None] = mapped_column(ForeignKey("escalation.id"), index=True)
    params: Mapped[dict[str, Any]]
    #: Smaller goes first.
    priority: Mapped[int]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="queued")
    lease_until: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    last_error: Mapped[str | None]
    #: What the provider told us later: delivered or failed.
    delivery: Mapped[str | None]
    delivery_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (
        one_of("state", "queued", "sending", "sent", "failed", "dropped"),
        CheckConstraint(
            "(contact_id IS NULL) <> (patient_contact_id IS NULL)", name="one_recipient"
        ),
        Index("ix_outbox_due", "state", "channel", "priority", "due_at"),
    )


class ProviderEvent(Base):
    """A callback or reply we have taken: the same one again changes nothing."""

    __tablename__ = "provider_event"
    channel: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
