"""A patient's page: one kept-alive connection that sends, one stream that listens."""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from bench.installation import HOST, BenchError

COOKIE = "afterglow_patient"
#: Servers close a connection that has been quiet for five seconds.
_QUIET = 3.0
_LONGEST = 20.0


class Connection:
    """Posts JSON over one connection, anew only after a long silence."""

    def __init__(self, port: int, **headers: str) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json"} | headers
        self._connection = HTTPConnection(HOST, port, timeout=_LONGEST)
        self._used = time.perf_counter()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        if time.perf_counter() - self._used > _QUIET:
            self._connection.close()
        data = json.dumps(body).encode()
        self._connection.request("POST", path, data, self._headers | headers)
        answer = self._connection.getresponse()
        raw = answer.read()
        self._used = time.perf_counter()
        if answer.status >= 300:
            raise BenchError(f"POST {path} gave {answer.status}")
        return json.loads(raw) if raw else None

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Answer:
    """Seconds from sending to the receipt, and to the last message of the reply."""

    receipt: float
    reply: float
    answered: bool
    messages: int


class Page:
    """What a browser with the chat open does, and when it hears what."""

    def __init__(self, port: int, token: str) -> None:
        self._cookie = f"{COOKIE}={token}"
        self._port = port
        self._sender = Connection(port, Cookie=self._cookie)
        self._heard: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        self._stream = HTTPConnection(HOST, port, timeout=60)
        self._stream.request("GET", "/api/events", headers={"Cookie": self._cookie})
        self._events = self._stream.getresponse()
        if self._events.status != 200:
            raise BenchError(f"GET /api/events gave {self._events.status}")
        # The first line comes at once; from the next moment on nothing is missed.
        self._events.readline()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def open(self) -> None:
        """Look at the chat and wait for the greeting."""
        self._sender.post("/api/opened", None)
        while self._next()[1]["author"] == "patient":
            pass

    def send(self, text: str) -> tuple[float, str]:
        """Returns when it was sent, and the message's id once it is on the record."""
        key = {"Idempotency-Key": secrets.token_hex(8)}
        begun = time.perf_counter()
        received = self._sender.post("/api/messages", {"text": text}, **key)
        return begun, received["message"]["id"]

    def say(self, text: str) -> Answer:
        """Send, and wait until the whole reply is here: the last thing a turn tells the page is
        that the patient's message has been answered."""
        begun, sent = self.send(text)
        receipt = time.perf_counter() - begun
        replies = 0
        while True:
            at, message = self._next()
            if message["author"] == "bot":
                replies += 1
            if message["id"] == sent and message["state"] != "waiting":
                return Answer(receipt, at - begun, message["state"] == "answered", replies)

    def close(self) -> None:
        self._sender.close()
        if self._stream.sock:
            with contextlib.suppress(OSError):
                self._stream.sock.shutdown(socket.SHUT_RDWR)
        self._listener.join(5)
        self._stream.close()

    def _next(self) -> tuple[float, dict[str, Any]]:
        try:
            return self._heard.get(timeout=_LONGEST)
        except queue.Empty:
            raise BenchError(f"nothing on the stream for {_LONGEST:.0f} s") from None

    def _listen(self) -> None:
        kind = ""
        with contextlib.suppress(OSError, HTTPException, ValueError, AttributeError):
            while line := self._events.readline():
                at = time.perf_counter()
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind == "message":
                    self._heard.put((at, json.loads(value)))


@contextlib.contextmanager
def page(port: int, token: str) -> Iterator[Page]:
    opened = Page(port, token)
    try:
        yield opened
    finally:
        opened.close()
