"""Live events: rows written with the change they tell of, read by every open page.

A page that was away resumes after the last id it saw, so a restart or a dropped connection loses
nothing. Waking early is a hint; the rows are the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from clinic.records.models import Event
from clinic.system import System

STAFF = "staff"
_KEPT = timedelta(days=1)


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


class Feed:
    """One poller for a process: wakes the pages whose audience has news."""

    def __init__(self, system: System, interval: float = 0.25) -> None:
        self._system = system
        self._interval = interval
        self._changed = asyncio.Condition()
        self._newest = 0
        self._kick = asyncio.Event()

    async def run(self) -> None:
        """Poll until cancelled. A database error is outlived: the next poll tries again."""
        while True:
            try:
                newest = await asyncio.to_thread(self._head)
            except Exception:
                newest = self._newest
            if newest != self._newest:
                async with self._changed:
                    self._newest = newest
                    self._changed.notify_all()
            self._kick.clear()
            try:
                await asyncio.wait_for(self._kick.wait(), self._interval)
            except TimeoutError:
                continue

    def kick(self) -> None:
        """News was just committed by this process: do not wait for the next poll."""
        self._kick.set()

    async def follow(self, audience: str, after: int | None) -> AsyncIterator[Event | None]:
        """Events of an audience after an id (None: from now on); None is a keep-alive tick."""
        seen = after if after is not None else await asyncio.to_thread(self._head)
        while True:
            known = self._newest
            events = await asyncio.to_thread(self._since, audience, seen)
            for event in events:
                seen = event.id
                yield event
            if not events:
                yield None
                await self._wait(known)

    async def _wait(self, known: int) -> None:
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self._newest != known), timeout=15
                )
            except TimeoutError:
                return

    def _head(self) -> int:
        with self._system.database.read() as session:
            return session.scalar(select(func.max(Event.id))) or 0

    def _since(self, audience: str, after: int) -> list[Event]:
        with self._system.database.read() as session:
            return list(
                session.scalars(
                    select(Event)
                    .where(Event.audience == audience, Event.id > after)
                    .order_by(Event.id)
                    .limit(100)
                )
            )
