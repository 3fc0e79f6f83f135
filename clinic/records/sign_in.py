"""The tables of staff sign-in: one-time codes for a lost phone, and how often it was tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class RecoveryCode(Base):
    """A code that stands in for the authenticator app, once. Only its keyed hash is stored."""

    __tablename__ = "recovery_code"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInTries(Base):
    """Failed tries to sign in, by keyed hash of an account or of a network address."""

    __tablename__ = "sign_in_tries"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    #: Nothing is taken before this moment.
    until: Mapped[datetime | None]
