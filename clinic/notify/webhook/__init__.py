"""Signed webhooks to a clinic's own systems, by the Standard Webhooks specification
(https://github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 over id, time and body.

Where they may go is the administrator's list of hosts, not the typing person's choice: the service
must not be sent to call addresses inside the clinic's network.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import urlsplit

from clinic.clock import Clock
from clinic.notify import (
    AccountError,
    AddressError,
    GoneError,
    Health,
    Outgoing,
    http,
    texts,
)
from clinic.settings import Webhook
from clinic.system import System

FOLLOWS = True


def open_channel(system: System) -> WebhookChannel:
    settings = system.settings
    return WebhookChannel(settings.webhook, settings.public_url, system.clock)


class WebhookChannel:
    def __init__(self, webhook: Webhook, public_url: str, clock: Clock) -> None:
        self._webhook = webhook
        self._public_url = public_url
        self._clock = clock

    @property
    def configured(self) -> bool:
        return bool(self._webhook.secret and self._webhook.hosts)

    def address(self, typed: str) -> str:
        url = typed.strip()
        if not self._allowed(url):
            listed = ", ".join(self._webhook.hosts) or "no host yet"
            raise AddressError(f"Only https addresses of these hosts: {listed}.")
        return url

    def send(self, outgoing: Outgoing) -> str:
        if not self.configured or not self._allowed(outgoing.address):
            raise AccountError("webhook is not set up for this host")
        body = json.dumps(self._body(outgoing), separators=(",", ":"), sort_keys=True)
        at = str(int(self._clock.now().timestamp()))
        name = message_id(outgoing.key)
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": at,
            "webhook-signature": signature(self._webhook.secret, name, at, body.encode()),
        }
        answer = http.request(
            "POST", outgoing.address, repeatable=True, content=body, headers=headers
        )
        if answer.status == 410:
            raise GoneError("webhook 410")
        http.refuse(answer, "webhook", repeatable=True)
        return name

    def check(self) -> Health:
        if not self.configured:
            return Health("note", "not set up")
        return Health("ok", f"may call {', '.join(self._webhook.hosts)}")

    def _allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            local = parts.hostname == "127.0.0.1" and parts.scheme == "http"
            credentials = parts.username or parts.password
        except ValueError:
            return False
        if credentials or parts.netloc not in self._webhook.hosts:
            return False
        return parts.scheme == "https" or local

    def _body(self, outgoing: Outgoing) -> dict[str, object]:
        return {
            "type": outgoing.template,
            "timestamp": self._clock.now().isoformat(),
            "data": {
                **outgoing.params,
                "clinic": self._public_url,
                "contact": outgoing.contact,
                "text": texts.text(outgoing, self._public_url),
            },
        }


def message_id(key: str) -> str:
    """The same for every attempt, so that a receiver drops what it has had."""
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def signature(secret: bytes, name: str, at: str, body: bytes) -> str:
    signed = f"{name}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
