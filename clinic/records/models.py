"""The tables. Constraints state the domain before Python does.

Columns ending in ``_sealed`` hold ciphertext (records/crypto.py). Codes and ids are plain; patient
words, names, numbers and notes never are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.records.base import COUNTER, one_of, only
from clinic.records.base import Base as Base
from clinic.records.base import new_id as new_id
from clinic.records.clinic_settings import SettingsVersion as SettingsVersion
from clinic.records.desk import FollowUp as FollowUp
from clinic.records.desk import SavedFilter as SavedFilter
from clinic.records.glass import BrokenGlass as BrokenGlass
from clinic.records.judgement import Judgement as Judgement
from clinic.records.judgement import TestSentence as TestSentence
from clinic.records.outbox import Outbox as Outbox
from clinic.records.outbox import ProviderEvent as ProviderEvent
from clinic.records.presence import ContactAttempt as ContactAttempt
from clinic.records.presence import OnCallShift as OnCallShift
from clinic.records.presence import Reader as Reader
from clinic.records.presence import Rotation as Rotation
from clinic.records.review import Annotation as Annotation
from clinic.records.review import AnnotationVersion as AnnotationVersion
from clinic.records.review import Reviewed as Reviewed
from clinic.records.sign_in import ProviderVisit as ProviderVisit
from clinic.records.sign_in import RecoveryCode as RecoveryCode
from clinic.records.sign_in import SecurityKey as SecurityKey
from clinic.records.sign_in import SignInTries as SignInTries
from clinic.records.sign_in import StaffAccount as StaffAccount
from clinic.records.sign_in import StaffInvitation as StaffInvitation
from clinic.records.touch import Touch as Touch
from clinic.records.wake import PatientCode as PatientCode
from clinic.records.wake import PatientContact as PatientContact


class Clinic(Base):
    """The one clinic of this installation and its settings (versioned by the settings page)."""

    __tablename__ = "clinic"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    timezone: Mapped[str]
    settings: Mapped[dict[str, Any]]
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)


class Staff(Base):
    """A person who works here. ``password_hash`` is argon2id; the TOTP secret is sealed."""

    __tablename__ = "staff"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str]
    title: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[list[Any]]
    password_hash: Mapped[str | None]
    totp_sealed: Mapped[bytes | None]
    #: Last accepted TOTP step: a code works once.
    totp_step: Mapped[int | None]
    #: The secret of a new phone, until a code of it has confirmed it.
    totp_next_sealed: Mapped[bytes | None]
    active: Mapped[bool] = mapped_column(default=True)
    #: The step of the desk's tour they are at, from 0; -1: over; None: never begun.
    tour: Mapped[int | None]
    created_at: Mapped[datetime]


class StaffContact(Base):
    """A way to reach a member of staff. Only verified ways count for alerts.

    ``address`` is what the channel needs: a mail address, a number, a subscription as JSON.
    """

    __tablename__ = "staff_contact"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    channel: Mapped[str]
    address: Mapped[str]
    verified_at: Mapped[datetime | None]
    #: Removed by a person, or the provider says it is gone. Rows stay for the log.
    removed_at: Mapped[datetime | None]
    #: The last notification could not reach it, and why as a code. It is tried again at each call.
    failing_since: Mapped[datetime | None]
    failing: Mapped[str | None]
    __table_args__ = (UniqueConstraint("staff_id", "channel", "address"),)


class ContactCode(Base):
    """A code that was sent to a contact. It is derived from ``nonce`` and a key, never stored."""

    __tablename__ = "contact_code"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    contact_id: Mapped[str] = mapped_column(ForeignKey("staff_contact.id"), index=True)
    nonce: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    #: Wrong entries so far.
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class Patient(Base):
    """A patient. Everything readable about them is sealed with their own data key."""

    __tablename__ = "patient"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    data_key: Mapped[bytes]
    name_sealed: Mapped[bytes]
    phone_sealed: Mapped[bytes | None]
    timezone: Mapped[str]
    #: Two letters; None: where the clinic is. Decides the numbers to call (data/crisis).
    country: Mapped[str | None] = mapped_column(String(2))
    #: What staff have set that selects measures (bot/cadence.py, INDICATIONS).
    indications: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    active: Mapped[bool] = mapped_column(default=True)
    #: What staff have decided; the companion never does (domain.md M02).
    program: Mapped[str] = mapped_column(default="induction", server_default="induction")
    #: Whether the companion may come by itself; the patient's own choice.
    touches_wanted: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime]
    __table_args__ = (one_of("program", "induction", "maintenance", "ended"),)


class CareRelation(Base):
    """Why a member of staff may read a patient (invariant I10)."""

    __tablename__ = "care_relation"
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    #: What whoever handed the patient over wrote for them (clinic/console/inbox/handed.py).
    note_sealed: Mapped[bytes | None]
    __table_args__ = (one_of("kind", "therapist", "supervisor"),)


class Invitation(Base):
    """A single-use way in for a patient; only the token's keyed hash is stored."""

    __tablename__ = "invitation"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PatientSession(Base):
    __tablename__ = "patient_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class StaffSession(Base):
    __tablename__ = "staff_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    #: Password given but second factor still to come.
    half: Mapped[bool] = mapped_column(default=False)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    #: What a security key is to sign next, once and before a moment.
    challenge: Mapped[bytes | None]
    challenge_until: Mapped[datetime | None]


class Infusion(Base):
    """One infusion. ``ended_at`` is None while planned or running. A cancelled one gives its number
    back; a booster is given after the series."""

    __tablename__ = "infusion"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), index=True)
    number: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    cancelled: Mapped[bool] = mapped_column(default=False)
    booster: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Dose, route, rate and the like, as staff entered them (clinic/details.py).
    details_sealed: Mapped[bytes | None]
    __table_args__ = (
        Index(
            "uq_infusion_number_held",
            "patient_id",
            "number",
            unique=True,
            **only("NOT cancelled"),
        ),
        CheckConstraint("number >= 1", name="number_from_one"),
        CheckConstraint("ended_at IS NULL OR ended_at > started_at", name="ends_after_start"),
    )


class Conversation(Base):
    """A patient's one conversation: who leads it, and the risk it carries."""

    __tablename__ = "conversation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), unique=True)
    next_seq: Mapped[int] = mapped_column(default=1)
    mode: Mapped[str] = mapped_column(default="bot")
    #: Grows with every change of mode: replies asked for under an older epoch are dropped (I6).
    mode_epoch: Mapped[int] = mapped_column(default=0)
    held_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    #: A hold is a lease too: without a sign of the holder by then, the companion comes back.
    hold_until: Mapped[datetime | None]
    risk_level: Mapped[str] = mapped_column(default="none")
    risk_categories: Mapped[list[Any]] = mapped_column(default=list)
    risk_since: Mapped[datetime | None]
    #: An unanswered watch becomes urgent at this moment (I5).
    watch_until: Mapped[datetime | None]
    turn_owner: Mapped[str | None]
    turn_lease_until: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    notice_seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    patient: Mapped[Patient] = relationship(lazy="joined")
    __table_args__ = (
        one_of("mode", "bot", "human"),
        one_of("risk_level", "none", "watch", "urgent", "emergency"),
        CheckConstraint("(mode = 'human') = (held_by IS NOT NULL)", name="human_has_holder"),
    )


class Message(Base):
    """One message, in the order of ``seq``.

    ``turn`` is the state of a patient's message on its way to the companion: waiting, answered,
    unanswered (the honest fallback was shown), held (a clinician had the conversation), or None.
    """

    __tablename__ = "message"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    seq: Mapped[int]
    author: Mapped[str]
    staff_id: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    kind: Mapped[str] = mapped_column(default="say")
    text_sealed: Mapped[bytes]
    key: Mapped[str | None] = mapped_column(String(80))
    #: Registry id, version and phrasing of what the product said (I7).
    content: Mapped[str | None]
    content_version: Mapped[int | None]
    variant: Mapped[int | None]
    #: The registry's language, where it is not English.
    locale: Mapped[str | None] = mapped_column(String(5))
    choices: Mapped[list[Any]] = mapped_column(default=list)
    payload: Mapped[str | None]
    turn: Mapped[str | None]
    #: False for a quiet page of the journal: on record and assessed, but no part of the talk.
    spoken: Mapped[bool] = mapped_column(default=True, server_default=true())
    reply_to: Mapped[str | None] = mapped_column(ForeignKey("message.id"))
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "key"),
        one_of("author", "patient", "bot", "staff", "system"),
        one_of("kind", "say", "ask", "card", "notice", "choice", "open"),
        CheckConstraint(
            "turn IS NULL OR turn IN ('waiting','answered','unanswered','held')", name="turn_known"
        ),
        # What is unread, and when somebody last wrote, without a look at the messages themselves.
        Index(
            "ix_message_from_patient",
            "conversation_id",
            "seq",
            "created_at",
            **only("author = 'patient' AND kind <> 'open'"),
        ),
        Index(
            "ix_message_waiting",
            "conversation_id",
            **only("turn = 'waiting'"),
        ),
    )


#: What the patient wrote. Literal: so SQLite sees that ``ix_message_from_patient`` holds it.
FROM_PATIENT = text("message.author = 'patient' AND message.kind <> 'open'")


class RiskAssessment(Base):
    """What the detector said of one message. Never changed; spans are offsets, not words."""

    __tablename__ = "risk_assessment"
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True)
    level: Mapped[str]
    conversation_level: Mapped[str]
    categories: Mapped[list[Any]]
    evidence: Mapped[list[Any]]
    score: Mapped[float | None]
    rules: Mapped[str]
    unscreened: Mapped[bool]
    created_at: Mapped[datetime]
    __table_args__ = (one_of("level", "none", "watch", "urgent", "emergency"),)


class Escalation(Base):
    """An alert on its way to a human's recorded outcome (research/escalation.md 1.3)."""

    __tablename__ = "escalation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(unique=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    state: Mapped[str] = mapped_column(default="open")
    level: Mapped[str]
    categories: Mapped[list[Any]]
    reason: Mapped[str]
    #: The policy as it was at opening: later edits never strand a running escalation.
    policy: Mapped[dict[str, Any]]
    step: Mapped[int] = mapped_column(default=0)
    loop: Mapped[int] = mapped_column(default=0)
    #: When the next step is due; only open escalations have one.
    next_at: Mapped[datetime | None]
    #: A full loop went by without an acknowledgement: the patient is told the truth.
    unanswered: Mapped[bool] = mapped_column(default=False)
    acked_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    acked_at: Mapped[datetime | None]
    #: Acknowledgement is a lease: without a resolution by then it opens again.
    ack_until: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    resolved_at: Mapped[datetime | None]
    disposition: Mapped[str | None]
    note_sealed: Mapped[bytes | None]
    opened_at: Mapped[datetime]
    __table_args__ = (
        one_of("state", "open", "acked", "resolved"),
        one_of("level", "urgent", "emergency"),
        CheckConstraint("(state = 'open') = (next_at IS NOT NULL)", name="open_has_next_step"),
        CheckConstraint("(state = 'acked') = (ack_until IS NOT NULL)", name="ack_is_a_lease"),
        CheckConstraint(
            "(state = 'resolved') = (disposition IS NOT NULL)", name="resolved_has_disposition"
        ),
        # One running escalation a patient: further risk attaches to it.
        Index(
            "uq_escalation_running",
            "patient_id",
            unique=True,
            **only("state <> 'resolved'"),
        ),
    )


class EscalationMessage(Base):
    """Which messages an escalation stands for."""

    __tablename__ = "escalation_message"
    escalation_id: Mapped[str] = mapped_column(ForeignKey("escalation.id"), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True, index=True)


#: The state of a clinic task that a member of staff has dealt with.
TASK_DONE = "complete"


class Record(Base):
    """What the dialogue learned, validated by the contract; ``key`` makes it grow in place."""

    __tablename__ = "record"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    kind: Mapped[str]
    key: Mapped[str] = mapped_column(String(120))
    #: draft or complete, where the kind has it.
    state: Mapped[str | None]
    #: private, shared or undecided, where the kind has it. Only shared entries reach the desk.
    sharing: Mapped[str | None]
    data_sealed: Mapped[bytes]
    #: The patient's own tags for a journal entry, as a JSON list.
    tags_sealed: Mapped[bytes | None]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("message.id"))
    #: The newest finished of its measure (clinic/conversation/measuring.py).
    newest: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("patient_id", "kind", "key"),
        # A list of patients asks how each stands now, not for all that was measured.
        Index(
            "ix_record_newest_measure",
            "patient_id",
            "updated_at",
            **only("kind = 'measure' AND newest"),
        ),
    )


class RecordVersion(Base):
    """What a record said before the patient changed it; ``number`` counts from 1."""

    __tablename__ = "record_version"
    record_id: Mapped[str] = mapped_column(ForeignKey("record.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    data_sealed: Mapped[bytes]
    written_at: Mapped[datetime]


class RecordMessage(Base):
    """Which of the patient's messages a record was made of: its sharing is theirs too."""

    __tablename__ = "record_message"
    record_id: Mapped[str] = mapped_column(ForeignKey("record.id"), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True, index=True)


class Event(Base):
    """Something a page should show now: the source of both live feeds, resumable by id."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(COUNTER, primary_key=True, autoincrement=True)
    audience: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    ref: Mapped[str]
    at: Mapped[datetime]


class Heartbeat(Base):
    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Audit(Base):
    """Append-only, HMAC-chained (records/audit.py). Ids and codes only."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(COUNTER, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    patient_id: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[dict[str, Any]]
    mac: Mapped[str] = mapped_column(String(64))
    __table_args__ = (Index("ix_audit_patient", "patient_id", "action", "seq"),)
