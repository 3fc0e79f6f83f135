"""The table of what the clinic has set, every version of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base


class SettingsVersion(Base):
    """The whole of the clinic's settings from a moment on; the newest is also on the clinic's row,
    where everything reads it. Rows are never changed."""

    __tablename__ = "settings_version"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    #: None: from the command line.
    by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    why: Mapped[str]
    document: Mapped[dict[str, Any]]
    __table_args__ = (CheckConstraint("number >= 1", name="number_from_one"),)
