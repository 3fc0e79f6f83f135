"""The clinic's own accounts, by OpenID Connect: where somebody is sent, and who came back.

Authorization code flow with PKCE (RFC 7636). The provider is asked for its addresses and keys
(OpenID Connect Discovery), which are kept for an hour; a key that is not known is looked for once
more, or a provider that changes its keys would keep everybody out meanwhile.
"""

from __future__ import annotations

import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from clinic.clock import Clock
from clinic.settings import OpenId

#: Signatures with the provider's public key only: never "none", nor a secret both sides know.
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
KEPT = timedelta(hours=1)
#: How often unknown keys may make us ask again.
_ASK_AGAIN = timedelta(minutes=1)
#: Two machines' clocks, in seconds.
_LEEWAY = 60
_TIMEOUT = 8.0
_MOST_SUBJECT = 255
#: What tells that more than a password was asked for (REFEDS, OpenID EAP, PAPE); besides RFC 8176's
#: "mfa".
_STRONG_ACR = {
    "https://refeds.org/profile/mfa",
    "phr",
    "phrh",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
}


class ProviderError(Exception):
    """The provider cannot be used now: unreachable, or not what it says it is. Says which."""


class NotProvedError(Exception):
    """What came back does not say who somebody is; the text is a code for the log."""


@dataclass(frozen=True)
class Account:
    """Who came back. ``email``: empty unless the provider vouches for it. ``strong``: it says that
    it asked for more than a password."""

    subject: str
    email: str
    strong: bool


@dataclass(frozen=True)
class _Known:
    """What the provider said of itself, and when."""

    addresses: Mapping[str, Any]
    keys: KeySet
    at: datetime


class Provider:
    """One for the whole app; threads share what is known."""

    def __init__(self, settings: OpenId, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: _Known | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Ask it afresh. Raises ProviderError."""
        with self._lock:
            self._known = self._ask()

    def way_there(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """The address to send a browser to. Raises ProviderError."""
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        there = self._current().addresses["authorization_endpoint"]
        return f"{there}{'&' if urlsplit(there).query else '?'}{urlencode(asked)}"

    def account(self, code: str, back: str, nonce: str, verifier: str) -> Account:
        """Whom this code stands for. Raises ProviderError and NotProvedError."""
        answer = self._exchange(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": back,
                "code_verifier": verifier,
            }
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotProvedError("no_token")
        return _account(self._checked(token, nonce))

    def _exchange(self, form: dict[str, str]) -> dict[str, Any]:
        addresses, one = self._current().addresses, self._settings
        headers = {}
        if "client_secret_basic" in addresses.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            # RFC 6749 2.3.1: both are form-encoded first.
            both = f"{quote_plus(one.client_id)}:{quote_plus(one.secret)}"
            headers["Authorization"] = f"Basic {b64encode(both.encode()).decode()}"
        else:
            form |= {"client_id": one.client_id, "client_secret": one.secret}
        try:
            with _client() as client:
                answer = client.post(addresses["token_endpoint"], data=form, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderError(f"its token address: {type(error).__name__}") from error
        if answer.status_code in (400, 401, 403):
            raise NotProvedError("code_refused")
        return _json(answer)

    def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        one, now = self._settings, int(self._clock.now().timestamp())
        wanted = jwt.JWTClaimsRegistry(
            now=now,
            leeway=_LEEWAY,
            iss={"essential": True, "value": one.issuer},
            aud={"essential": True, "value": one.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(token)
            wanted.validate(claims)
        except (JoseError, ValueError) as error:
            raise NotProvedError(type(error).__name__) from error
        # Meant for us alone, or made for us by name (OpenID Connect Core, 3.1.3.7).
        alone = claims["aud"] in (one.client_id, [one.client_id])
        if claims.get("azp", one.client_id if alone else None) != one.client_id:
            raise NotProvedError("made_for_another")
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        known = self._current()
        try:
            return jwt.decode(token, known.keys, ALGORITHMS).claims
        except InvalidKeyIdError:
            if self._clock.now() - known.at < _ASK_AGAIN:
                raise
        self.check()
        return jwt.decode(token, self._current().keys, ALGORITHMS).claims

    def _current(self) -> _Known:
        with self._lock:
            if self._known is None or self._clock.now() - self._known.at >= KEPT:
                self._known = self._ask()
            return self._known

    def _ask(self) -> _Known:
        one = self._settings
        addresses = _get(f"{one.issuer.rstrip('/')}/.well-known/openid-configuration")
        if addresses.get("issuer") != one.issuer:
            raise ProviderError(f"it calls itself {addresses.get('issuer')!r}, not {one.issuer!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not one.allows(str(addresses.get(name, ""))):
                raise ProviderError(f"its {name} is missing or not https")
        try:
            keys = KeySet.import_key_set(_get(addresses["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError(f"its keys cannot be read: {type(error).__name__}") from error
        return _Known(addresses, keys, self._clock.now())


def _account(claims: dict[str, Any]) -> Account:
    subject, email = claims["sub"], claims.get("email")
    if not 0 < len(subject) <= _MOST_SUBJECT:
        raise NotProvedError("subject")
    # Some say it in words.
    vouched = claims.get("email_verified") in (True, "true") and isinstance(email, str)
    methods = claims.get("amr")
    strong = isinstance(methods, list) and "mfa" in methods
    return Account(
        subject,
        email.strip().lower() if vouched and email else "",
        strong or str(claims.get("acr")) in _STRONG_ACR,
    )


def _get(address: str) -> dict[str, Any]:
    try:
        with _client() as client:
            return _json(client.get(address))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderError(f"{address}: {type(error).__name__}") from error


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise ProviderError(f"{answer.url.copy_with(query=None)} answers {answer.status_code}")
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{answer.url.copy_with(query=None)} does not answer with JSON")
    return found


def _client() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT)
