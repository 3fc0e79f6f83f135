"""A patient's own words for the page before a visit, as they stand, each with its place in the
record. Words they keep to themselves are not opened here (withheld.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.flows import flows
from clinic.console.patient.withheld import withheld
from clinic.console.review import review
from clinic.console.review.annotations import Notebook
from clinic.journal.entries import KIND, Entry, Journal
from clinic.records.models import Infusion, Message, Record, RiskAssessment
from clinic.system import System

_STATES = {
    "done": "done",
    "partly": "partly done",
    "not_yet": "not yet",
    "dropped": "let go",
    "keep": "kept for later",
    "drop": "let go",
    "bring": "to talk over",
}
#: Questions that look back at an intention or a hope, and what their answer is.
CAME_OF_IT = {
    "reflection_3.intended": "what came of it",
    "reflection_3.hoped": "what came of the hope",
    "review.learned": "learned from the infusion",
}
#: Each day of the window asks for one thing worth keeping.
_KEEPING = {"reflection.keep", "reflection_2.keeping", "reflection_3.keep"}


@dataclass(frozen=True)
class Statement:
    """One line and where it comes from. ``quoted``: the patient's own words."""

    words: str
    source: str
    at: datetime | None = None
    quoted: bool = False
    beside: str = ""


class OwnWords:
    """One patient's, within one unit of work. ``begin``: since when it counts; None: always."""

    def __init__(
        self, system: System, session: Session, patient_id: str, begin: datetime | None
    ) -> None:
        self._system, self._session, self._patient_id = system, session, patient_id
        self._begin = begin

    def records(self, kind: str) -> list[Statement]:
        """What came since, and what is still open; newest first."""
        return [
            Statement(text, source, row.created_at, True, _STATES.get(row.state or "", ""))
            for row, text, source in self._texts(kind)
            if self._since(row.updated_at) or row.state is None
        ]

    def intention(self, infusions: Sequence[Infusion]) -> list[Statement]:
        """The one that stood when the infusion began, what the patient later said came of it, and
        the one set since for the next."""
        begin = self._begin
        # By when they were set: the infusion in between tells whose each is.
        kept = sorted(self._texts("intention"), key=lambda one: one[0].created_at, reverse=True)
        before = [one for one in kept if begin is not None and one[0].created_at <= begin]
        after = [one for one in kept if begin is None or one[0].created_at > begin]
        found = [
            Statement(text, source, row.created_at, True, "before the infusion")
            for row, text, source in before[:1]
        ]
        found += self._came_of_it(infusions)
        if begin is not None and before and len(found) == 1:
            none = "Nothing that is shared says what came of it."
            found.append(Statement(none, review.since(self._patient_id, begin)))
        return found + [
            Statement(text, source, row.created_at, True, "for the next")
            for row, text, source in after[:1]
        ]

    def _came_of_it(self, infusions: Sequence[Infusion]) -> Iterator[Statement]:
        begin = self._begin
        if begin is None:
            return
        # What is told of a later infusion is not about this one.
        end = min((one.started_at for one in infusions if one.started_at > begin), default=None)
        for entry, source in self._shared():
            if end is not None and entry.at >= end:
                continue
            for part in entry.parts:
                if part.prompt in CAME_OF_IT and part.text:
                    said = CAME_OF_IT[part.prompt]
                    yield Statement(part.text, source, entry.at, True, said)

    def themes(self, book: Notebook) -> list[Statement]:
        """What went well, what is worth keeping, shared pages by their first words and tags, and
        what clinicians quoted; newest first."""
        found = [
            Statement(text, source, row.created_at, True, "went well")
            for row, text, source in self._texts("win")
            if self._since(row.created_at)
        ]
        for entry, source in self._shared():
            found += _told(entry, source)
        found += [
            Statement(one.words, self._place(one.seq or 1), one.at, True, f"kept by {one.by}")
            for one in book.all()
            if one.kind == "quote" and one.words and self._since(one.at)
        ]
        return sorted(found, key=_when, reverse=True)

    def _shared(self) -> Iterator[tuple[Entry, str]]:
        """Entries since then that the patient shared and that open, and where they stand."""
        journal = Journal(self._system, self._session, self._patient_id)
        rows = self._session.execute(
            select(Record.id, Message.seq)
            .join(Message, Message.id == Record.message_id)
            .where(Record.patient_id == self._patient_id, Record.kind == KIND)
        )
        places = {row.id: row.seq for row in rows}
        for entry in journal.entries():
            if entry.sharing == "shared" and entry.readable and self._since(entry.at):
                yield entry, self._place(places[entry.id])

    def _texts(self, kind: str) -> list[tuple[Record, str, str]]:
        """Records of a kind whose words the patient lets the team see: (row, words, place)."""
        rows = self._session.execute(
            select(Record, Message)
            .join(Message, Message.id == Record.message_id)
            .where(Record.patient_id == self._patient_id, Record.kind == kind)
            .order_by(Record.created_at.desc(), Record.id)
        ).all()
        hidden = self._hidden([message for _, message in rows])
        places = {row.id: message.seq for row, message in rows if message.id not in hidden}
        seen = [row for row, message in rows if message.id not in hidden]
        return [
            (row, str(data.get("text", "")), self._place(places[row.id]))
            for row, data in self._system.vault(self._session).documents(seen)
        ]

    def _hidden(self, messages: list[Message]) -> set[str]:
        ids = [message.id for message in messages]
        query = select(RiskAssessment).where(RiskAssessment.message_id.in_(ids))
        looked = {row.message_id: row for row in self._session.scalars(query)}
        return withheld(self._session, self._system.words, messages, looked)

    def _since(self, moment: datetime) -> bool:
        return self._begin is None or moment >= self._begin

    def _place(self, seq: int) -> str:
        return review.at_message(self._patient_id, seq)


def _when(one: Statement) -> float:
    return one.at.timestamp() if one.at else 0


def _told(entry: Entry, source: str) -> Iterator[Statement]:
    if any(part.prompt.partition(".")[0] in flows() for part in entry.parts):
        for part in entry.parts:
            if part.prompt in _KEEPING and part.text:
                yield Statement(part.text, source, entry.at, True, "worth keeping")
        return
    beside = ", ".join(["a page of the journal", *entry.tags])
    yield Statement(entry.excerpt, source, entry.at, True, beside)
