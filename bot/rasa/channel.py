"""The assistant's one door: a turn in, a reply out (bot/contract.py).

``POST /webhooks/afterglow/turn`` needs the shared secret. The reply is read back from the tracker's
events after this turn's message, so a turn that is sent twice gets the same reply and the dialogue
advances once.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.core.constants import DEFAULT_INTENTS
from rasa.shared.core.events import BotUttered, Event, UserUttered
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.turn import GUARD, SURE, VISIBLE
from bot import contract, heard
from bot.content import registry
from bot.rasa import expected, inprocess

logger = logging.getLogger("afterglow.channel")

SECRET = "AFTERGLOW_ASSISTANT_SECRET"  # noqa: S105
MIN_SECRET = 24

#: A typed answer to these counts as the tap, whatever the words' own risk: the answer is the risk.
SAFETY_ANSWER = "/safety_answer"
#: So many parts of one message are looked at for questions of their own.
MOST_QUESTIONS = 3


class SecretMissing(RuntimeError):
    """There is no shared secret, or a short one. The text says how to make one."""


class Problem(Exception):
    """A turn that cannot be answered, as ``application/problem+json``. Holds no patient text."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail

    def response(self) -> HTTPResponse:
        body = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return response.json(
            body, status=self.status, content_type="application/problem+json", dumps=json.dumps
        )


class AfterglowChannel(InputChannel):
    """Rasa's name for a way in. Refuses to exist without a secret."""

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET:
            raise SecretMissing(
                f"{SECRET} must hold at least {MIN_SECRET} characters (openssl rand -base64 32)"
            )
        self._bearer = f"Bearer {secret}".encode()

    @classmethod
    def name(cls) -> str:
        return "afterglow"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> AfterglowChannel:
        return cls(os.environ.get(SECRET, ""))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        blueprint = Blueprint("afterglow")

        @blueprint.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            try:
                self._authenticate(request)
                agent = getattr(request.app.ctx, "agent", None)
                reply = await answer(agent, _document(request))
                return response.json(reply, dumps=json.dumps)
            except Problem as problem:
                logger.warning("A turn was refused: %s %s", problem.status, problem.title)
                return problem.response()
            except Exception as error:
                # Only the kind of error: its text may hold a patient's words.
                logger.error("A turn failed: %s", type(error).__name__)
                failed = "The turn was not answered; it may be sent again with the same id."
                return Problem(500, "The assistant failed", failed).response()

        @blueprint.post("/expect")
        async def expect(request: Request) -> HTTPResponse:
            """Words whose turn is about to come. Kept in memory until then, and no longer."""
            try:
                self._authenticate(request)
                expected.begin(contract.check_expected(_document(request))["text"])
            except contract.ContractError as error:
                return Problem(400, "Not words to expect", str(error)).response()
            except Problem as problem:
                return problem.response()
            return response.json({}, status=202, dumps=json.dumps)

        @blueprint.post("/forget")
        async def forget(request: Request) -> HTTPResponse:
            """A patient was erased. A turn under way is waited for, so that it leaves nothing."""
            try:
                self._authenticate(request)
                conversation = contract.check_forgotten(_document(request))["conversation"]
                agent = request.app.ctx.agent
                async with agent.lock_store.lock(conversation):
                    agent.tracker_store._tracker_store.forget(conversation)
            except contract.ContractError as error:
                return Problem(400, "Not a conversation", str(error)).response()
            except Problem as problem:
                return problem.response()
            return response.json({}, dumps=json.dumps)

        return blueprint

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._bearer):
            raise Problem(401, "Not signed in", "The shared secret is missing or wrong.")


async def answer(agent: Agent | None, document: Any) -> dict[str, Any]:
    """The reply to one turn. Raises Problem, or whatever broke."""
    try:
        turn = contract.check_turn(document)
    except contract.ContractError as error:
        raise Problem(400, "Not a turn", str(error)) from None
    if agent is None or not agent.is_ready():
        raise Problem(503, "Not ready", "No model is loaded.")
    # The store itself: the events alone, without Rasa's wrapper building a tracker around them.
    stored = agent.tracker_store._tracker_store.events
    async with agent.lock_store.lock(turn["conversation"]):
        before = stored(turn["conversation"])
        events = _of_turn(before, turn["id"])
        if not events:
            with inprocess.watched():
                message = _message(agent, turn, before)
                message.metadata["turn"]["also"] = await _questions(agent, message.text)
                await agent.processor.handle_message(message)
            events = _of_turn(stored(turn["conversation"]), turn["id"])
    if not events:
        raise Problem(500, "The assistant failed", "The turn left no trace.")
    return contract.check_reply(_reply(turn, events))


def _document(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        raise Problem(400, "Not a turn", "The body is not JSON.") from None


def _message(agent: Agent, turn: dict[str, Any], before: list[Event]) -> UserMessage:
    return UserMessage(
        text=_text(agent, turn, before),
        output_channel=CollectingOutputChannel(),
        sender_id=turn["conversation"],
        input_channel=AfterglowChannel.name(),
        message_id=turn["id"],
        metadata={"turn": {name: turn[name] for name in ("id", "message", "context")}},
    )


async def _questions(agent: Agent, words: str) -> list[str]:
    """What the parts of a message ask, when it asks two things or more; the whole has one intent
    only, and one of the questions would be lost."""
    parts = [] if words.startswith("/") else heard.parts(words)
    if len(parts) < 2:
        return []
    parsed = [(await agent.parse_message(part))["intent"] for part in parts[:MOST_QUESTIONS]]
    sure = [one["name"] for one in parsed if (one.get("confidence") or 0.0) >= SURE]
    asked = list(dict.fromkeys(name for name in sure if name.startswith("ask_")))
    return asked if len(asked) > 1 else []


def _text(agent: Agent, turn: dict[str, Any], before: list[Event]) -> str:
    """What Rasa is given: a command only from a button this service issued, else plain text."""
    message = turn["message"]
    if message["kind"] == "open":
        return "/open"
    if message["kind"] == "choice":
        return _command(agent, message.get("payload", ""))
    words: str = message["text"].strip()
    if not VISIBLE.search(words):
        return f"/{DEFAULT_NLU_FALLBACK_INTENT_NAME}"
    tapped = _as_tap(turn, words, before)
    if tapped:
        return tapped
    # Rasa takes a leading slash for an intent of the sender's choosing, past every screen.
    return f"{GUARD}{words}" if words.startswith("/") else words


def _command(agent: Agent, payload: str) -> str:
    intent = payload[1:].partition("{")[0]
    if intent not in agent.domain.intents or intent in DEFAULT_INTENTS:
        raise Problem(400, "Not a choice", "The payload names nothing this assistant offers.")
    return payload


def _as_tap(turn: dict[str, Any], words: str, before: list[Event]) -> str | None:
    """The payload of the open button whose title was typed out, word for word, or of the answer to
    a safety question or a measure that these words stand for."""
    shown = (_content(event) for event in reversed(before) if isinstance(event, BotUttered))
    last = next((content for content in shown if content), None)
    items = registry()
    if last is None or last["content"] not in items:
        return None
    item = items.item(last["content"])
    limits = turn["context"].get("limits")
    answer = item.choice_typed(words, limits) if item.asks or item.measure else None
    if answer is not None:
        return answer.payload
    plain = words.casefold().rstrip(".! ")
    for choice in items.item(last["content"]).choices:
        if choice.title.casefold() == plain:
            calm = turn["context"]["risk"]["level"] == "none"
            return choice.payload if calm or choice.payload.startswith(SAFETY_ANSWER) else None
    return None


def _of_turn(events: list[Event], turn_id: str) -> list[Event]:
    """The turn's message and what followed it; empty when the turn was not taken yet."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, UserUttered):
            if found:
                break
            if event.message_id != turn_id:
                continue
            found.append(event)
        elif found:
            found.append(event)
    return found


def _content(event: BotUttered) -> dict[str, Any] | None:
    return (event.metadata or {}).get("content")


def _reply(turn: dict[str, Any], events: list[Event]) -> dict[str, Any]:
    said = [event for event in events if isinstance(event, BotUttered)]
    # A later record with the same key replaces the earlier one.
    records = {
        (record["kind"], record["key"]): record
        for event in said
        if (record := (event.metadata or {}).get("record"))
    }
    intent = events[0].intent if isinstance(events[0], UserUttered) else {}
    return {
        "version": contract.VERSION,
        "id": turn["id"],
        "messages": [content for event in said if (content := _content(event))],
        "records": list(records.values()),
        "intent": {
            "name": intent.get("name"),
            "confidence": float(intent.get("confidence") or 0.0),
        },
    }
