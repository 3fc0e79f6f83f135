"""The tables of patients' own ways to be woken (clinic/wake)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class PatientContact(Base):
    """Where a patient wants to be told that something waits: at most one that counts.

    The address is sealed; its keyed hash finds it again when somebody there says stop.
    """

    __tablename__ = "patient_contact"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), index=True)
    channel: Mapped[str]
    address_sealed: Mapped[bytes]
    address_hash: Mapped[str] = mapped_column(String(64), index=True)
    verified_at: Mapped[datetime | None]
    #: The patient took it away, or the provider says it is gone.
    removed_at: Mapped[datetime | None]
    #: Somebody at that address asked for no more: never again, to whomever it belongs.
    stopped_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failing: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("patient_id", "channel", "address_hash"),
        Index(
            "uq_patient_contact_counts",
            "patient_id",
            unique=True,
            sqlite_where=text("verified_at IS NOT NULL"),
            postgresql_where=text("verified_at IS NOT NULL"),
        ),
    )


class PatientCode(Base):
    """A code that was sent to a patient's contact; worked out from ``nonce``, never stored."""

    __tablename__ = "patient_code"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    contact_id: Mapped[str] = mapped_column(ForeignKey("patient_contact.id"), index=True)
    nonce: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]
