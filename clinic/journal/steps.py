"""From insight to step: what a patient wants to do, what became of it, what is parked, what went
well, and how long they spent on it.

Words come in as messages, like those of the journal, so they are assessed. Nothing is counted
against anybody: no streak, no score.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.conversation import intake, typed
from clinic.people import NotPossibleError
from clinic.records.models import Conversation, Infusion, Message, Record, RecordMessage, new_id
from clinic.system import System
from clinic.touches import follow

#: What can be written here.
WORDS = ("small_step", "parked_decision", "win")
#: What may become of each; None: still open.
STATES = {
    "small_step": ("done", "partly", "not_yet", "dropped"),
    "parked_decision": ("keep", "drop", "bring"),
}
#: Nobody asks about it any more.
SETTLED = ("done", "dropped", "drop", "bring")
PRACTICE = "practice"
KINDS_OF_PRACTICE = ("writing", "talking", "quiet", "moving", "therapy", "other")
_MOST_MINUTES = 600


@dataclass(frozen=True)
class Noted:
    """Something kept: a step, a parked decision, a win."""

    id: str
    at: datetime
    text: str
    state: str | None


@dataclass(frozen=True)
class Practice:
    at: datetime
    minutes: int
    what: str


class Steps:
    """One patient's steps, within one unit of work."""

    def __init__(self, system: System, session: Session, patient_id: str) -> None:
        self._system, self._session, self._patient_id = system, session, patient_id
        self._vault = system.vault(session)

    def of(self, kind: str) -> list[Noted]:
        """Newest first."""
        return [
            Noted(row.id, row.created_at, data["text"], row.state) for row, data in self._rows(kind)
        ]

    def practice(self) -> list[Practice]:
        """What the patient spent on it, newest first."""
        return [
            Practice(row.created_at, data["minutes"], data["what"])
            for row, data in self._rows(PRACTICE)
        ]

    def settle(self, record_id: str, state: str) -> None:
        """What became of a step or a decision. One to talk over is passed on to the clinic."""
        row = self._session.get(Record, record_id)
        mine = row is not None and row.patient_id == self._patient_id
        if row is None or not mine or state not in STATES.get(row.kind, ()):
            raise NotPossibleError("There is no such thing to settle.")
        row.state, row.updated_at = state, self._system.clock.now()
        if state in SETTLED:
            follow.settled(self._session, row)
        if state == "bring":
            self.keep("clinic_task", {"task": "therapist", "urgency": "routine"}, f"bring-{row.id}")
        self._note(f"step.{state}", row)

    def spent(self, minutes: int, what: str) -> None:
        """So many minutes of looking back, of this kind."""
        if not 1 <= minutes <= _MOST_MINUTES or what not in KINDS_OF_PRACTICE:
            raise NotPossibleError("Minutes are a number from 1 to 600.")
        self._note("step.practice", self.keep(PRACTICE, {"minutes": minutes, "what": what}))

    def booked(self, yes: bool) -> None:
        """Whether time with a therapist is booked; no becomes a request to the clinic."""
        answer = "yes" if yes else "no"
        row = self.keep("check_in", {"therapist_booked": answer})
        if not yes:
            self.keep("clinic_task", {"task": "therapist", "urgency": "routine"}, f"book-{row.id}")
        self._note("step.booked", row)

    def is_booked(self) -> str | None:
        """yes, no, or None when it was not said since the last infusion."""
        last = self._session.scalars(
            select(Infusion.ended_at)
            .where(
                Infusion.patient_id == self._patient_id,
                Infusion.cancelled.is_(False),
                Infusion.ended_at.is_not(None),
            )
            .order_by(Infusion.ended_at.desc())
            .limit(1)
        ).first()
        for row, data in self._rows("check_in"):
            if "therapist_booked" in data and (last is None or row.created_at >= last):
                return str(data["therapist_booked"])
        return None

    def keep(self, kind: str, data: dict[str, Any], key: str = "") -> Record:
        """A record of the patient's own doing; the same key is kept once."""
        now, key = self._system.clock.now(), key or new_id()
        found = self._session.scalars(
            select(Record).where(
                Record.patient_id == self._patient_id, Record.kind == kind, Record.key == key
            )
        ).first()
        if found is not None:
            return found
        row = Record(
            id=new_id(),
            patient_id=self._patient_id,
            kind=kind,
            key=key,
            created_at=now,
            updated_at=now,
        )
        row.data_sealed = self._vault.seal(
            self._patient_id, "record", "data", row.id, json.dumps(data)
        )
        self._session.add(row)
        self._session.flush()
        feed.publish(self._system, self._session, feed.STAFF, "record", row.id)
        return row

    def _rows(self, kind: str) -> list[tuple[Record, Any]]:
        rows = self._session.scalars(
            select(Record)
            .where(Record.patient_id == self._patient_id, Record.kind == kind)
            .order_by(Record.created_at.desc(), Record.id)
        )
        return list(self._vault.documents(rows))

    def _note(self, action: str, row: Record) -> None:
        self._session.flush()
        actor, now = f"patient:{self._patient_id}", self._system.clock.now()
        self._system.audit.add(
            self._session, now, actor, action, f"record:{row.id}", self._patient_id
        )


def write(system: System, conversation: Conversation, kind: str, text: str, key: str) -> bool:
    """Keep words of this kind. Whether they show something that somebody should answer.

    Raises NotAcceptedError, NotPossibleError; then nothing was stored.
    """
    if kind not in WORDS:
        raise NotPossibleError("That cannot be kept here.")
    received = intake.receive_entry(
        system, conversation.id, text, key, _keep(system, conversation.patient_id, kind, text)
    )
    with system.database.read() as session:
        return session.get_one(Message, received.message["id"]).spoken


def _keep(
    system: System, patient_id: str, kind: str, text: str
) -> Callable[[Session, Message], None]:
    def keep(session: Session, message: Message) -> None:
        steps = Steps(system, session, patient_id)
        row = steps.keep(kind, {"text": typed.normalise(text)}, f"page-{message.id}")
        row.message_id = message.id
        session.merge(RecordMessage(record_id=row.id, message_id=message.id))
        follow.up(system, session, row)

    return keep
