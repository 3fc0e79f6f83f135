"""What staff put beside a patient's words: notes, tags, bookmarks, quotes for the summary.

All of it is for whoever may read the patient, and none of it reaches the patient's pages. Words are
sealed. Two people who change one note at once both keep what they wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.patient.withheld import withheld
from clinic.people import NotPossibleError
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    Annotation,
    AnnotationVersion,
    Message,
    RiskAssessment,
    Staff,
    new_id,
)
from clinic.system import System

LONGEST = 8_000
_TAG_CHARS = 40


@dataclass(frozen=True)
class Beside:
    """One annotation as a page shows it. ``seq`` is the message's place; None: of the patient."""

    id: str
    kind: str
    seq: int | None
    words: str
    by: str
    at: datetime
    version: int
    changed_by: str
    changed_at: datetime | None


class Notebook:
    """One patient's annotations, within one unit of work, for one member of staff."""

    def __init__(self, system: System, session: Session, patient_id: str, staff: Staff) -> None:
        self._system, self._session = system, session
        self._patient_id, self._staff = patient_id, staff
        self._vault = system.vault(session)

    def all(self, seqs: Sequence[int] | None = None) -> list[Beside]:
        """Oldest first; of the messages at ``seqs`` only, if given."""
        query = (
            select(Annotation, Message)
            .outerjoin(Message, Message.id == Annotation.message_id)
            .where(Annotation.patient_id == self._patient_id, Annotation.removed_at.is_(None))
            .order_by(Annotation.created_at, Annotation.id)
        )
        if seqs is not None:
            query = query.where(Message.seq.in_(seqs))
        found = self._session.execute(query).all()
        hidden = self._hidden([message for row, message in found if row.kind == "quote"])
        return [self._shown(row, message, hidden) for row, message in found]

    def add(self, kind: str, message: Message | None, words: str) -> Annotation:
        """Raises NotPossibleError in words for the page."""
        row = Annotation(
            id=new_id(),
            patient_id=self._patient_id,
            message_id=message.id if message else None,
            kind=kind,
            version=1,
            staff_id=self._staff.id,
            created_at=self._system.clock.now(),
        )
        if kind in ("note", "tag"):
            row.text_sealed = self._seal(row.id, _clean(kind, words))
        elif kind == "quote" and message is not None:
            row.starts, row.ends = self._span(message, words)
        elif kind == "bookmark" and message is not None and self._bookmark(message) is not None:
            raise NotPossibleError("There is a bookmark here already.")
        self._session.add(row)
        self._note("annotation.add", row)
        return row

    def change(self, annotation_id: str, words: str, version: int) -> Annotation:
        """Give a note other words. When somebody changed it meanwhile, yours become a note of its
        own: the returned row is another one, and both are kept."""
        row = self._mine(annotation_id)
        if row.kind != "note" or row.text_sealed is None:
            raise NotPossibleError("Only a note can be changed.")
        text = _clean("note", words)
        if row.version != version or row.removed_at is not None:
            message = self._session.get(Message, row.message_id) if row.message_id else None
            return self.add("note", message, text)
        self._session.add(
            AnnotationVersion(
                annotation_id=row.id,
                number=row.version,
                text_sealed=row.text_sealed,
                staff_id=row.changed_by or row.staff_id,
                written_at=row.changed_at or row.created_at,
            )
        )
        row.text_sealed, row.version = self._seal(row.id, text), row.version + 1
        row.changed_by, row.changed_at = self._staff.id, self._system.clock.now()
        self._note("annotation.change", row)
        return row

    def remove(self, annotation_id: str) -> Annotation:
        """Take it off the pages. The row stays, as the log does."""
        row = self._mine(annotation_id)
        if row.removed_at is None:
            row.removed_at = self._system.clock.now()
            self._note("annotation.remove", row)
        return row

    def earlier(self, annotation_id: str) -> list[tuple[str, str, datetime]]:
        """(words, by, when) of what a note said before, newest first."""
        rows = self._session.scalars(
            select(AnnotationVersion)
            .where(AnnotationVersion.annotation_id == self._mine(annotation_id).id)
            .order_by(AnnotationVersion.number.desc())
        )
        return [
            (
                self._open(row.annotation_id, row.text_sealed),
                self._name(row.staff_id),
                row.written_at,
            )
            for row in rows
        ]

    def _mine(self, annotation_id: str) -> Annotation:
        row = self._session.scalars(
            select(Annotation)
            .where(Annotation.id == annotation_id, Annotation.patient_id == self._patient_id)
            .with_for_update()
        ).first()
        if row is None:
            raise NotPossibleError("That is not there any more.")
        return row

    def _bookmark(self, message: Message) -> Annotation | None:
        return self._session.scalars(
            select(Annotation).where(
                Annotation.message_id == message.id,
                Annotation.kind == "bookmark",
                Annotation.removed_at.is_(None),
            )
        ).first()

    def _span(self, message: Message, words: str) -> tuple[int, int]:
        """Where the words to quote stand in the message; without words, all of it."""
        if message.author != "patient" or self._hidden([message]):
            raise NotPossibleError("Only words that the patient lets you read can be quoted.")
        try:
            text = self._vault.text(message, self._patient_id)
        except CryptoError:
            raise NotPossibleError(wording.UNREADABLE) from None
        return span(text, words)

    def _hidden(self, messages: Sequence[Message]) -> set[str]:
        if not messages:
            return set()
        ids = [message.id for message in messages]
        rows = self._session.scalars(
            select(RiskAssessment).where(RiskAssessment.message_id.in_(ids))
        )
        assessed = {row.message_id: row for row in rows}
        return withheld(self._session, self._system.words, messages, assessed)

    def _shown(self, row: Annotation, message: Message | None, hidden: set[str]) -> Beside:
        words = ""
        if row.kind == "quote" and message is not None:
            words = self._quoted(row, message) if message.id not in hidden else ""
        elif row.text_sealed is not None:
            words = self._open(row.id, row.text_sealed)
        return Beside(
            id=row.id,
            kind=row.kind,
            seq=message.seq if message else None,
            words=words,
            by=self._name(row.staff_id),
            at=row.created_at,
            version=row.version,
            changed_by=self._name(row.changed_by) if row.changed_by else "",
            changed_at=row.changed_at,
        )

    def _quoted(self, row: Annotation, message: Message) -> str:
        try:
            return self._vault.text(message, self._patient_id)[row.starts : row.ends]
        except CryptoError:
            return wording.UNREADABLE

    def _open(self, row_id: str, sealed: bytes) -> str:
        try:
            return self._vault.cipher(self._patient_id).open("annotation", "text", row_id, sealed)
        except CryptoError:
            return wording.UNREADABLE

    def _seal(self, row_id: str, words: str) -> bytes:
        return self._vault.seal(self._patient_id, "annotation", "text", row_id, words)

    def _name(self, staff_id: str | None) -> str:
        person = self._session.get(Staff, staff_id or "")
        return person.name if person else "Somebody no longer here"

    def _note(self, action: str, row: Annotation) -> None:
        self._system.audit.add(
            self._session,
            self._system.clock.now(),
            f"staff:{self._staff.id}",
            action,
            f"annotation:{row.id}",
            self._patient_id,
            kind=row.kind,
        )


def span(text: str, words: str) -> tuple[int, int]:
    """Where ``words`` stand in ``text``; without words, the whole of it. Line breaks and blanks do
    not count: what is copied from a page has others. Raises NotPossibleError when not found."""
    if not words.strip():
        return 0, len(text)
    wanted = "".join(words.split())
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    found = "".join(text[place] for place in places).find(wanted)
    if found < 0:
        raise NotPossibleError("Those words are not in the message. Copy them as they stand.")
    return places[found], places[found + len(wanted) - 1] + 1


def _clean(kind: str, words: str) -> str:
    clean = words.strip() if kind == "note" else " ".join(words.split())[:_TAG_CHARS]
    if not clean:
        raise NotPossibleError("There was nothing to keep.")
    if len(clean) > LONGEST:
        raise NotPossibleError(f"Please keep it under {LONGEST} characters.")
    return clean
