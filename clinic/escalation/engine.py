"""The engine process: everything that must happen because time passes.

One cycle:
1. alerts: due policy steps, acknowledgements that lapsed (machine.advance);
2. a gentle question that nobody answered becomes urgent (invariant I5);
3. a clinician who went silent loses the conversation (handoff.lapse), a patient who did is looked
   after (welfare);
4. touches that are due: the companion opens the conversation (touches.deliver);
5. notifications that are due (outbox.deliver_due);
6. the heartbeat, written last: it says that a whole cycle went through.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic import feed
from clinic.conversation import delivery, handoff
from clinic.escalation import machine, welfare
from clinic.notify import Channels
from clinic.outbox import queue
from clinic.records import schema
from clinic.records.audit import ChainError
from clinic.records.models import Conversation, Heartbeat
from clinic.system import System
from clinic.touches import deliver

log = logging.getLogger("afterglow.engine")

_HOUSEKEEPING = timedelta(hours=1)


class Engine:
    """Runs cycles. Several engines may run: leases and idempotency keys keep them apart."""

    def __init__(self, system: System, channels: Channels | None = None) -> None:
        self._system = system
        self._channels = channels or Channels(system)
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._next_housekeeping: datetime | None = None
        self.cycles = 0

    def cycle(self) -> None:
        """One whole cycle. Each part stands alone: one that fails must not stop the next."""
        self._turn_clock()
        self._guarded(self._deliver)
        self.cycles += 1

    def catch_up(self) -> None:
        """All the work of a cycle without its heartbeat: somebody else does it for the engine."""
        for part in self._clockwork():
            self._guarded(part)
        self._guarded(self._deliver)

    def run(self, stop: threading.Event) -> None:
        """Cycle until told to stop. A provider that hangs must hold up neither the clock's work nor
        another provider's, so each lane of the outbox has a thread of its own. Told by a migration,
        too: what is started next has the new code."""
        if self._outdated(stop):
            return
        for lane in queue.lanes(self._channels):
            threading.Thread(target=self._keep_delivering, args=(stop, lane), daemon=True).start()
        while not stop.is_set() and not self._outdated(stop):
            self._turn_clock()
            stop.wait(self._system.settings.tick)

    def _outdated(self, stop: threading.Event) -> bool:
        if schema.moved_on(self._system.database):
            log.error("the database is newer than this engine: it stops")
            stop.set()
        return stop.is_set()

    def _turn_clock(self) -> None:
        # A list, so that every part runs even after one has failed.
        clean = [self._guarded(part) for part in (*self._clockwork(), self._housekeep)]
        if all(clean):
            self._guarded(self._beat)

    def _clockwork(self) -> tuple[Callable[[], None], ...]:
        return (self._advance, self._watch, self._return_holds, self._look_in, self._touch)

    def _keep_delivering(self, stop: threading.Event, lane: queue.Lane) -> None:
        while not stop.is_set():
            self._guarded(self._deliver, lane)
            stop.wait(self._system.settings.tick)

    def _guarded(self, part: Callable[..., None], *about: object) -> bool:
        try:
            part(*about)
        except Exception as error:
            # The name only: an exception's text may hold values.
            log.error("engine: %s failed: %s", part.__name__, type(error).__name__)
            return False
        return True

    def _advance(self) -> None:
        with self._system.database.write() as session:
            machine.advance(self._system, session)

    def _watch(self) -> None:
        """Nobody answered the gentle question in time: a clinician is asked to call."""
        now = self._system.clock.now()
        with self._system.database.write() as session:
            overdue = session.scalars(
                select(Conversation)
                .where(Conversation.risk_level == "watch", Conversation.watch_until <= now)
                .with_for_update(of=Conversation, skip_locked=True)
            ).all()
            for conversation in overdue:
                conversation.risk_level, conversation.risk_since = "urgent", now
                conversation.watch_until = None
                machine.raise_alert(
                    self._system,
                    session,
                    conversation,
                    Level.urgent,
                    conversation.risk_categories,
                    "watch.unanswered",
                    None,
                )
                delivery.say(self._system, session, conversation, "safety.card", author="system")

    def _return_holds(self) -> None:
        with self._system.database.write() as session:
            handoff.lapse(self._system, session)

    def _look_in(self) -> None:
        with self._system.database.write() as session:
            welfare.look_in(self._system, session)

    def _touch(self) -> None:
        deliver.deliver_due(self._system)

    def _deliver(self, lane: queue.Lane | None = None) -> None:
        queue.deliver_due(self._system, self._channels, self._owner, lane)

    def _housekeep(self) -> None:
        now = self._system.clock.now()
        if self._next_housekeeping and now < self._next_housekeeping:
            return
        with self._system.database.write() as session:
            feed.prune(session, now)
            whole = self._anchor(session)
            session.merge(Heartbeat(name="audit", at=now, detail={"whole": whole}))
        self._next_housekeeping = now + _HOUSEKEEPING

    def _anchor(self, session: Session) -> bool:
        try:
            self._system.audit.anchor(session, self._system.settings.home / "audit.head")
        except ChainError as error:
            log.error("%s; see: afterglow audit verify", error)
            return False
        return True

    def _beat(self) -> None:
        now = self._system.clock.now()
        with self._system.database.write() as session:
            beat = session.get(Heartbeat, "engine")
            if beat is None:
                session.add(Heartbeat(name="engine", at=now, detail={}))
            elif now - beat.at >= timedelta(seconds=2) or beat.at > now:
                # Often enough for the pages, seldom enough for the disk.
                beat.at = now
