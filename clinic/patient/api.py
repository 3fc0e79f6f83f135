"""The chat's interface (docs/architecture/api.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from bot.content import Registry
from clinic import feed
from clinic.conversation import delivery, intake, turn, typed, visit, whereabouts
from clinic.patient import access, plan
from clinic.patient.access import COOKIE
from clinic.patient.pages import Token
from clinic.problems import Problem, no_session, not_found
from clinic.records.models import Clinic, Conversation
from clinic.settings import ROOT
from clinic.system import System

NOTICE = (
    "conversation.notice_program",
    "conversation.notice_adults",
    "conversation.notice_advice",
    "conversation.notice_readers",
    "conversation.notice_emergency",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Start(_Strict):
    invitation: Annotated[str, Field(min_length=1, max_length=200)]
    adult: bool
    remember: bool = False


class Seen(_Strict):
    seq: Annotated[int, Field(ge=1)]


class Sent(_Strict):
    """Typed words, or a tap: exactly one of them."""

    text: str | None = None
    message: Annotated[str, Field(max_length=64)] | None = None
    choice: Annotated[str, Field(max_length=64)] | None = None


def page_words(words: Registry) -> dict[str, str]:
    """What the page says by itself, by the names its script uses."""
    return {
        item.id.removeprefix("page."): item.variants[0] for item in words if item.topic == "page"
    }


def router(system: System, live: feed.Feed, turns: turn.Turns) -> APIRouter:
    """Routes of the patient's page."""
    routes = APIRouter()
    pages = Environment(
        loader=FileSystemLoader(ROOT / "clinic" / "patient" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    pages.globals["lang"] = system.settings.locale

    def conversation(session: Session, token: str | None) -> Conversation:
        found = access.conversation_of(system, session, token)
        if found is None:
            raise no_session()
        return found

    def conversation_id(token: str | None) -> str:
        with system.database.read() as session:
            return conversation(session, token).id

    def cookie(response: Response, token: str, seconds: int | None) -> None:
        embedded = bool(system.settings.embed_origins)
        value = f"{COOKIE}={token}; Path=/; HttpOnly"
        value += "; SameSite=None; Secure; Partitioned" if embedded else "; SameSite=Strict"
        if system.settings.https and not embedded:
            value += "; Secure"
        if seconds is not None:
            value += f"; Max-Age={seconds}"
        response.headers.append("Set-Cookie", value)

    @routes.get("/chat", response_class=HTMLResponse)
    def chat() -> HTMLResponse:
        with system.database.read() as session:
            known = whereabouts.settings(session.get_one(Clinic, 1))
            page = pages.get_template("chat.html").render(
                clinic_name=known["clinic_name"],
                help=delivery.help_lines(system, known),
                words=page_words(system.words),
                asset=lambda name: f"/static/{name}",
            )
        return HTMLResponse(page)

    @routes.get("/api/notice")
    def notice() -> dict[str, Any]:
        with system.database.read() as session:
            known = whereabouts.settings(session.get_one(Clinic, 1))
            items = [system.words.item(name) for name in NOTICE]
            return {
                "clinic": {"name": known["clinic_name"], "phone": known["clinic_phone"]},
                "lines": [
                    {
                        "content": item.id,
                        "version": item.version,
                        "text": system.words.render(item.id, 0, known),
                    }
                    for item in items
                ],
                "help": delivery.help_lines(system, known),
            }

    @routes.post("/api/session", status_code=201)
    def start(body: Start, response: Response, token: Token = None) -> dict[str, Any]:
        if not body.adult:
            raise Problem(403, "adults-only", "This program is for adults of 18 and over.")
        admission = access.admit(system, body.invitation, body.remember)
        if admission is None:
            if again := access.already_in(system, body.invitation, token):
                return _state(again)
            raise Problem(404, "link-not-valid", "This link does not work any more.")
        remembered = int(admission.lasts.total_seconds()) if body.remember else None
        cookie(response, admission.token, remembered)
        return _state(admission.conversation_id)

    @routes.post("/api/session/end", status_code=204)
    def end(response: Response, token: Token = None) -> None:
        if token:
            access.end_session(system, token)
        cookie(response, "", 0)

    @routes.get("/api/state")
    def state(token: Token = None) -> dict[str, Any]:
        return _state(conversation_id(token))

    def _state(conversation_id: str) -> dict[str, Any]:
        with system.database.read() as session:
            found = session.get_one(Conversation, conversation_id)
            messages, more = delivery.page(system, session, found)
            state = delivery.state(system, session, found)
            state["help"]["lines"].append(plan.link(system))
            return state | {"messages": messages, "more": more}

    @routes.get("/api/messages")
    def older(before: int, token: Token = None) -> dict[str, Any]:
        with system.database.read() as session:
            found = conversation(session, token)
            messages, more = delivery.page(system, session, found, before)
            return {"messages": messages, "more": more}

    @routes.post("/api/messages", status_code=202)
    async def send(
        body: Annotated[Sent, Body()],
        idempotency_key: Annotated[str, Header(min_length=8, max_length=64)],
        token: Token = None,
    ) -> dict[str, Any]:
        found = await asyncio.to_thread(conversation_id, token)
        if body.text is not None:
            turns.expect(typed.normalise(body.text))
        received = await asyncio.to_thread(receive, found, body, idempotency_key)
        turns.wake(found)
        return {"message": received.message, "replies": received.replies}

    def receive(found: str, body: Sent, key: str) -> intake.Received:
        try:
            if body.text is not None and body.choice is None and body.message is None:
                return intake.receive_text(system, found, body.text, key)
            if body.text is None and body.message and body.choice:
                return intake.receive_choice(system, found, body.message, body.choice, key)
        except typed.NotAcceptedError as error:
            raise Problem(422, error.code, error.says) from None
        raise Problem(422, "not-a-message", "Send text, or one of the buttons.")

    @routes.post("/api/opened", status_code=204)
    async def opened(token: Token = None) -> None:
        found = await asyncio.to_thread(conversation_id, token)
        if await asyncio.to_thread(visit.opened, system, found):
            turns.wake(found)

    @routes.post("/api/seen", status_code=204)
    def seen(body: Annotated[Seen, Body()], token: Token = None) -> None:
        """The page shows the patient everything up to ``seq``."""
        with system.database.write() as session:
            found = conversation(session, token)
            newest = min(body.seq, found.next_seq - 1)
            delivery.mark_read(system, session, found, delivery.PATIENT, newest)

    @routes.post("/api/typing", status_code=204)
    def typing(token: Token = None) -> None:
        with system.database.write() as session:
            found = conversation(session, token)
            feed.publish(system, session, feed.STAFF, "typing", found.id)

    @routes.get("/api/events")
    async def events(
        request: Request,
        token: Token = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        found = await asyncio.to_thread(conversation_id, token)
        after = int(last_event_id) if last_event_id and last_event_id.isdigit() else None
        return StreamingResponse(
            stream(request, found, after, token),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def stream(
        request: Request, conversation_id: str, after: int | None, token: str | None
    ) -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        async for events in live.follow(feed.conversation(conversation_id), after):
            if await request.is_disconnected():
                return
            if events:
                yield await asyncio.to_thread(told, conversation_id, events)
                continue
            # The session may have ended meanwhile: a stream must not outlive it.
            if not await asyncio.to_thread(alive, token):
                return
            yield ": here\n\n"

    def alive(token: str | None) -> bool:
        with system.database.read() as session:
            return access.conversation_of(system, session, token) is not None

    def told(conversation_id: str, events: list[tuple[int, str, str]]) -> str:
        """Some events as the stream carries them; what was said of the state counts once."""
        newest_state = max((n for n, kind, _ in events if kind == "state"), default=0)
        lines = []
        with system.database.read() as session:
            found = session.get_one(Conversation, conversation_id)
            named = [ref for _, kind, ref in events if kind == "message"]
            messages = delivery.some(system, session, found, named)
            for number, kind, ref in events:
                data: dict[str, Any] | None = None
                if kind == "message":
                    data = messages.get(ref)
                elif kind == "typing":
                    data = {"who": ref}
                elif number == newest_state:
                    data = delivery.state(system, session, found)
                    data["help"]["lines"].append(plan.link(system))
                if data is not None:
                    lines.append(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n")
        return "".join(lines) or ": here\n\n"

    @routes.get("/api/{rest:path}")
    def unknown(rest: str) -> None:
        raise not_found()

    return routes
