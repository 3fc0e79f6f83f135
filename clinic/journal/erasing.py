"""Pages of the journal that their writer wants gone: what can go goes at once, the rest says why.

What shows danger stays, with the alert it raised; what was shared may have been read and belongs to
the team's record; what was said in the conversation stands there. Everything else leaves nothing
but that a page was there: words, history and tags go, and the message they came in as is emptied.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.journal.entries import KIND
from clinic.records.models import (
    Message,
    Record,
    RecordMessage,
    RecordVersion,
    RiskAssessment,
)
from clinic.system import System


def why_not(session: Session, row: Record) -> str | None:
    """Why a page stays, as a code: shared, talk or danger. None: it can go."""
    if row.sharing == "shared":
        return "shared"
    found = _messages(session, row.id)
    if not row.key.startswith("page-") or any(message.spoken for message, _ in found):
        return "danger" if _shows_danger(found) else "talk"
    return "danger" if _shows_danger(found) else None


def erase(system: System, session: Session, row: Record) -> str | None:
    """Let a page go, or say why it stays."""
    kept = why_not(session, row)
    if kept:
        return kept
    cipher = system.vault(session).cipher(row.patient_id)
    for message, _ in _messages(session, row.id):
        message.text_sealed = cipher.seal("message", "text", message.id, "")
    for table in (RecordVersion, RecordMessage):
        session.execute(delete(table).where(table.record_id == row.id))
    session.flush()
    session.delete(row)
    session.flush()
    actor = f"patient:{row.patient_id}"
    system.audit.add(
        session, system.clock.now(), actor, "entry.erased", f"record:{row.id}", row.patient_id
    )
    feed.publish(system, session, feed.STAFF, "record", row.id)
    return None


def erase_all(system: System, session: Session, patient_id: str) -> tuple[int, int]:
    """(how many pages went, how many stay)."""
    rows = session.scalars(
        select(Record).where(Record.patient_id == patient_id, Record.kind == KIND)
    ).all()
    kept = [erase(system, session, row) for row in rows]
    return kept.count(None), len(kept) - kept.count(None)


Found = list[tuple[Message, RiskAssessment | None]]


def _messages(session: Session, record_id: str) -> Found:
    rows = session.execute(
        select(Message, RiskAssessment)
        .join(RecordMessage, RecordMessage.message_id == Message.id)
        .outerjoin(RiskAssessment, RiskAssessment.message_id == Message.id)
        .where(RecordMessage.record_id == record_id)
    )
    return [(message, assessed) for message, assessed in rows]


def _shows_danger(found: Found) -> bool:
    # What nobody has looked at counts as danger, here as everywhere.
    return any(a is None or a.unscreened or a.level != "none" for _, a in found)
