"""One HTTP request to a provider, with everything that can go wrong put into our error classes.

A connection of its own for each request: a clinic sends few, and a connection that went stale must
not leave an alert in doubt. A request is bounded as a whole, well inside the outbox's lease, and so
is what we read of the answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from json import JSONDecodeError, loads
from typing import Any

import httpx

from clinic.notify import AccountError, PermanentError, TemporaryError, UnknownError

_TIMEOUT = httpx.Timeout(8.0, connect=4.0)
_LONGEST = 15.0
_MOST_BYTES = 65_536
_LONGEST_WAIT = 300.0
#: Nothing was handed over yet: sending again cannot double it.
_BEFORE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LATER = {408, 425, 429, 503}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object of the body; empty when it is none."""
        try:
            found = loads(self.body)
        except (JSONDecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}


def request(method: str, url: str, *, repeatable: bool, **options: Any) -> Answer:
    """Ask once. ``repeatable``: the provider recognises a resend, so doubt is worth another try."""
    begun = time.monotonic()
    headers = {"Accept-Encoding": "identity"} | options.pop("headers", {})
    try:
        with _client().stream(method, url, headers=headers, **options) as response:
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES or time.monotonic() - begun > _LONGEST:
                    break
            return Answer(response.status_code, response.headers, body)
    except _BEFORE as error:
        raise TemporaryError(type(error).__name__) from None
    except httpx.TransportError as error:
        raise _doubt(type(error).__name__, repeatable) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise PermanentError("not an address") from None


def refuse(answer: Answer, who: str, *, repeatable: bool, code: object = None) -> None:
    """Raise what a provider's status means; nothing when it has taken it. ``code``: its own."""
    status = answer.status
    if 200 <= status < 300:
        return
    says = f"{who} {code or status}"
    if status in _LATER:
        raise TemporaryError(says, _retry_after(answer))
    if status in (401, 403):
        raise AccountError(says)
    if status >= 500:
        raise _doubt(says, repeatable)
    raise PermanentError(says)


def _doubt(says: str, repeatable: bool) -> TemporaryError | UnknownError:
    return TemporaryError(says) if repeatable else UnknownError(says)


def _retry_after(answer: Answer) -> float:
    """Seconds of Retry-After (RFC 9110 10.2.3), never so long that an alert is forgotten."""
    raw = answer.headers.get("retry-after", "")
    return min(float(raw), _LONGEST_WAIT) if raw.isdigit() else 0.0


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))
