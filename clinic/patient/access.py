"""A patient's way in: single-use invitation -> session. No password in the window.

An unknown, used, expired or foreign token all end in the same ``None``: nothing leaks.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from clinic.records.models import Conversation, Invitation, Patient, PatientSession, new_id
from clinic.system import System

COOKIE = "afterglow_patient"
INVITATION_LIFE = timedelta(hours=72)
#: The window of an induction: a remembered device outlives six infusions in three weeks.
REMEMBERED = timedelta(days=30)
UNREMEMBERED = timedelta(hours=12)


@dataclass(frozen=True)
class Admission:
    token: str
    conversation_id: str
    lasts: timedelta


def invite(system: System, session: Session, patient_id: str, actor: str = "system") -> str:
    """A fresh single-use token for a patient; earlier unused ones end here."""
    now = system.clock.now()
    session.execute(
        update(Invitation)
        .where(Invitation.patient_id == patient_id, Invitation.used_at.is_(None))
        .values(used_at=now)
    )
    token = secrets.token_urlsafe(24)
    session.add(
        Invitation(
            token_hash=system.hash(token),
            patient_id=patient_id,
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
    )
    system.audit.add(session, now, actor, "patient.invite", f"patient:{patient_id}", patient_id)
    return token


def invitation_url(system: System, token: str) -> str:
    """The token rides in the fragment: it reaches no log, proxy or referrer."""
    return f"{system.settings.public_url}/chat#i={token}"


def admit(system: System, token: str, remember: bool) -> Admission | None:
    """Use up an invitation and start a session. The notice has been read and adulthood said."""
    now = system.clock.now()
    with system.database.write() as session:
        used = session.execute(
            update(Invitation)
            .where(
                Invitation.token_hash == system.hash(token),
                Invitation.used_at.is_(None),
                Invitation.expires_at > now,
            )
            .values(used_at=now)
            .returning(Invitation.patient_id)
        ).first()
        patient = session.get(Patient, used[0]) if used else None
        if patient is None or not patient.active:
            system.audit.add(session, now, "anonymous", "session.refused", "invitation")
            return None
        conversation = _conversation(system, session, patient)
        conversation.notice_seen_at = now
        lasts = REMEMBERED if remember else UNREMEMBERED
        fresh = secrets.token_urlsafe(32)
        session.add(
            PatientSession(
                token_hash=system.hash(fresh),
                patient_id=patient.id,
                created_at=now,
                expires_at=now + lasts,
            )
        )
        system.audit.add(
            session,
            now,
            f"patient:{patient.id}",
            "session.start",
            f"conversation:{conversation.id}",
            patient.id,
            remembered=remember,
        )
        return Admission(fresh, conversation.id, lasts)


def already_in(system: System, token: str, session_token: str | None) -> str | None:
    """The conversation, when the one who used this invitation up presses its link again."""
    with system.database.read() as session:
        conversation = conversation_of(system, session, session_token)
        invitation = session.get(Invitation, system.hash(token))
        if conversation is None or invitation is None:
            return None
        return conversation.id if invitation.patient_id == conversation.patient_id else None


def conversation_of(system: System, session: Session, token: str | None) -> Conversation | None:
    """The conversation a session token names, or None."""
    if not token:
        return None
    now = system.clock.now()
    return session.scalars(
        select(Conversation)
        .join(PatientSession, PatientSession.patient_id == Conversation.patient_id)
        .join(Patient, Patient.id == Conversation.patient_id)
        .where(
            PatientSession.token_hash == system.hash(token),
            PatientSession.ended_at.is_(None),
            PatientSession.expires_at > now,
            Patient.active,
        )
    ).first()


def end_session(system: System, token: str) -> None:
    now = system.clock.now()
    with system.database.write() as session:
        session.execute(
            update(PatientSession)
            .where(PatientSession.token_hash == system.hash(token))
            .values(ended_at=now)
        )


def _conversation(system: System, session: Session, patient: Patient) -> Conversation:
    found = session.scalars(
        select(Conversation).where(Conversation.patient_id == patient.id)
    ).first()
    if found is None:
        found = Conversation(id=new_id(), patient_id=patient.id, created_at=system.clock.now())
        session.add(found)
        session.flush()
    return found
