"""Many patients at once: each has the chat open and says something every half minute."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.figures import goal, percentile, spread
from bench.installation import HOST, Installation, installed, processor_seconds, temporary
from bench.page import COOKIE
from bench.texts import texts

EVERY = 30.0
#: As long as the edge waits for the assistant before it says so, and a little.
_LONGEST = 15.0


@dataclass
class Tally:
    receipts: list[float] = field(default_factory=list)
    replies: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unanswered: int = 0
    unheard: int = 0


def run(patients: int, seconds: int) -> None:
    with temporary() as home, installed(home) as ours:
        ours.until_page()
        ours.until_ready()
        tokens = ours.patients(patients)
        each = max(1, round(seconds / EVERY))
        tally, used = asyncio.run(_all(ours, tokens, each))
    _tell(patients, tally, used)


async def _all(ours: Installation, tokens: list[str], each: int) -> tuple[Tally, dict[str, float]]:
    tally = Tally()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    chance = random.Random(7)
    async with httpx.AsyncClient(
        base_url=f"http://{HOST}:{ours.port}",
        limits=limits,
        timeout=httpx.Timeout(_LONGEST, pool=None),
        trust_env=False,
    ) as client:
        pages = [_Page(client, token, tally, chance.random() * EVERY) for token in tokens]
        said = texts(len(pages) * each)
        talks = [
            asyncio.create_task(page.live(said[n * each : (n + 1) * each]))
            for n, page in enumerate(pages)
        ]
        # Everybody arrives within the first half minute; what they say after it is measured.
        await asyncio.sleep(EVERY)
        begun, before = time.perf_counter(), _processor(ours)
        await asyncio.gather(*talks)
        lasted, after = time.perf_counter() - begun, _processor(ours)
    return tally, {name: (after[name] - before[name]) / lasted for name in before}


class _Page:
    """One patient's page for the whole time."""

    def __init__(self, client: httpx.AsyncClient, token: str, tally: Tally, offset: float) -> None:
        self._client, self._tally, self._offset = client, tally, offset
        self._cookie = {"Cookie": f"{COOKIE}={token}"}
        self._settled: dict[str, asyncio.Future[tuple[float, str]]] = {}

    async def live(self, said: list[str]) -> None:
        arrival = time.perf_counter() + self._offset
        await asyncio.sleep(self._offset)
        listening = asyncio.create_task(self._listen())
        await self._client.post("/api/opened", headers=self._cookie)
        for number, text in enumerate(said, 1):
            await asyncio.sleep(max(0.0, arrival + number * EVERY - time.perf_counter()))
            await self._say(text)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
            await listening

    async def _say(self, text: str) -> None:
        headers = self._cookie | {"Idempotency-Key": secrets.token_hex(8)}
        begun = time.perf_counter()
        try:
            answer = await self._client.post("/api/messages", json={"text": text}, headers=headers)
        except httpx.HTTPError as error:
            self._tally.refused.append(type(error).__name__)
            return
        if answer.status_code != 202:
            self._tally.refused.append(str(answer.status_code))
            return
        self._tally.receipts.append(time.perf_counter() - begun)
        settled = self._waiting_for(answer.json()["message"]["id"])
        try:
            at, state = await asyncio.wait_for(settled, _LONGEST)
        except TimeoutError:
            self._tally.unheard += 1
            return
        self._tally.replies.append(at - begun)
        self._tally.unanswered += state != "answered"

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                async with self._client.stream(
                    "GET", "/api/events", headers=self._cookie, timeout=60
                ) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data: "):
                            self._hear(json.loads(line.removeprefix("data: ")))
            await asyncio.sleep(1)

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("author") == "patient" and message["state"] != "waiting":
            settled = self._waiting_for(message["id"])
            if not settled.done():
                settled.set_result((time.perf_counter(), message["state"]))

    def _waiting_for(self, message_id: str) -> asyncio.Future[tuple[float, str]]:
        """The stream may be ahead of the receipt."""
        found = self._settled.get(message_id)
        if found is None:
            found = self._settled[message_id] = asyncio.get_running_loop().create_future()
        return found


def _processor(ours: Installation) -> dict[str, float]:
    parts = {name: processor_seconds(pid) for name, pid in ours.pids().items()}
    return parts | {"this client": processor_seconds(os.getpid())}


def _tell(patients: int, tally: Tally, used: dict[str, float]) -> None:
    print(f"load {patients} patients, each a message every {EVERY:.0f} s")
    print(f"load receipt {spread(tally.receipts, 0.5, 0.95)}")
    slow = percentile(tally.replies, 0.95)
    print(f"load reply {spread(tally.replies, 0.5, 0.95)} {goal(slow < 2, 'p95 < 2 s')}")
    wrong = len(tally.refused) + tally.unanswered + tally.unheard
    kinds = ", ".join(sorted(set(tally.refused))) or "none"
    print(
        f"load errors {wrong} of {len(tally.receipts) + len(tally.refused)}: refused "
        f"{len(tally.refused)} ({kinds}), unanswered {tally.unanswered}, not on the stream "
        f"{tally.unheard} {goal(not wrong, '0')}"
    )
    shares = ", ".join(f"{name} {share * 100:.0f} %" for name, share in used.items())
    print(f"load processor, 100 % is one core: {shares}")
