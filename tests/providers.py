"""Providers on loopback that speak the real protocols, and refuse what the real ones would.

Each checks what it is sent on its own terms: Twilio's and PagerDuty's fields, a browser's keys (RFC
8291) and VAPID (RFC 8292), a webhook's signature by the specification's own library. ``act`` makes
a provider answer otherwise: a reply of your own, or ``HANG_UP`` after it has taken the message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from httpx import Response
from standardwebhooks.webhooks import Webhook as Standard

from clinic.settings import Push, Sms, Webhook

HANG_UP = "hang up"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """A server on a free loopback port. ``act``: what to answer instead, once each."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.act: deque[Reply | str] = deque()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                request = Request(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                provider.requests.append(request)
                special = provider.act.popleft() if provider.act else None
                if special == HANG_UP:
                    provider.take(request)
                    self.close_connection = True
                    return
                reply = special if isinstance(special, Reply) else provider.take(request)
                body = (
                    reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                )
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = handle_one

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def take(self, request: Request) -> Reply:
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sent(self) -> str:
        """Everything that reached it, for finding what must never leave."""
        return "\n".join(f"{r.path} {r.headers} {r.body!r}" for r in self.requests)


@dataclass
class Text:
    """One text message; ``row`` is the callback address it came with."""

    sid: str
    to: str
    body: str
    callback: str


class Twilio(Provider):
    """https://www.twilio.com/docs/messaging/api/message-resource, and phones at its far end."""

    account, token, number = "AC" + "0" * 32, "twilio-token", "+15550100000"

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[Text] = []
        self._seen: set[str] = set()

    @property
    def settings(self) -> Sms:
        return Sms(self.account, self.token, self.number, self.url)

    def take(self, request: Request) -> Reply:
        basic = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return Reply(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if request.method == "GET":
            return Reply(200, {"sid": self.account, "status": "active"})
        if request.path != f"/2010-04-01/Accounts/{self.account}/Messages.json":
            return self.error(404, 20404)
        fields = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        if not fields["To"].startswith("+") or not fields["To"][1:].isdigit():
            return self.error(400, 21211)
        if fields["From"] != self.number:
            return self.error(400, 21606)
        text = Text(
            f"SM{uuid.uuid4().hex}", fields["To"], fields["Body"], fields.get("StatusCallback", "")
        )
        self.texts.append(text)
        return Reply(201, {"sid": text.sid, "status": "queued", "to": text.to})

    @staticmethod
    def error(status: int, code: int, **headers: str) -> Reply:
        body = {"code": code, "message": "...", "more_info": "...", "status": status}
        return Reply(status, body, {name.replace("_", "-"): v for name, v in headers.items()})

    def fresh(self, to: str) -> list[Text]:
        """What reached this number and nobody has looked at."""
        found = [text for text in self.texts if text.to == to and text.sid not in self._seen]
        self._seen |= {text.sid for text in found}
        return found

    def unseen(self) -> list[Text]:
        return [text for text in self.texts if text.sid not in self._seen]

    def report(self, edge: TestClient, text: Text, status: str, code: str = "") -> Response:
        """A status callback, signed."""
        fields = {"MessageSid": text.sid, "MessageStatus": status, "AccountSid": self.account}
        return self.call(edge, text.callback, fields | ({"ErrorCode": code} if code else {}))

    def reply(self, edge: TestClient, number: str, body: str, **changes: str) -> Response:
        """Somebody writes to the clinic's number."""
        fields = {
            "MessageSid": f"SM{uuid.uuid4().hex}",
            "AccountSid": self.account,
            "From": number,
            "To": self.number,
            "Body": body,
        }
        return self.call(edge, "http://testserver/notify/sms/reply", fields | changes)

    def call(
        self, edge: TestClient, url: str, fields: dict[str, str], token: str | None = None
    ) -> Response:
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        key = (token or self.token).encode()
        mac = base64.b64encode(hmac.new(key, signed.encode(), "sha1").digest()).decode()
        response: Response = edge.post(url, data=fields, headers={"X-Twilio-Signature": mac})
        return response


class Browser:
    """The far end of Web Push: a subscription with keys of its own."""

    def __init__(self, service: PushService) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = uuid.uuid4().bytes
        self.name = uuid.uuid4().hex
        self._service = service
        service.browsers[self.name] = self
        self.shown: list[dict[str, str]] = []

    @property
    def subscription(self) -> str:
        """As ``JSON.stringify(PushSubscription)`` gives it."""
        keys = {"p256dh": _text(_point(self.key.public_key())), "auth": _text(self.auth)}
        endpoint = f"{self._service.url}/push/{self.name}"
        return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def decrypt(self, body: bytes) -> bytes:
        """RFC 8291 section 3.4 over RFC 8188, by hand."""
        salt, size, sender = body[:16], int.from_bytes(body[16:20], "big"), body[21 : 21 + body[20]]
        record = body[21 + body[20] :]
        assert len(sender) == 65, "the sender's key comes first"
        assert len(record) <= size
        shared = self.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )
        info = b"WebPush: info\0" + _point(self.key.public_key()) + sender
        ikm = HKDF(hashes.SHA256(), 32, self.auth, info).derive(shared)
        prk = hmac.new(salt, ikm, hashlib.sha256).digest()

        def expand(label: bytes, length: int) -> bytes:
            info = b"Content-Encoding: " + label + b"\0"
            return HKDFExpand(hashes.SHA256(), length, info).derive(prk)

        padded = AESGCM(expand(b"aes128gcm", 16)).decrypt(expand(b"nonce", 12), record, None)
        plain = padded.rstrip(b"\0")
        assert plain[-1:] == b"\x02", "the last record ends with 2"
        return plain[:-1]


class PushService(Provider):
    """RFC 8030 and 8292: takes a message for a subscription, or says that it is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.browsers: dict[str, Browser] = {}
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.now: Any = None

    @property
    def settings(self) -> Push:
        raw = self.key.private_numbers().private_value.to_bytes(32, "big")
        return Push(raw, "mailto:it@harbor.test", (self.host,))

    def take(self, request: Request) -> Reply:
        browser = self.browsers.get(request.path.removeprefix("/push/"))
        if browser is None:
            return Reply(410)
        if not self._signed(request.headers.get("authorization", "")):
            return Reply(403)
        if not request.headers.get("ttl", "").isdigit() or len(request.body) > 4096:
            return Reply(400)
        if request.headers.get("content-encoding") != "aes128gcm":
            return Reply(415)
        browser.shown.append(json.loads(browser.decrypt(request.body)))
        return Reply(201, b"", {"Location": f"{self.url}/message/{uuid.uuid4().hex}"})

    def _signed(self, authorization: str) -> bool:
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        head, claims, mark = parts["t"].split(".")
        said, raw = json.loads(_raw(claims)), _raw(mark)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _raw(parts["k"]))
        public.verify(
            encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
        )
        now = self.now().timestamp()
        return (
            scheme == "vapid"
            and _raw(parts["k"]) == _point(self.key.public_key())
            and json.loads(_raw(head))["alg"] == "ES256"
            and said["aud"] == self.url
            and now < said["exp"] <= now + 86400
            and said["sub"].startswith("mailto:")
        )


class PagerDuty(Provider):
    """https://developer.pagerduty.com/docs/send-alert-event: incidents by dedup key."""

    key = "k" * 32

    def __init__(self) -> None:
        super().__init__()
        self.incidents: dict[str, str] = {}
        self.summaries: list[str] = []

    def take(self, request: Request) -> Reply:
        if request.method != "POST" or request.path != "/v2/enqueue":
            return Reply(404)
        event = json.loads(request.body)
        if event.get("routing_key") != self.key:
            return self._invalid("routing_key")
        action, name = event["event_action"], event.get("dedup_key")
        if action == "trigger":
            payload = event["payload"]
            if payload["severity"] not in ("critical", "error", "warning", "info"):
                return self._invalid("severity")
            if not 0 < len(payload["summary"]) <= 1024 or not payload["source"]:
                return self._invalid("payload")
            name = name or uuid.uuid4().hex
            if self.incidents.get(name) != "triggered":
                self.summaries.append(payload["summary"])
            self.incidents[name] = "triggered"
        elif name in self.incidents:
            self.incidents[name] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": name})

    @staticmethod
    def _invalid(what: str) -> Reply:
        return Reply(400, {"status": "invalid event", "message": "...", "errors": [what]})


class Receiver(Provider):
    """A clinic's own system: takes signed webhooks, drops what it has had."""

    secret = b"a secret of thirty-two bytes ..."

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[str, dict[str, Any]] = {}
        self.now: Any = None

    @property
    def settings(self) -> Webhook:
        return Webhook(self.secret, (self.host,))

    def take(self, request: Request) -> Reply:
        name, at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
        if abs(self.now().timestamp() - at) > 300:
            return Reply(400)
        if request.headers["webhook-signature"] != self.sign(name, at, request.body):
            return Reply(401)
        self.taken.setdefault(name, json.loads(request.body))
        return Reply(204)

    def sign(self, name: str, at: int, body: bytes) -> str:
        """By the specification's own library."""
        return str(Standard(self.secret).sign(name, datetime.fromtimestamp(at, UTC), body.decode()))

    def acknowledge(self, edge: TestClient, data: dict[str, Any], **changes: Any) -> Response:
        """Answers a call for its person."""
        body = json.dumps({"type": "alert.acknowledge", "data": data}).encode()
        name = changes.get("name") or f"msg_{uuid.uuid4().hex}"
        at = changes.get("at") or int(self.now().timestamp())
        signed = changes.get("signature") or self.sign(name, at, body)
        headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signed}
        response: Response = edge.post("/notify/webhook/acknowledge", content=body, headers=headers)
        return response


class Room(Provider):
    """What apprise's ``json://`` posts to."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []

    def take(self, request: Request) -> Reply:
        self.posts.append(json.loads(request.body))
        return Reply(200)


@dataclass
class Providers:
    twilio: Twilio
    push: PushService
    pagerduty: PagerDuty
    receiver: Receiver
    room: Room

    def settings(self) -> dict[str, Any]:
        return {
            "sms": self.twilio.settings,
            "push": self.push.settings,
            "pagerduty_url": self.pagerduty.url,
            "webhook": self.receiver.settings,
            "apprise": {"team": f"json://{self.room.host}/"},
        }

    @property
    def all(self) -> list[Provider]:
        return [self.twilio, self.push, self.pagerduty, self.receiver, self.room]


@contextmanager
def providers() -> Iterator[Providers]:
    running = Providers(Twilio(), PushService(), PagerDuty(), Receiver(), Room())
    try:
        yield running
    finally:
        for provider in running.all:
            provider.close()


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
