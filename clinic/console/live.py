"""The live stream: it tells an open page that there is news, never what the news says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select

from clinic import feed
from clinic.console import relations
from clinic.console.desk import COOKIE, Desk
from clinic.console.sign_in import access
from clinic.console.sign_in.access import Who
from clinic.records.models import Conversation

#: A session that ended stops its stream within this many seconds.
_LOOK = 5.0


def add(router: APIRouter, desk: Desk) -> None:
    @router.get("/console/events")
    async def events(
        request: Request, who: Annotated[Who, Depends(desk.signed_in)], patient: str = ""
    ) -> Response:
        """``queue`` when any row may have changed; for the patient who is open ``transcript``, and
        ``typing`` while they write."""
        last = request.headers.get("Last-Event-ID", "")
        after = int(last) if last.isdecimal() else None
        audiences = [feed.STAFF]
        conversation = await asyncio.to_thread(_conversation, desk, who, patient)
        if conversation:
            audiences.append(feed.conversation(conversation))
        token = request.cookies.get(COOKIE, "")
        return StreamingResponse(
            stream(desk, token, audiences, conversation or "", after, patient),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )


async def stream(
    desk: Desk,
    token: str,
    audiences: list[str],
    conversation: str,
    after: int | None,
    patient: str = "",
) -> AsyncIterator[str]:
    """Server-sent events until the session ends, or the reason to read the open patient. Then the
    page is told that it is over, asks again, and hears why."""
    about = patient if conversation else ""
    yield "retry: 3000\n\n"
    sources = {name: desk.feed.follow(name, after) for name in audiences}
    waiting: dict[asyncio.Task[list[tuple[int, str, str]]], str] = {}
    try:
        while await _alive(desk, token, about):
            for name, source in sources.items():
                if name not in waiting.values():
                    waiting[asyncio.ensure_future(anext(source))] = name
            done, _ = await asyncio.wait(
                waiting, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED
            )
            yield ": still here\n\n"
            for task in done:
                events = task.result()
                names = _names(waiting.pop(task), events, conversation)
                if names and await _alive(desk, token, about):
                    for name in names:
                        yield f"id: {events[-1][0]}\nevent: {name}\ndata: new\n\n"
        yield "event: over\ndata: new\n\n"
    finally:
        for task in waiting:
            task.cancel()


def _names(audience: str, events: list[tuple[int, str, str]], conversation: str) -> list[str]:
    """What an open page is told of some events, each thing once."""
    if audience != feed.STAFF:
        return ["transcript"] if events else []
    names = set()
    for _, kind, ref in events:
        if kind not in ("typing", "read"):
            names.add("queue")
        elif ref == conversation:
            names.add("typing" if kind == "typing" else "transcript")
    return sorted(names)


async def _alive(desk: Desk, token: str, patient: str) -> bool:
    return await asyncio.to_thread(_may_hear, desk, token, patient)


def _may_hear(desk: Desk, token: str, patient: str) -> bool:
    who = access.find(desk.system, token, by_hand=False)
    if who is None or not patient:
        return who is not None
    with desk.system.database.read() as session:
        now = desk.system.clock.now()
        return relations.may_read(session, who.staff, patient, now) is not None


def _conversation(desk: Desk, who: Who, patient_id: str) -> str | None:
    with desk.system.database.read() as session:
        if not relations.may_read(session, who.staff, patient_id, desk.system.clock.now()):
            return None
        return session.scalars(
            select(Conversation.id).where(Conversation.patient_id == patient_id)
        ).first()
