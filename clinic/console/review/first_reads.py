"""What a first reader may begin with: what was flagged, and a few messages drawn by lot from those
that were not. Whoever judges only what they happened upon finds little that was missed.

The lot is the same all day, for everybody who reads the patient, and falls anew the next day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console.patient.withheld import withheld
from clinic.console.wording import When
from clinic.records.models import Conversation, Judgement, Message, RiskAssessment
from clinic.records.vault import UNREADABLE
from clinic.system import System

#: Of the last so many days: so many flagged ones, newest first, and so many by lot.
DAYS, FLAGGED, DRAWN = 7, 5, 3


@dataclass(frozen=True)
class FirstRead:
    """``level`` is what the detector said; "none": drawn by lot."""

    message_id: str
    patient_id: str
    seq: int
    at: datetime
    level: str


def of(
    system: System, session: Session, patient_ids: Collection[str], when: When
) -> list[FirstRead]:
    """Messages of these patients that nobody has judged: the flagged ones, then those by lot."""
    midnight = when.local(when.now).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = session.execute(
        select(Message.id, Message.created_at, RiskAssessment.level)
        .join(RiskAssessment, RiskAssessment.message_id == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.patient_id.in_(patient_ids),
            # Pressed buttons and failed screens are no work of the detector's.
            Message.author == "patient",
            Message.kind == "say",
            Message.created_at >= when.now - timedelta(days=DAYS),
            RiskAssessment.unscreened.is_(False),
        )
        .order_by(Message.created_at.desc(), Message.id)
    ).all()
    flagged = [name for name, _, level in rows if level != "none"]
    # What is written today waits for tomorrow's lot; today's stays as it fell.
    quiet = [name for name, at, level in rows if level == "none" and at < midnight]
    lot = sorted(quiet, key=lambda name: _number(name, when))
    judged = set(session.scalars(select(Judgement.message_id).distinct()))
    unjudged = [name for name in flagged if name not in judged]
    return [
        *_shown(system, session, unjudged, FLAGGED),
        *(one for one in _shown(system, session, lot, DRAWN) if one.message_id not in judged),
    ]


def _number(message_id: str, when: When) -> bytes:
    return hashlib.sha256(f"{when.day(when.now)} {message_id}".encode()).digest()


def _shown(system: System, session: Session, ids: Sequence[str], most: int) -> list[FirstRead]:
    """The first so many of these that staff can read: the patient keeps some, and some were erased
    or do not open."""
    tried = ids[: 4 * most]
    found = {
        message.id: (message, assessed, patient_id)
        for message, assessed, patient_id in session.execute(
            select(Message, RiskAssessment, Conversation.patient_id)
            .join(RiskAssessment, RiskAssessment.message_id == Message.id)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Message.id.in_(tried))
        )
    }
    messages = [found[name][0] for name in tried]
    assessed = {name: held[1] for name, held in found.items()}
    hidden = withheld(session, system.words, messages, assessed)
    vault = system.vault(session)
    readable = [
        FirstRead(m.id, found[m.id][2], m.seq, m.created_at, assessed[m.id].level)
        for m in messages
        if m.id not in hidden and vault.shown_text(m, found[m.id][2]) not in ("", UNREADABLE)
    ]
    return readable[:most]
