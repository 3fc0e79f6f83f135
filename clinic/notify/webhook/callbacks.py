"""A clinic's own system acknowledges an alert for a person: signed like what we send, and in time.

``POST /notify/webhook/acknowledge`` with the three webhook headers and
``{"type": "alert.acknowledge", "data": {"number": 41, "contact": "...", "clinic": "..."}}``, where
contact and clinic are those of the call it answers.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from clinic.notify import replies
from clinic.notify.webhook import signature
from clinic.system import System

#: How far a request's time may be from ours (the specification's recommendation).
WINDOW = timedelta(minutes=5)


def routes(system: System) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/notify/webhook/acknowledge", methods=["GET", "POST", "PUT", "DELETE"])
    async def acknowledge(request: Request) -> Response:
        reason = _refusal(system, request.method, request.headers, await request.body())
        if reason:
            await asyncio.to_thread(replies.refuse, system, "webhook", reason)
            return Response(status_code=405 if reason == "method" else 403)
        asked = _asked(await request.body())
        name = request.headers["webhook-id"]
        status, says = await asyncio.to_thread(_take, system, name, asked)
        return JSONResponse({"says": says}, status)

    return router


def _refusal(system: System, method: str, headers: Mapping[str, str], body: bytes) -> str | None:
    if method != "POST":
        return "method"
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given, secret = headers.get("webhook-signature", ""), system.settings.webhook.secret
    if not (secret and name and given and at.isdecimal() and at.isascii() and len(at) < 12):
        return "unsigned"
    right = signature(secret, name, at, body).encode()
    if not any(hmac.compare_digest(right, one.encode()) for one in given.split()):
        return "forged"
    apart = abs(system.clock.now().timestamp() - int(at))
    return "late" if apart > WINDOW.total_seconds() else None


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError:
        return {}
    data = asked.get("data") if isinstance(asked, dict) else None
    return data if isinstance(data, dict) and asked.get("type") == "alert.acknowledge" else {}


def _take(system: System, name: str, asked: dict[str, Any]) -> tuple[int, str]:
    with system.database.write() as session:
        if not replies.first_time(system, session, "webhook", name[:180]):
            return 409, "This was taken before."
        if asked.get("clinic") != system.settings.public_url:
            replies.refused(system, session, "webhook", "another clinic")
            return 403, "This is for another clinic."
        contact, number = asked.get("contact"), asked.get("number")
        if not isinstance(contact, str) or type(number) is not int:
            replies.refused(system, session, "webhook", "malformed")
            return 422, "Give a contact and a number."
        person = replies.behind(session, "webhook", contact)
        if person is None:
            replies.refused(system, session, "webhook", "unknown contact")
            return 403, "No such contact."
        done, says = replies.acknowledge(system, session, "webhook", person, number)
        return (200 if done else 409), says
