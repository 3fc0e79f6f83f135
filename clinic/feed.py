"""Live events: rows written with the change they tell of, read by every open page.

A page that was away resumes after the last id it saw, so a restart or a dropped connection loses
nothing. Waking early is a hint; the rows are the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from clinic.records.models import Event
from clinic.system import System

STAFF = "staff"
_KEPT = timedelta(days=1)
_SIGN_OF_LIFE = 15.0
#: Events read at once.
_BATCH = 100


def conversation(conversation_id: str) -> str:
    """The audience of one patient's page."""
    return f"conversation:{conversation_id}"


def publish(system: System, session: Session, audience: str, kind: str, ref: str = "") -> None:
    """Tell an audience that something changed, in the transaction that changes it."""
    # Ids must become visible in order, or a resuming page could skip one.
    system.database.serialise(session)
    session.add(Event(audience=audience, kind=kind, ref=ref, at=system.clock.now()))


def prune(session: Session, now: datetime) -> None:
    """Forget events no page will ask for again."""
    session.execute(delete(Event).where(Event.at < now - _KEPT))


@dataclass
class _Page:
    """An open page that waits for news; ``seen`` is the newest event it was given."""

    seen: int
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    """One poller for a process: wakes just the pages whose audience has news."""

    def __init__(self, system: System, interval: float = 0.25) -> None:
        self._system = system
        self._interval = interval
        self._pages: dict[str, list[_Page]] = {}
        self._newest: int | None = None
        self._kick = asyncio.Event()

    async def run(self) -> None:
        """Poll until cancelled. A database error is outlived: the next poll tries again."""
        while True:
            self._kick.clear()
            with contextlib.suppress(SQLAlchemyError):
                for audience, number in (await asyncio.to_thread(self._news)).items():
                    for page in self._pages.get(audience, ()):
                        if page.seen < number:
                            page.news.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._kick.wait(), self._interval)

    def kick(self) -> None:
        """News was just committed by this process: do not wait for the next poll."""
        self._kick.set()

    def wake(self, audience: str) -> None:
        """News for this audience was just committed by this process: its pages look now."""
        for page in self._pages.get(audience, ()):
            page.news.set()

    def tell_all(self, kind: str) -> None:
        """An event for every page that is open here, whoever it belongs to."""
        audiences = list(self._pages)
        with self._system.database.write() as session:
            for audience in audiences:
                publish(self._system, session, audience, kind)

    async def follow(
        self, audience: str, after: int | None
    ) -> AsyncIterator[list[tuple[int, str, str]]]:
        """(id, kind, ref) of an audience's events after an id (None: from now on), as they come.

        An empty list is a sign of life, every quarter of a minute.
        """
        page = _Page(0)
        self._pages.setdefault(audience, []).append(page)
        try:
            page.seen = after if after is not None else await asyncio.to_thread(self._head)
            page.news.set()
            while True:
                news = await self._woken(page)
                events = await asyncio.to_thread(self._since, audience, page.seen)
                if events:
                    page.seen = events[-1][0]
                    if len(events) == _BATCH:
                        page.news.set()
                if events or not news:
                    yield events
        finally:
            self._pages[audience].remove(page)
            if not self._pages[audience]:
                del self._pages[audience]

    async def _woken(self, page: _Page) -> bool:
        """Wait for news; False when there was none for too long to stay silent."""
        try:
            await asyncio.wait_for(page.news.wait(), _SIGN_OF_LIFE)
        except TimeoutError:
            return False
        page.news.clear()
        return True

    def _news(self) -> dict[str, int]:
        """The newest event of each audience since the last look; the first look takes note."""
        with self._system.database.read() as session:
            if self._newest is None:
                self._newest = session.scalar(select(func.max(Event.id))) or 0
                return {}
            rows = session.execute(
                select(Event.audience, func.max(Event.id))
                .where(Event.id > self._newest)
                .group_by(Event.audience)
            )
            newest = {audience: int(number) for audience, number in rows}
        self._newest = max(newest.values(), default=self._newest)
        return newest

    def _head(self) -> int:
        with self._system.database.read() as session:
            return session.scalar(select(func.max(Event.id))) or 0

    def _since(self, audience: str, after: int) -> list[tuple[int, str, str]]:
        with self._system.database.read() as session:
            rows = session.execute(
                select(Event.id, Event.kind, Event.ref)
                .where(Event.audience == audience, Event.id > after)
                .order_by(Event.id)
                .limit(_BATCH)
            )
            return [(number, kind, ref) for number, kind, ref in rows]
