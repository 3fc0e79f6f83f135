"""What Twilio tells us: how a message fared, and what somebody answered.

Every request is signed with the account's token over its whole address and fields
(https://www.twilio.com/docs/usage/security). One that is not changes nothing. A signed one counts
once: Twilio's signature has no time in it, so what was seen before is refused by its id.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from clinic.notify import replies
from clinic.notify.sms import STATUS_PATH
from clinic.outbox import reports
from clinic.system import System

_FAILED = {"failed", "undelivered", "canceled"}
_METHODS = ["GET", "POST", "PUT", "DELETE"]


def routes(system: System) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route(STATUS_PATH, methods=_METHODS)
    async def status(request: Request) -> Response:
        fields = await _signed(system, request)
        if isinstance(fields, str):
            return await _refuse(system, fields)
        row = request.query_params.get("row", "")
        await asyncio.to_thread(_take_status, system, row, fields)
        return Response(status_code=204)

    @router.api_route("/notify/sms/reply", methods=_METHODS)
    async def reply(request: Request) -> Response:
        fields = await _signed(system, request)
        if isinstance(fields, str):
            return await _refuse(system, fields)
        return _twiml(await asyncio.to_thread(_take_reply, system, fields))

    return router


def signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """Twilio's: HMAC-SHA1 of the address and all fields in order, in base64."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


async def _signed(system: System, request: Request) -> dict[str, str] | str:
    """The fields of a request that Twilio made for this account, or why it is refused."""
    if request.method != "POST":
        return "method"
    given = request.headers.get("x-twilio-signature", "")
    token = system.settings.sms.token
    if not token or not given:
        return "unsigned"
    try:
        form = await request.form(max_files=0, max_fields=100)
    except Exception:
        return "malformed"
    fields = {name: str(value) for name, value in form.items()}
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{system.settings.public_url}{request.url.path}{query}"
    if not hmac.compare_digest(signature(token, url, fields).encode(), given.encode()):
        return "forged"
    if fields.get("AccountSid") != system.settings.sms.account:
        return "another account"
    return fields


def _take_status(system: System, row: str, fields: Mapping[str, str]) -> None:
    said, sid = fields.get("MessageStatus", ""), fields.get("MessageSid", "")
    with system.database.write() as session:
        if not replies.first_time(system, session, "sms", f"status/{sid}/{said}"):
            return
        if said == "delivered":
            reports.delivered(system, session, "sms", row, sid)
        elif said in _FAILED:
            code = fields.get("ErrorCode", "")
            # The provider's number only: nothing of theirs is shown or logged as it came.
            error = f"twilio {code}" if code.isdigit() else "twilio"
            reports.failed(system, session, "sms", row, sid, error)


def _take_reply(system: System, fields: Mapping[str, str]) -> str:
    """What is answered to a text message; empty when nothing is."""
    with system.database.write() as session:
        if not replies.first_time(system, session, "sms", f"reply/{fields.get('MessageSid')}"):
            return ""
        if not _for_us(system, session, fields.get("To", "")):
            return ""
        return replies.text_message(system, session, fields.get("From", ""), fields.get("Body", ""))


def _for_us(system: System, session: Session, number: str) -> bool:
    """An account may serve several clinics, each with its own number."""
    ours = system.settings.sms.sender
    if ours.startswith("MG") or ours == number:
        return True
    replies.refused(system, session, "sms", "another clinic")
    return False


async def _refuse(system: System, reason: str) -> Response:
    await asyncio.to_thread(replies.refuse, system, "sms", reason)
    return Response(status_code=405 if reason == "method" else 403)


def _twiml(text: str) -> Response:
    said = f"<Message>{escape(text)}</Message>" if text else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}</Response>'
    return Response(body, media_type="text/xml")
