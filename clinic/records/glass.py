"""The table of emergency openings (clinic/glass.py)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class BrokenGlass(Base):
    """A clinician without another reason opened a patient until ``until``, and said why.

    ``why_sealed`` is sealed with the patient's key. Somebody else looks at it afterwards.
    """

    __tablename__ = "broken_glass"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    #: One of clinic.glass.REASONS.
    reason: Mapped[str]
    why_sealed: Mapped[bytes]
    opened_at: Mapped[datetime]
    until: Mapped[datetime]
    seen_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    seen_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("until >= opened_at", name="ends_after_it_begins"),
        CheckConstraint("(seen_by IS NULL) = (seen_at IS NULL)", name="seen_by_somebody"),
        CheckConstraint("seen_by IS NULL OR seen_by <> staff_id", name="seen_by_another"),
        Index("ix_broken_glass_staff", "staff_id", "until"),
    )
