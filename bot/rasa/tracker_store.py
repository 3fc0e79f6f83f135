"""The assistant's memory of a conversation: encrypted, bounded, disposable.

The clinic service holds the record. This holds what the dialogue needs to go on: slots, the
running form, the last turns. Names of columns stay Rasa's; what they hold is neutral, and ``data``
is sealed with AES-256-GCM, bound to its conversation. Losing the file costs the place in an
unfinished reflection, nothing else.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import hmac
import itertools
import json
import os
from collections import OrderedDict
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActiveLoop,
    Event,
    SlotSet,
    UserUttered,
    deserialise_events,
)
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from bot.rasa import inprocess

KEY = "AFTERGLOW_TRACKER_KEY"
URL = "AFTERGLOW_TRACKER_URL"
DEFAULT_URL = "sqlite:///var/assistant.db"

#: With more stored events than ``MOST``, only the slots and the last turns are kept: a turn costs
#: the same in the hundredth week as in the first.
MOST = 200
KEPT_TURNS = 10
#: Conversations whose events are kept as objects, for rebuilding them costs more than a whole turn.
REMEMBERED = 512
_NONCE = 12
#: Asked at every step of a turn, so in the shortest way there is.
_NEWEST = sa.text("SELECT max(id) FROM events WHERE sender_id = :sender")


class KeyMissing(RuntimeError):
    """The key is absent or not 32 bytes in base64. The text says how to make one."""


def key_from_environment() -> bytes:
    """The tracker key. Raises KeyMissing."""
    try:
        key = base64.b64decode(os.environ.get(KEY, ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise KeyMissing(f"{KEY} must hold 32 random bytes in base64 (openssl rand -base64 32)")
    return key


class EncryptedTrackerStore(SQLTrackerStore):
    """Rasa's SQL store with sealed events, hashed conversation ids and a bounded length."""

    def __init__(
        self,
        domain: Domain | None = None,
        url: str | None = None,
        key: bytes | None = None,
        event_broker: Any = None,
        **kwargs: Any,
    ) -> None:
        # The parent's __init__ is left out on purpose: it logs the URL and retries for ever.
        super(SQLTrackerStore, self).__init__(domain, event_broker)
        self._key = key or key_from_environment()
        self._seal = AESGCM(self._key)
        self.engine = _engine(url or os.environ.get(URL) or DEFAULT_URL)
        self.Base.metadata.create_all(self.engine)
        self.sessionmaker = sa.orm.session.sessionmaker(bind=self.engine)
        # By conversation: the newest row's id when the events were read, and the events.
        self._remembered: OrderedDict[str, tuple[int, list[Event]]] = OrderedDict()

    def check(self) -> None:
        """Raise if the database cannot be read just now."""
        with self.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def events(self, sender_id: str) -> list[Event]:
        """What is stored of a conversation, oldest first; empty for one never seen."""
        with self.session_scope() as session:
            return self._read(session, self._sender(sender_id))

    def forget(self, sender_id: str) -> None:
        """Keep nothing of a conversation."""
        sender = self._sender(sender_id)
        self._remembered.pop(sender, None)
        with self.session_scope() as session:
            self._rows(session, sender).delete()
            session.commit()

    async def save(self, tracker: DialogueStateTracker) -> None:
        # A turn in which an action failed never happened: it can be sent again.
        inprocess.check()
        sender = self._sender(tracker.sender_id)
        with self.session_scope() as session:
            stored = self._read(session, sender)
            added = list(itertools.islice(tracker.events, len(stored), None))
            if len(stored) + len(added) > MOST:
                self._rows(session, sender).delete()
                stored, added = [], _shortened(tracker)
            slim = [_slim(event.as_dict()) for event in added]
            rows = [self._row(sender, data) for data in slim]
            session.add_all(rows)
            session.flush()
            # Before the commit, after which reading it would ask the database again.
            newest = rows[-1].id if rows else None
            session.commit()
        if newest is not None:
            self._remember(sender, newest, stored + deserialise_events(slim))

    async def _retrieve(
        self, sender_id: str, fetch_events_from_all_sessions: bool
    ) -> DialogueStateTracker | None:
        events = self.events(sender_id)
        if not events or not self.domain:
            return None
        return DialogueStateTracker.from_events(sender_id, events, self.domain.slots)

    def _read(self, session: Session, sender: str) -> list[Event]:
        """The stored events, as objects; from memory while nobody else has written."""
        newest = session.scalar(_NEWEST, {"sender": sender})
        if newest is None:
            return []
        known = self._remembered.get(sender)
        if known is not None and known[0] == newest:
            return list(known[1])
        rows = self._rows(session, sender).order_by(self.SQLEvent.id).all()
        events: list[Event] = deserialise_events([self._opened(sender, row.data) for row in rows])
        self._remember(sender, newest, events)
        return list(events)

    def _remember(self, sender: str, newest: int, events: list[Event]) -> None:
        self._remembered[sender] = (newest, events)
        self._remembered.move_to_end(sender)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _rows(self, session: Session, sender: str) -> Any:
        return session.query(self.SQLEvent).filter(self.SQLEvent.sender_id == sender)

    def _row(self, sender: str, data: dict[str, Any]) -> Any:
        # timestamp, intent_name and action_name stay empty: they would tell what was spoken about.
        sealed = self._sealed(sender, data)
        return self.SQLEvent(sender_id=sender, type_name=data["event"], data=sealed)

    def _sender(self, sender_id: str) -> str:
        return hmac.new(self._key, sender_id.encode(), hashlib.sha256).hexdigest()

    def _sealed(self, sender: str, data: dict[str, Any]) -> str:
        nonce = os.urandom(_NONCE)
        sealed = self._seal.encrypt(nonce, json.dumps(data).encode(), sender.encode())
        return base64.b64encode(nonce + sealed).decode("ascii")

    def _opened(self, sender: str, data: str) -> dict[str, Any]:
        raw = base64.b64decode(data)
        opened = self._seal.decrypt(raw[:_NONCE], raw[_NONCE:], sender.encode())
        result: dict[str, Any] = json.loads(opened)
        return result


def _engine(url: str) -> Any:
    sqlite = url.startswith("sqlite")
    if sqlite and (path := sa.engine.make_url(url).database):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    if sqlite:
        # Without a pool each turn closes its file several times, and each closing empties the WAL.
        options |= {"poolclass": QueuePool, "connect_args": {"check_same_thread": False}}
    engine = sa.create_engine(url, **options)
    if sqlite:

        @sa.event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA busy_timeout=5000")

    return engine


def _slim(event: dict[str, Any]) -> dict[str, Any]:
    """The event without what the next turn does not need: vectors, token offsets, rankings."""
    if event["event"] == "slot" and event["name"] == "session_started_metadata":
        return {**event, "value": None}
    if event["event"] != "user":
        return event
    slim = copy.deepcopy(event)
    parsed = slim.get("parse_data") or {}
    for name in ("text_tokens", "intent_ranking", "metadata"):
        parsed.pop(name, None)
    context = ((slim.get("metadata") or {}).get("turn") or {}).get("context") or {}
    for name in ("phrases_used", "intention"):
        context.pop(name, None)
    return slim


def _shortened(tracker: DialogueStateTracker) -> list[Event]:
    """The slots and the loop as they were, then the last turns word for word."""
    events = list(tracker.events)
    turns = [n for n, event in enumerate(events) if isinstance(event, UserUttered)]
    start = turns[-KEPT_TURNS] if len(turns) >= KEPT_TURNS else 0
    before = DialogueStateTracker(tracker.sender_id, tracker.slots.values())
    for slot in before.slots.values():
        slot.reset()
    before.update_with_events(events[:start], None)
    state: list[Event] = [
        SlotSet(name, slot.value) for name, slot in before.slots.items() if slot.value is not None
    ]
    if before.active_loop_name:
        state.insert(0, ActiveLoop(before.active_loop_name))
    return [*state, *events[start:]]
