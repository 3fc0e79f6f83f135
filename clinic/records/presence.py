"""Who is there for a patient: on call, about an alert, in the conversation."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class OnCallShift(Base):
    """Who answers alerts from ``starts_at`` until ``ends_at`` (None: until further notice).

    With ``replaces_id`` it is an override: that person is off for as long.
    """

    __tablename__ = "on_call_shift"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    replaces_id: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_after_start"),
    )


class Rotation(Base):
    """People who take turns on call, ``days`` each, handing over at a wall-clock time.

    Dates and time are the clinic's own zone's, so a change of clocks moves no hand-over.
    """

    __tablename__ = "rotation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    #: Staff ids in the order of their turns.
    members: Mapped[list[Any]]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    hand_over: Mapped[time]
    days: Mapped[int] = mapped_column(default=7)
    __table_args__ = (CheckConstraint("days >= 1", name="a_day_or_more"),)


class ContactAttempt(Base):
    """A clinician tried to reach the patient about an alert: how, and what came of it."""

    __tablename__ = "contact_attempt"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    escalation_id: Mapped[str] = mapped_column(ForeignKey("escalation.id"), index=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    #: One of the policy's ``contacts``.
    kind: Mapped[str]
    note_sealed: Mapped[bytes | None]
    at: Mapped[datetime]


class Reader(Base):
    """How far somebody has read a conversation: ``who`` is a staff id or ``patient``."""

    __tablename__ = "reader"
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    who: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(default=0)
    #: When ``seq`` was reached.
    read_at: Mapped[datetime]
    #: The page was last open then.
    here_at: Mapped[datetime]
