"""Errors as problem+json (RFC 9457): what happened, what to do, never the words sent."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse


class Problem(Exception):
    """Raised anywhere in a request; the app turns it into a response."""

    def __init__(self, status: int, code: str, title: str, **extra: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.extra = extra

    def response(self) -> JSONResponse:
        body = {"type": f"about:{self.code}", "title": self.title, "status": self.status}
        return JSONResponse(
            body | self.extra,
            self.status,
            media_type="application/problem+json",
            headers={"Retry-After": "5"} if self.status in (429, 503) else None,
        )


def no_session() -> Problem:
    return Problem(401, "no-session", "This page is not signed in.")


def not_found() -> Problem:
    return Problem(404, "not-found", "There is nothing here.")
