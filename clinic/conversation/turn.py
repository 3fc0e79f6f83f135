"""One turn with the assistant: ask, check, store. A slow, dead or wrong assistant costs its reply.

A patient's message waits on the record (``turn = 'waiting'``), so a crash at any instant leaves it
to be answered, or honestly marked unanswered, by whoever runs next. One turn at a time for a
conversation, held by a lease on its row.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot import contract
from bot.content import ContentError
from bot.risk.levels import Level
from clinic import feed, safety_plan
from clinic.conversation import delivery, direct, fallback, lease, measuring, unclear, whereabouts
from clinic.conversation.known import known
from clinic.conversation.learned import keep_record
from clinic.escalation import machine, policy
from clinic.records.models import (
    Clinic,
    Conversation,
    Message,
    RiskAssessment,
    Touch,
)
from clinic.system import System

log = logging.getLogger("afterglow.turn")

_PHRASES_KEPT = timedelta(days=7)
#: Messages older than this are not answered as if they were new.
_STALE = timedelta(hours=1)
_SWEEP = 2.0
_TRIES = 3
_TURN, _EXPECT = "/webhooks/afterglow/turn", "/webhooks/afterglow/expect"
_UNREACHABLE = (TimeoutError, aiohttp.ClientError)


class NoReplyError(Exception):
    """The assistant gave nothing that can be shown. The text is a code for the log."""


@dataclass(frozen=True)
class _Asked:
    """A turn under way: what was asked, and under which mode of the conversation."""

    conversation_id: str
    message_id: str
    epoch: int
    #: None: it could not be composed.
    turn: dict[str, Any] | None
    stale: bool


class Assistant:
    """The other side of the seam, over one pool of kept-alive connections."""

    def __init__(self, url: str, secret: str, deadline: float) -> None:
        self._url, self._secret, self._deadline = url, secret, deadline
        self._session: aiohttp.ClientSession | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def expect(self, text: str) -> None:
        """These words are being stored and a turn with them will follow. Returns at once; if they
        do not arrive, the turn only takes longer."""
        if text:
            task = asyncio.create_task(self._tell(text[: contract.MAX_TEXT]))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, text: str) -> None:
        with contextlib.suppress(*_UNREACHABLE):
            await self._ask("POST", _EXPECT, 1, {"text": text})

    async def reply(self, turn: dict[str, Any]) -> dict[str, Any]:
        """A checked reply. Raises NoReplyError for every way it can fail."""
        try:
            status, body = await self._ask("POST", _TURN, self._deadline, turn)
            if status != 200:
                raise NoReplyError(f"status {status}")
            reply = contract.check_reply(json.loads(body))
        except (*_UNREACHABLE, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise NoReplyError(type(error).__name__) from None
        except contract.ContractError as error:
            raise NoReplyError(str(error)) from None
        if reply["id"] != turn["id"]:
            raise NoReplyError("a reply to another turn")
        if not reply["messages"]:
            raise NoReplyError("an empty reply")
        return reply

    async def ready(self) -> bool:
        try:
            return (await self._ask("GET", "/ready", 1))[0] == 200
        except _UNREACHABLE:
            return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, method: str, path: str, seconds: float, document: Any = None
    ) -> tuple[int, bytes]:
        """Status and body. Raises one of _UNREACHABLE, after ``seconds`` at the latest."""
        if self._session is None:
            # Here, because it belongs to the loop that runs. No proxy of the environment is heeded.
            self._session = aiohttp.ClientSession(
                self._url,
                headers={"Authorization": f"Bearer {self._secret}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        within = aiohttp.ClientTimeout(total=seconds)
        async with self._session.request(
            method, path, json=document, timeout=within, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()


class Turns:
    """Answers waiting messages: woken by the edge, and by its own sweep after a crash."""

    def __init__(self, system: System, assistant: Assistant, live: feed.Feed) -> None:
        self._system = system
        self._assistant = assistant
        self._live = live
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._failures: Counter[str] = Counter()

    def expect(self, text: str) -> None:
        """These words are being stored and a turn with them will follow."""
        self._assistant.expect(text)

    def wake(self, conversation_id: str) -> None:
        """There is a message to answer. Returns at once."""
        if conversation_id in self._running:
            self._again.add(conversation_id)
            return
        task = asyncio.create_task(self._answer_all(conversation_id))
        self._running[conversation_id] = task
        task.add_done_callback(lambda _: self._finished(conversation_id))

    async def sweep(self) -> None:
        """Find messages that wait although nobody works on them; run until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.error("turn sweep failed: %s", type(error).__name__)
            await asyncio.sleep(_SWEEP)

    async def look(self) -> None:
        """One look for messages that wait."""
        for conversation_id in await asyncio.to_thread(self._waiting):
            self.wake(conversation_id)

    async def drain(self) -> None:
        """Wait until no turn is under way (tests, shutdown)."""
        while self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await asyncio.sleep(0)

    def _finished(self, conversation_id: str) -> None:
        self._running.pop(conversation_id, None)
        if conversation_id in self._again:
            self._again.discard(conversation_id)
            self.wake(conversation_id)

    async def _answer_all(self, conversation_id: str) -> None:
        try:
            while (asked := await asyncio.to_thread(self._take, conversation_id)) is not None:
                await self._answer(asked)
                self._live.wake(feed.conversation(conversation_id))
        except Exception as error:
            # The message still waits on the record; the sweep comes back to it.
            log.error("turn failed: %s", type(error).__name__)

    async def _answer(self, asked: _Asked) -> None:
        try:
            if asked.stale:
                raise NoReplyError("stale")
            if asked.turn is None:
                raise NoReplyError("not composed")
            reply = await self._assistant.reply(contract.check_turn(asked.turn))
            await asyncio.to_thread(self._store, asked, reply)
        except (NoReplyError, ContentError, contract.ContractError) as error:
            log.warning("no reply for message %s: %s", asked.message_id, error)
            await asyncio.to_thread(self._give_up, asked)
        except Exception:
            # Most likely the database: the message waits and the sweep tries again, not for ever.
            failures = self._failures[asked.message_id] = self._failures[asked.message_id] + 1
            if failures < _TRIES:
                raise
            await asyncio.to_thread(self._give_up, asked)

    def _waiting(self) -> list[str]:
        with self._system.database.read() as session:
            return list(
                session.scalars(
                    select(Message.conversation_id).where(Message.turn == "waiting").distinct()
                )
            )

    def _take(self, conversation_id: str) -> _Asked | None:
        """The oldest waiting message, unless a human leads or another worker holds the turn."""
        system, now = self._system, self._system.clock.now()
        with system.database.read() as session:
            conversation = session.get_one(Conversation, conversation_id)
            message = session.scalars(
                select(Message)
                .where(Message.conversation_id == conversation_id, Message.turn == "waiting")
                .order_by(Message.seq)
                .limit(1)
            ).first()
            if message is None or conversation.mode != "bot":
                return None
            # Usually taken already, in the transaction that stored the message.
            ours = lease.held(system, conversation, now)
            if not ours and not self._take_lease(conversation_id, now):
                return None
            turn = _composed(system, session, conversation, message)
            stale = now - message.created_at > _STALE
            return _Asked(conversation_id, message.id, conversation.mode_epoch, turn, stale)

    def _take_lease(self, conversation_id: str, now: datetime) -> bool:
        with self._system.database.write() as session:
            conversation = delivery.locked(session, conversation_id)
            return lease.take(self._system, conversation, now)

    def _store(self, asked: _Asked, reply: dict[str, Any]) -> None:
        """Messages and records in one transaction; nothing at all when a human took over."""
        system = self._system
        with system.database.write() as session:
            conversation, message = self._still_ours(session, asked)
            if message is None:
                return
            for said in reply["messages"]:
                if system.words.item(said["content"]).version != said["version"]:
                    raise NoReplyError(f"{said['content']} is another version here")
                delivery.say(
                    system,
                    session,
                    conversation,
                    said["content"],
                    variant=said["variant"],
                    values=said["values"],
                    reply_to=message.id,
                )
            for record in reply["records"]:
                if record["kind"] == "instrument_answer":
                    unclear.read(system, session, conversation, message, record["data"])
                else:
                    keep_record(system, session, conversation, message, record)
            _heed(system, session, conversation, message, reply)
            self._settle(session, conversation, message, "answered")

    def _give_up(self, asked: _Asked) -> None:
        """The honest fallback. After a worrying message it is the safety question or nothing:
        the crisis card is already there."""
        system = self._system
        with system.database.write() as session:
            conversation, message = self._still_ours(session, asked)
            if message is None:
                return
            fallback.say(system, session, conversation, message)
            self._settle(session, conversation, message, "unanswered")

    def _still_ours(self, session: Session, asked: _Asked) -> tuple[Conversation, Message | None]:
        conversation = delivery.locked(session, asked.conversation_id)
        message = session.get_one(Message, asked.message_id)
        ours = (
            conversation.mode_epoch == asked.epoch
            and conversation.turn_owner == self._system.worker
            and message.turn == "waiting"
        )
        return conversation, message if ours else None

    def _settle(
        self, session: Session, conversation: Conversation, message: Message, turn: str
    ) -> None:
        message.turn = turn
        lease.give_back(conversation)
        if message.kind != "open":
            feed.publish(
                self._system, session, feed.conversation(conversation.id), "message", message.id
            )


def _composed(
    system: System, session: Session, conversation: Conversation, message: Message
) -> dict[str, Any] | None:
    """None when it cannot be done and waiting would not help: an honest answer then follows."""
    try:
        return compose(system, session, conversation, message)
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.error("a turn could not be composed: %s", type(error).__name__)
        return None


def compose(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
) -> dict[str, Any]:
    """The turn for one stored message (contract.TURN).

    Its time is when the patient wrote, however long the answer has to wait.
    """
    now, patient = message.created_at, conversation.patient
    vault = system.vault(session)
    clinic = session.get_one(Clinic, 1)
    infusions = whereabouts.infusions_of(session, patient.id)
    where = whereabouts.at(clinic, patient, infusions, now)
    assessed = session.get(RiskAssessment, message.id)
    zone = ZoneInfo(patient.timezone)
    held = known(session, vault, system.words, patient.id, infusions, now, zone)
    measured = measuring.administrations(session, vault, patient.id)
    text = vault.text(message, patient.id)[: contract.MAX_TEXT]
    said: dict[str, Any] = {"kind": "text", "text": text}
    if message.kind == "choice":
        said = {"kind": "choice", "text": text, "payload": message.payload}
    elif message.kind == "open":
        said = {"kind": "open", "text": ""}
    return {
        "version": contract.VERSION,
        "id": message.id,
        "conversation": conversation.id,
        "message": said,
        "context": {
            "now": now.astimezone(zone).isoformat(),
            "locale": system.settings.locale,
            "stage": where.stage,
            "hours_since_infusion": where.hours_since,
            "infusion_number": where.number,
            "hours_until_next": where.hours_until,
            "driving_locked": whereabouts.driving_locked(clinic, patient, infusions, now),
            "by_itself": (visit := _visit(session, message)) is not None,
            "visit": visit,
            "effects_over": whereabouts.effects_over(clinic, where),
            "limits": whereabouts.clock(clinic).limits,
            "known": held,
            "intention": held.get("intention"),
            "clinic": whereabouts.known(system, clinic, patient),
            "phrases_used": _phrases_used(session, conversation.id, now),
            "risk": {
                "level": assessed.level if assessed else "none",
                "conversation_level": conversation.risk_level,
                "categories": list(
                    (assessed.categories if assessed else []) or conversation.risk_categories
                ),
                "asked": direct.asked(session, conversation),
            },
            "measures": measuring.taken(measured, now),
            "due_measures": measuring.due(measured, where, patient.indications, now),
            "safety_plan": safety_plan.current(session, vault, patient.id),
        },
    }


def _visit(session: Session, message: Message) -> str | None:
    """The kind of the touch that opened the conversation; None when it was the patient who looked
    at the page. With one there is something to say, however short a while they were away."""
    if message.kind != "open":
        return None
    return session.scalars(select(Touch.kind).where(Touch.message_id == message.id)).first()


def _heed(
    system: System,
    session: Session,
    conversation: Conversation,
    message: Message,
    reply: dict[str, Any],
) -> None:
    """What a reply means for people: an urgent wish for a human calls one, in the transaction that
    tells the patient so (I2); worry that only the assistant saw is watched like any other."""
    wishes = (r["data"] for r in reply["records"] if r["kind"] == "clinic_task")
    if any(wish["urgency"] == "urgent" for wish in wishes):
        machine.raise_alert(
            system, session, conversation, Level.urgent, (), "patient.asked", message.id
        )
    worried = (reply.get("intent") or {}).get("name") == "safety_risk"
    if worried and conversation.risk_level == "none":
        now = system.clock.now()
        conversation.risk_level, conversation.risk_since = "watch", now
        conversation.watch_until = now + timedelta(minutes=policy.load()["watch_minutes"])


def _phrases_used(session: Session, conversation_id: str, now: datetime) -> list[str]:
    used = session.execute(
        select(Message.content, Message.variant).where(
            Message.conversation_id == conversation_id,
            Message.content.is_not(None),
            Message.created_at > now - _PHRASES_KEPT,
        )
    )
    return sorted({f"{content}#{variant}" for content, variant in used})
