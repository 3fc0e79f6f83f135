"""Web Push: a notification in a clinician's browser (RFC 8030), encrypted for it (RFC 8291) and
signed as ours (VAPID, RFC 8292). The push service in between sees neither text nor name.

The address is the browser's subscription as JSON. Only the push services that the settings name are
called: a subscription's endpoint comes from a browser, and must not lead into the clinic's network.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException

from clinic.clock import Clock
from clinic.notify import AccountError, AddressError, GoneError, Health, Outgoing, http, texts
from clinic.settings import Push
from clinic.system import System

#: The longest a push service may keep it for a browser that is off. By then it has come again.
_KEEP_SECONDS = 3600
_TOKEN_SECONDS = 12 * 3600
_UNREADABLE = "This browser's subscription cannot be read. Switch it off and on again."


def open_channel(system: System) -> PushChannel:
    settings = system.settings
    return PushChannel(settings.push, settings.public_url, system.clock)


class PushChannel:
    def __init__(self, push: Push, public_url: str, clock: Clock) -> None:
        self._push = push
        self._public_url = public_url
        self._clock = clock

    @property
    def configured(self) -> bool:
        return bool(self._push.key and self._push.subject)

    def address(self, typed: str) -> str:
        """From ``PushSubscription.toJSON()``: endpoint, and keys p256dh and auth in base64url."""
        try:
            given = json.loads(typed)
            endpoint, keys = str(given["endpoint"]), given["keys"]
            public, auth = str(keys["p256dh"]), str(keys["auth"])
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(public))
            readable = len(_bytes(auth)) == 16
        except (ValueError, TypeError, KeyError):
            readable = False
        if not readable:
            raise AddressError(_UNREADABLE)
        if not self._allowed(endpoint):
            raise AddressError("This browser's push service is not on the clinic's list.")
        return json.dumps({"endpoint": endpoint, "p256dh": public, "auth": auth})

    def send(self, outgoing: Outgoing) -> str:
        """Returns the message's address at the push service."""
        to = json.loads(outgoing.address)
        if not self.configured or not self._allowed(to["endpoint"]):
            raise AccountError("push is not set up for this service")
        body = http_ece.encrypt(
            json.dumps(self._payload(outgoing)).encode(),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=_bytes(to["p256dh"]),
            auth_secret=_bytes(to["auth"]),
            version="aes128gcm",
        )
        headers = {
            **self._signed(to["endpoint"]),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_KEEP_SECONDS),
            "Urgency": "high",
            # A resend takes the place of the first one where it is still waiting (RFC 8030 5.4).
            "Topic": hashlib.sha256(outgoing.key.encode()).hexdigest()[:32],
        }
        answer = http.request(
            "POST", to["endpoint"], repeatable=True, content=body, headers=headers
        )
        if answer.status in (404, 410):
            raise GoneError(f"push {answer.status}")
        http.refuse(answer, "push", repeatable=True)
        return str(answer.headers.get("location", ""))[:200]

    def check(self) -> Health:
        if not self.configured:
            return Health("note", "not set up")
        try:
            self._signed("https://push.invalid/")
        except VapidException:
            return Health("MEND", "AFTERGLOW_PUSH_SUBJECT must be mailto:... or https://...")
        return Health("ok", "signed with our own key")

    def _allowed(self, endpoint: str) -> bool:
        try:
            parts = urlsplit(endpoint)
        except ValueError:
            return False
        place = parts.netloc
        plain = re.fullmatch(r"[\w.:-]+", place, re.ASCII)
        known = plain and any(
            place == host or place.endswith(f".{host}") for host in self._push.hosts
        )
        local = parts.scheme == "http" and parts.hostname == "127.0.0.1"
        return bool(known) and (parts.scheme == "https" or local)

    def _payload(self, outgoing: Outgoing) -> dict[str, str]:
        number = outgoing.params.get("number")
        return {
            "title": "Afterglow",
            "body": texts.text(outgoing, self._public_url, "push"),
            # The next call of the same alert takes the place of the last one on the screen.
            "tag": f"alert-{number}" if number else outgoing.template,
        }

    def _signed(self, endpoint: str) -> dict[str, str]:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(self._clock.now().timestamp()) + _TOKEN_SECONDS,
            "sub": self._push.subject,
        }
        signed: dict[str, str] = _vapid(self._push.key).sign(claims)
        return signed


def public_key(push: Push) -> str:
    """What a browser is given to subscribe with, in base64url."""
    raw = _vapid(push.key).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@lru_cache(maxsize=4)
def _vapid(key: bytes) -> Vapid02:
    return Vapid02.from_raw(base64.urlsafe_b64encode(key))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
