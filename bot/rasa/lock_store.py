"""One turn of a conversation at a time, without Rasa's waiting a whole second for its turn.

The locks live in this process, so exactly one assistant process may serve a conversation. Several
processes need a lock they share (Redis), or an edge that sends a conversation always to the same
one; see docs/dialogue-authors.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from rasa.core.lock_store import LockStore


class InProcessLocks(LockStore):
    """An asyncio lock a conversation; waiters are woken in the order they came."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        # Weak: a lock nobody holds or waits for is forgotten.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def lock(
        self,
        conversation_id: str,
        lock_lifetime: float = 60,
        wait_time_in_seconds: float = 0,
    ) -> AsyncIterator[None]:
        lock = self._locks.get(conversation_id)
        if lock is None:
            lock = self._locks[conversation_id] = asyncio.Lock()
        async with lock:
            yield
