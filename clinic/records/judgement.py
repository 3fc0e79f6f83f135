"""The tables of judging the detector: what people say of a message's level, and test sentences."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id, one_of


class Judgement(Base):
    """The level a person says a message should have had, beside what the detector ``said``.

    ``starts`` and ``ends`` are the words it should have seen. Two people read without knowing of
    each other; where they differ, the ``final`` one of somebody else counts.
    """

    __tablename__ = "judgement"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"))
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    level: Mapped[str]
    category: Mapped[str | None]
    starts: Mapped[int | None]
    ends: Mapped[int | None]
    #: The detector's level, and the version of its rules, when this was said.
    said: Mapped[str]
    rules: Mapped[str]
    final: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("message_id", "staff_id"),
        one_of("level", "none", "watch", "urgent", "emergency"),
        one_of("said", "none", "watch", "urgent", "emergency"),
        CheckConstraint("(starts IS NULL) = (ends IS NULL)", name="span_is_whole"),
        Index(
            "uq_judgement_final",
            "message_id",
            unique=True,
            sqlite_where=text("final"),
            postgresql_where=text("final"),
        ),
    )


class TestSentence(Base):
    """A judged message reworded by a person who confirmed that nobody can be known from it."""

    __test__ = False  # not a test class, whatever pytest thinks of its name
    __tablename__ = "test_sentence"
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    text_sealed: Mapped[bytes]
    confirmed_by: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    confirmed_at: Mapped[datetime]
