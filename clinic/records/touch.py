"""The table of touches (clinic/touches)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id, one_of


class Touch(Base):
    """One time that the companion comes by itself, after an infusion or about a step or decision of
    the patient's own (clinic/touches).

    pending -> open (it has come) -> answered, or missed when nobody wrote in time; cancelled when
    it is not wanted any more. ``reason`` says why it was missed or cancelled, as a code.
    """

    __tablename__ = "touch"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), index=True)
    #: Exactly one of the two.
    infusion_id: Mapped[str | None] = mapped_column(ForeignKey("infusion.id"))
    record_id: Mapped[str | None] = mapped_column(ForeignKey("record.id"))
    #: A line of data/policy/touches.yml, and the version it was planned by.
    kind: Mapped[str]
    policy: Mapped[int]
    due_at: Mapped[datetime]
    until: Mapped[datetime]
    #: The patient has chosen this time: nothing but the patient changes it.
    chosen: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="pending")
    reason: Mapped[str | None]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("message.id"))
    opened_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("infusion_id", "kind"),
        UniqueConstraint("record_id", "kind"),
        CheckConstraint("(infusion_id IS NULL) <> (record_id IS NULL)", name="about_one"),
        one_of("state", "pending", "open", "answered", "missed", "cancelled"),
        CheckConstraint("until > due_at", name="has_room"),
        CheckConstraint("state <> 'open' OR opened_at IS NOT NULL", name="open_has_come"),
        Index("ix_touch_due", "state", "due_at"),
    )
