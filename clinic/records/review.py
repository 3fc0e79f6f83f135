"""The tables of transcript review: how far somebody has marked, and what they wrote beside it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id, one_of


class Reviewed(Base):
    """A member of staff has marked a conversation as read, by hand, up to ``seq``."""

    __tablename__ = "reviewed"
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    seq: Mapped[int]
    at: Mapped[datetime]


class Annotation(Base):
    """What staff attach to a message, or to the patient where ``message_id`` is None.

    A note or a tag holds words; a bookmark none; a quote names a span of the message, so that the
    patient's words are kept once. ``version`` grows with every change of a note.
    """

    __tablename__ = "annotation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), index=True)
    message_id: Mapped[str | None] = mapped_column(ForeignKey("message.id"))
    kind: Mapped[str]
    text_sealed: Mapped[bytes | None]
    starts: Mapped[int | None]
    ends: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    changed_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("kind", "note", "tag", "bookmark", "quote"),
        CheckConstraint(
            "(kind IN ('note', 'tag')) = (text_sealed IS NOT NULL)", name="words_where_wanted"
        ),
        CheckConstraint(
            "(kind = 'quote') = (starts IS NOT NULL AND ends IS NOT NULL)", name="quote_has_span"
        ),
        CheckConstraint("kind = 'note' OR message_id IS NOT NULL", name="only_notes_stand_alone"),
        Index(
            "uq_annotation_bookmark",
            "message_id",
            unique=True,
            sqlite_where=text("kind = 'bookmark' AND removed_at IS NULL"),
            postgresql_where=text("kind = 'bookmark' AND removed_at IS NULL"),
        ),
    )


class AnnotationVersion(Base):
    """What a note said before; ``number`` counts from 1."""

    __tablename__ = "annotation_version"
    annotation_id: Mapped[str] = mapped_column(ForeignKey("annotation.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    text_sealed: Mapped[bytes]
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    written_at: Mapped[datetime]
