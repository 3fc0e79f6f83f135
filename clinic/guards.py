"""What every request passes: origin, size, and the headers every response carries.

Plain ASGI, so that live streams and large bodies pass through without being collected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic.problems import Problem
from clinic.settings import Settings

log = logging.getLogger("afterglow.edge")

_SAFE = ("GET", "HEAD", "OPTIONS")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "frame-src 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)


class Guard:
    """Refuses cross-site writes and oversized bodies; adds the security headers.

    ``broken`` is what a person gets when a route fails in a way nobody foresaw.
    """

    def __init__(self, app: ASGIApp, settings: Settings, broken: Callable[[], Problem]) -> None:
        self._app = app
        self._settings = settings
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, started = scope["path"], False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(self._headers(path))
            await send(message)

        refused = self._refusal(scope)
        if refused:
            await refused.response()(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:
            # The kind of error only: its text, or a trace, could hold a patient's words.
            log.error("%s %s failed: %s", scope["method"], path, type(error).__name__)
            if not started:
                await self._broken().response()(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if scope["method"] in _SAFE:
            return None
        if self._cross_site(headers):
            return Problem(403, "cross-site", "This request came from another site.")
        length = headers.get("content-length")
        if length is None and headers.get("transfer-encoding"):
            return Problem(411, "length-required", "The size of the message is missing.")
        if length and (not length.isdigit() or int(length) > self._settings.max_body_bytes):
            return Problem(413, "too-large", "That is too large. Nothing was sent.")
        return None

    def _cross_site(self, headers: Headers) -> bool:
        """Fetch metadata where the browser sends it, else the origin; neither: not a browser."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site not in ("same-origin", "none")
        host = headers.get("host")
        own = (f"http://{host}", f"https://{host}", self._settings.public_url)
        return origin is not None and origin not in own

    def _headers(self, path: str) -> dict[str, str]:
        embedding = " ".join(self._settings.embed_origins)
        ancestors = embedding if embedding and path == "/chat" else "'none'"
        microphone = "" if path.startswith("/console") else "self"
        headers = {
            "Content-Security-Policy": _POLICY.format(ancestors=ancestors),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            # The patient may speak instead of typing; the browser asks before it listens.
            "Permissions-Policy": f"camera=(), geolocation=(), microphone=({microphone})",
        }
        if self._settings.https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"
        return headers
