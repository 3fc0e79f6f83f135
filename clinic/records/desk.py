"""The tables of desk work: filters kept under a name, and what to follow up."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class SavedFilter(Base):
    """A choice of patients that one member of staff keeps under a name."""

    __tablename__ = "saved_filter"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    name: Mapped[str] = mapped_column(String(40))
    chosen: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("staff_id", "name"),)


class FollowUp(Base):
    """Something to do about a patient, by somebody, on a day of the clinic. One waits at a time."""

    __tablename__ = "follow_up"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    assigned_to: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    due_on: Mapped[date]
    what_sealed: Mapped[bytes]
    created_by: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    done_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    done_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("(done_by IS NULL) = (done_at IS NULL)", name="done_by_somebody"),
        Index(
            "uq_follow_up_waiting",
            "patient_id",
            unique=True,
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )
