"""An OpenID provider on loopback, with keys of its own. It signs for whoever a test says is there,
and refuses what a real one would: a code twice, a verifier that does not fit, a wrong secret."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from clinic.clock import Clock
from clinic.settings import OpenId
from tests.providers import Provider, Reply, Request

SECRET = "a secret: with signs/of all+kinds"


@dataclass
class Visit:
    """Somebody who has signed in there and is about to go back."""

    asked: dict[str, str]
    claims: dict[str, Any]


@dataclass
class Signing:
    """What a token is signed with: "none" signs with nothing, HS256 with the public key as if it
    were a secret."""

    key: RSAKey | ECKey
    alg: str = "RS256"

    def token(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.alg, "kid": self.key.kid}
        if self.alg not in ("none", "HS256"):
            return jwt.encode(header, claims, self.key, [self.alg])
        body = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
        secret = self.key.as_pem(private=False)
        mark = hmac.digest(secret, body.encode(), "sha256") if self.alg == "HS256" else b""
        return f"{body}.{_text(mark)}"


@lru_cache(maxsize=1)
def _first_key() -> RSAKey:
    """One for all tests: making it takes longer than most of them."""
    return RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Identity(Provider):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.signing = Signing(_first_key())
        self.published = [self.signing.key]
        #: Laid over what it says of itself, and over each token.
        self.says: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        #: Whoever comes with a browser is this one, and goes back at once.
        self.here: dict[str, Any] = {}
        self._visits: dict[str, Visit] = {}

    def settings(self, **changes: Any) -> OpenId:
        return OpenId(self.url, "afterglow", SECRET, "Harbor account", **changes)

    def new_key(self) -> None:
        """It changes its keys, as providers do, here to another kind."""
        self.signing = Signing(ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True), "ES256")
        self.published = [self.signing.key]

    def person(self, there: str, **claims: Any) -> str:
        """Somebody signs in at the address they were sent to; the address they go back to."""
        assert there.startswith(f"{self.url}/authorize?")
        asked = {name: one for name, [one] in parse_qs(urlsplit(there).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert set(asked["scope"].split()) >= {"openid", "email"}
        code = secrets.token_urlsafe(8)
        self._visits[code] = Visit(asked, claims)
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def take(self, request: Request) -> Reply:
        if request.path == "/.well-known/openid-configuration":
            about = {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
            return Reply(200, about | self.says)
        if request.path == "/keys":
            return Reply(200, dict(KeySet(list(self.published)).as_dict(private=False)))
        if request.path.startswith("/authorize?"):
            back = self.person(f"{self.url}{request.path}", **self.here)
            return Reply(302, headers={"Location": back})
        assert (request.method, request.path) == ("POST", "/token")
        return self._token(request)

    def _token(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        given = f"{quote_plus('afterglow')}:{quote_plus(SECRET)}".encode()
        basic = f"Basic {base64.b64encode(given).decode()}"
        if "token_endpoint_auth_methods_supported" in self.says:
            known = (form.get("client_id"), form.get("client_secret")) == ("afterglow", SECRET)
        else:
            known = request.headers.get("authorization") == basic
        if not known:
            return Reply(401, {"error": "invalid_client"})
        visit = self._visits.pop(form.get("code", ""), None)
        verifier = sha256(form.get("code_verifier", "").encode()).digest()
        fits = visit is not None and (
            _text(verifier) == visit.asked["code_challenge"]
            and form.get("redirect_uri") == visit.asked["redirect_uri"]
            and form.get("grant_type") == "authorization_code"
        )
        if visit is None or not fits:
            return Reply(400, {"error": "invalid_grant"})
        now = self.clock.now()
        claims = {
            "iss": self.url,
            "aud": "afterglow",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "nonce": visit.asked["nonce"],
        }
        token = self.signing.token(claims | visit.claims | self.claims)
        return Reply(200, {"access_token": "not used", "token_type": "Bearer", "id_token": token})
