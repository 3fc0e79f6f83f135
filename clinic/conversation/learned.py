"""What the dialogue learned in a turn, into the patient's record."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import agreed, feed
from clinic.conversation import whereabouts
from clinic.records.models import Conversation, Message, Record, RecordMessage, new_id
from clinic.system import System
from clinic.touches import follow


def keep_record(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    record: dict[str, Any],
) -> None:
    """Store what the dialogue learned; the same key replaces, so an entry grows in place."""
    now, data = system.clock.now(), record["data"]
    if whereabouts.place(session, conversation.patient_id, message.created_at).impaired:
        # Nobody decides about consent or sharing while it works (domain.md R09); a no counts at any
        # time, and visits can be changed on the page of their days then, too.
        if record["kind"] == agreed.KIND and data["given"] and data["scope"] != agreed.VISITS:
            return
        if data.get("sharing") == "shared":
            data = data | {"sharing": "undecided"}
    found = session.scalars(
        select(Record).where(
            Record.patient_id == conversation.patient_id,
            Record.kind == record["kind"],
            Record.key == record["key"],
        )
    ).first()
    if found is None:
        found = Record(
            id=new_id(),
            patient_id=conversation.patient_id,
            kind=record["kind"],
            key=record["key"],
            created_at=now,
        )
        session.add(found)
    if "state" in data or found.kind not in follow.FOLLOWED:
        # What became of a step stands there too, and a later wording of it changes nothing.
        found.state = data.get("state")
    found.sharing = data.get("sharing")
    found.message_id, found.updated_at = message.id, now
    found.data_sealed = system.vault(session).seal(
        conversation.patient_id, "record", "data", found.id, json.dumps(data)
    )
    session.flush()
    follow.up(system, session, found)
    if found.kind == agreed.KIND:
        agreed.heed(system, session, conversation.patient_id, data["scope"], data["given"])
    if found.kind == "check_in" and "step_done" in data:
        follow.told(session, conversation.patient_id, data["step_done"])
    session.merge(RecordMessage(record_id=found.id, message_id=message.id))
    feed.publish(system, session, feed.STAFF, "record", found.id)
