"""A patient's journal entries: read, written, changed with their history, tagged, shared or kept.

An entry is a record of kind ``journal_entry``, made by a dialogue or on the journal's own pages.
Every word of it comes in as a message, so it is assessed and, where it shows risk, answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.conversation import intake, typed, whereabouts
from clinic.people import NotPossibleError
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    Conversation,
    Message,
    Record,
    RecordMessage,
    RecordVersion,
    new_id,
)
from clinic.records.vault import UNREADABLE, Kept
from clinic.system import System

KIND = "journal_entry"
#: The prompt of a blank page.
BLANK = "blank"
SHARINGS = ("private", "shared")
_EXCERPT = 140
_MOST_TAGS, _TAG_CHARS = 12, 40


@dataclass(frozen=True)
class Part:
    """One question and what was written to it."""

    prompt: str
    question: str
    state: str
    text: str


_UNREADABLE = Part("", "", "answered", UNREADABLE)


@dataclass(frozen=True)
class Entry:
    """An entry as the patient sees it. ``version`` counts its changes, from 1."""

    id: str
    at: datetime
    changed: datetime
    complete: bool
    sharing: str
    parts: list[Part]
    tags: list[str]
    version: int
    #: False: its bytes were changed. It is shown to be there, and says so instead of its words.
    readable: bool = True

    @property
    def excerpt(self) -> str:
        words = " ".join(part.text for part in self.parts if part.text)
        return words if len(words) <= _EXCERPT else words[:_EXCERPT].rsplit(" ", 1)[0] + " ..."

    def holds(self, wanted: str) -> bool:
        """Whether the words, questions or tags contain what somebody looks for."""
        told = [text for part in self.parts for text in (part.question, part.text)]
        return wanted.casefold() in "\n".join([*told, *self.tags]).casefold()


@dataclass(frozen=True)
class Written:
    """What became of words sent to the journal. ``worry``: they are part of the talk now, where
    somebody answers."""

    entry_id: str
    worry: bool
    both_kept: bool = False


class Journal:
    """One patient's entries, within one unit of work."""

    def __init__(self, system: System, session: Session, patient_id: str) -> None:
        self._system, self._session, self._patient_id = system, session, patient_id
        self._vault = system.vault(session)

    def entries(self) -> list[Entry]:
        """All of them, newest first; opened in memory, never indexed in clear."""
        # Columns, not objects: years of a journal are a thousand rows.
        rows = self._session.execute(
            select(Record.__table__)
            .where(Record.patient_id == self._patient_id, Record.kind == KIND)
            .order_by(Record.created_at.desc(), Record.id)
        )
        changes = self._changes()
        return [self._open(row, changes.get(row.id, 0)) for row in rows]

    def entry(self, entry_id: str) -> Entry | None:
        """None for another patient's, and for one that is not there: they look alike."""
        row = self.row(entry_id)
        return self._open(row, self._changes(entry_id).get(entry_id, 0)) if row else None

    def row(self, entry_id: str) -> Record | None:
        return self._session.scalars(
            select(Record).where(
                Record.id == entry_id,
                Record.patient_id == self._patient_id,
                Record.kind == KIND,
            )
        ).first()

    def history(self, entry_id: str) -> list[tuple[datetime, list[Part]]]:
        """What the entry said before, newest first."""
        rows = self._session.scalars(
            select(RecordVersion)
            .where(RecordVersion.record_id == entry_id)
            .order_by(RecordVersion.number.desc())
        )
        return [(row.written_at, self._before(row)) for row in rows]

    def share(self, entry_id: str, sharing: str) -> None:
        """The patient decides who reads it; staff see the change at once."""
        row = self._mine(entry_id)
        if sharing not in SHARINGS:
            raise NotPossibleError("An entry is private or shared.")
        data = self._vault.data(row) | {"sharing": sharing}
        row.sharing, row.data_sealed = sharing, self._seal(row, data)
        self._note(f"entry.{sharing}", row)

    def tag(self, entry_id: str, tags: str, message: Message) -> None:
        """Tags as typed, with commas between."""
        row = self._mine(entry_id)
        row.tags_sealed = self._seal_tags(row, tags)
        self._made_of(row, message)

    def add(self, message: Message, prompt: str, text: str, sharing: str, tags: str) -> str:
        """Keep a new entry made of ``message``; its place and number in the series go with it."""
        now = self._system.clock.now()
        place = whereabouts.place(self._session, self._patient_id, now)
        row = Record(
            id=new_id(),
            patient_id=self._patient_id,
            kind=KIND,
            key=f"page-{message.id}",
            state="complete",
            sharing=sharing,
            message_id=message.id,
            created_at=now,
            updated_at=now,
        )
        data = {
            "state": "complete",
            "sharing": sharing,
            "stage": place.stage,
            "infusion_number": place.number,
            "parts": [{"prompt": prompt, "state": "answered", "text": text}],
        }
        row.data_sealed, row.tags_sealed = self._seal(row, data), self._seal_tags(row, tags)
        self._session.add(row)
        self._made_of(row, message)
        return row.id

    def change(self, entry_id: str, number: int, message: Message, text: str) -> None:
        """Give part ``number`` (from 0) other words; what it said before is kept."""
        row, now = self._mine(entry_id), self._system.clock.now()
        data = self._vault.data(row)
        self._session.add(
            RecordVersion(
                record_id=row.id,
                number=self._changes(entry_id).get(entry_id, 0) + 1,
                data_sealed=row.data_sealed,
                written_at=row.updated_at,
            )
        )
        data["parts"][number] |= {"state": "answered", "text": text}
        row.data_sealed, row.updated_at = self._seal(row, data), now
        self._made_of(row, message)

    def _made_of(self, row: Record, message: Message) -> None:
        self._session.flush()
        self._session.merge(RecordMessage(record_id=row.id, message_id=message.id))
        feed.publish(self._system, self._session, feed.STAFF, "record", row.id)

    def _mine(self, entry_id: str) -> Record:
        row = self.row(entry_id)
        if row is None:
            raise NotPossibleError("There is no such entry.")
        return row

    def _changes(self, entry_id: str | None = None) -> dict[str, int]:
        """How often each entry was changed."""
        query = (
            select(RecordVersion.record_id, func.count().label("changes"))
            .join(Record, Record.id == RecordVersion.record_id)
            .where(Record.patient_id == self._patient_id)
            .group_by(RecordVersion.record_id)
        )
        if entry_id is not None:
            query = query.where(RecordVersion.record_id == entry_id)
        return {row.record_id: row.changes for row in self._session.execute(query)}

    def _open(self, row: Kept, changes: int) -> Entry:
        try:
            parts = self._parts(self._vault.data(row))
            tags, readable = self._open_tags(row), True
        except CryptoError:
            parts, tags, readable = [_UNREADABLE], [], False
        return Entry(
            id=row.id,
            at=row.created_at,
            changed=row.updated_at,
            complete=row.state == "complete",
            sharing=row.sharing or "undecided",
            parts=parts,
            tags=tags,
            version=changes + 1,
            readable=readable,
        )

    def _before(self, row: RecordVersion) -> list[Part]:
        cipher = self._vault.cipher(self._patient_id)
        try:
            words = cipher.open("record", "data", row.record_id, row.data_sealed)
        except CryptoError:
            return [_UNREADABLE]
        return self._parts(json.loads(words))

    def _parts(self, data: dict[str, Any]) -> list[Part]:
        words = self._system.words
        return [
            Part(
                part["prompt"],
                words.item(part["prompt"]).variants[0] if part["prompt"] in words else "",
                part["state"],
                part.get("text") or "",
            )
            for part in data["parts"]
        ]

    def _seal(self, row: Record, data: dict[str, Any]) -> bytes:
        return self._vault.seal(self._patient_id, "record", "data", row.id, json.dumps(data))

    def _seal_tags(self, row: Record, typed: str) -> bytes:
        tags = dict.fromkeys(tag.strip()[:_TAG_CHARS] for tag in typed.split(","))
        kept = [tag for tag in tags if tag][:_MOST_TAGS]
        return self._vault.seal(self._patient_id, "record", "tags", row.id, json.dumps(kept))

    def _open_tags(self, row: Kept) -> list[str]:
        if row.tags_sealed is None:
            return []
        cipher = self._vault.cipher(self._patient_id)
        tags: list[str] = json.loads(cipher.open("record", "tags", row.id, row.tags_sealed))
        return tags

    def _note(self, action: str, row: Record) -> None:
        now, actor = self._system.clock.now(), f"patient:{self._patient_id}"
        row.updated_at = now
        subject = f"record:{row.id}"
        self._system.audit.add(self._session, now, actor, action, subject, self._patient_id)
        feed.publish(self._system, self._session, feed.STAFF, "record", row.id)


def write(
    system: System,
    conversation: Conversation,
    prompt: str,
    text: str,
    sharing: str,
    tags: str,
    key: str,
) -> Written:
    """A new entry. Raises NotAcceptedError, NotPossibleError; then nothing was stored."""
    if sharing not in SHARINGS or (prompt != BLANK and prompt not in system.words):
        raise NotPossibleError("That question is not known.")

    def keep(session: Session, message: Message) -> None:
        journal = Journal(system, session, conversation.patient_id)
        journal.add(message, prompt, typed.normalise(text), sharing, tags)

    # Tags are words too: they are assessed with the rest.
    return _take_in(system, conversation, f"{text}\n\n{tags}" if text.strip() else "", key, keep)


def rewrite(
    system: System,
    conversation: Conversation,
    entry_id: str,
    number: int,
    text: str,
    version: int,
    key: str,
) -> Written:
    """Other words for one part. When somebody changed the entry meanwhile, in another window, the
    words become an entry of their own: both are kept."""
    with system.database.read() as session:
        entry = Journal(system, session, conversation.patient_id).entry(entry_id)
    if entry is None or not 0 <= number < len(entry.parts):
        raise NotPossibleError("There is no such entry.")
    if not entry.readable:
        raise NotPossibleError("This entry cannot be opened.")
    if not entry.complete:
        raise NotPossibleError("This entry is not finished. Go on with it in the conversation.")

    def keep(session: Session, message: Message) -> None:
        journal = Journal(system, session, conversation.patient_id)
        clean, now = typed.normalise(text), journal.entry(entry_id)
        if now is not None and now.version == version:
            journal.change(entry_id, number, message, clean)
        else:
            journal.add(message, entry.parts[number].prompt, clean, entry.sharing, "")

    return _take_in(system, conversation, text, key, keep, entry_id)


def retag(
    system: System, conversation: Conversation, entry_id: str, tags: str, key: str
) -> Written:
    """Other tags for an entry. Raises NotPossibleError when there is no such entry."""

    def keep(session: Session, message: Message) -> None:
        journal = Journal(system, session, conversation.patient_id)
        journal.tag(entry_id, tags, message)

    return _take_in(system, conversation, tags or "-", key, keep)


def _take_in(
    system: System,
    conversation: Conversation,
    text: str,
    key: str,
    keep: intake.Keep,
    changes: str | None = None,
) -> Written:
    received = intake.receive_entry(system, conversation.id, text, key, keep)
    with system.database.read() as session:
        message = session.get_one(Message, received.message["id"])
        made = session.scalars(
            select(RecordMessage.record_id).where(RecordMessage.message_id == message.id)
        ).one()
        return Written(made, message.spoken, changes is not None and made != changes)
