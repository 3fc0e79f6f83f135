"""The assistant as the edge meets it: one trained model, one loopback server, turns over HTTP.

Run with the assistant's own Python: ``bot/rasa/.venv/bin/python -m pytest tests/rasa``.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import os
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)

SECRET = "a-secret-for-tests-only-0123456789"
os.environ["AFTERGLOW_ASSISTANT_SECRET"] = SECRET
os.environ["AFTERGLOW_TRACKER_KEY"] = base64.b64encode(bytes(range(32))).decode()

from bot import content, contract, measures  # noqa: E402
from bot.rasa import logs  # noqa: E402

if importlib.util.find_spec("rasa") is None:
    # The clinic service's own run collects the whole of tests/ on another Python.
    collect_ignore_glob = ["*"]
else:
    logs.quiet()

CLINIC = {
    "clinic_name": "Harbor Clinic",
    "emergency_number": "911",
    "crisis_line": "988",
    "crisis_text": "988",
    "crisis_how": "call or text",
    "reads_within": "2 working days",
    "clinic_open": "is open now",
    "after_effects": "4 hours",
}
#: How the screener begins.
SCREENER = ["safety.screen_intro", "measure.cssrs_screener.1"]
START = datetime(2026, 11, 20, 9, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="session")
def model() -> Path:
    """The model for today's files; trained once, and again only when they change."""
    from bot.rasa import train

    return train.train().path(train.MODELS)


@pytest.fixture(scope="session")
def agent(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from bot.rasa import launcher
    from bot.rasa.tracker_store import EncryptedTrackerStore

    file = tmp_path_factory.mktemp("assistant") / "assistant.db"
    return launcher.load(model, EncryptedTrackerStore(url=f"sqlite:///{file}"))


@dataclass
class Server:
    """The application on a loopback port, in a thread of its own."""

    url: str
    app: Any
    loop: asyncio.AbstractEventLoop

    def post(self, body: Any, secret: str | None = SECRET) -> tuple[int, dict[str, Any], str]:
        return self._post("turn", body, secret)

    def expect(self, body: Any, secret: str | None = SECRET) -> tuple[int, dict[str, Any], str]:
        return self._post("expect", body, secret)

    def forget(self, body: Any, secret: str | None = SECRET) -> tuple[int, dict[str, Any], str]:
        return self._post("forget", body, secret)

    def _post(self, name: str, body: Any, secret: str | None) -> tuple[int, dict[str, Any], str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/webhooks/afterglow/{name}", data)  # noqa: S310
        if secret is not None:
            request.add_header("Authorization", f"Bearer {secret}")
        return self._send(request)

    def get(self, path: str) -> tuple[int, dict[str, Any], str]:
        return self._send(urllib.request.Request(f"{self.url}{path}"))  # noqa: S310

    @staticmethod
    def _send(request: urllib.request.Request) -> tuple[int, dict[str, Any], str]:
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
                return reply.status, json.load(reply), reply.headers["content-type"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), error.headers["content-type"]


@pytest.fixture(scope="session")
def server(agent: Any) -> Iterator[Server]:
    from bot.rasa import launcher

    app = launcher.application(agent, "afterglow_tests")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    loop = asyncio.new_event_loop()
    up = threading.Event()

    async def start() -> Any:
        serving = await app.create_server(
            host="127.0.0.1", port=port, return_asyncio_server=True, access_log=False
        )
        await serving.startup()
        up.set()
        return serving

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(30)
    yield Server(f"http://127.0.0.1:{port}", app, loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@dataclass
class Talk:
    """One patient's conversation. ``says`` posts a turn and returns what came back."""

    server: Server
    name: str
    stage: str = "day_1"
    hours: float | None = 24.0
    infusion: int | None = 1
    now: datetime = START
    count: int = 0
    said: list[dict[str, Any]] = field(default_factory=list)
    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    phrases: list[str] = field(default_factory=list)
    #: What the edge would know of measures and of the safety plan.
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    plan: dict[str, str] = field(default_factory=dict)

    def says(self, text: str, **options: Any) -> Reply:
        return self._send({"kind": "text", "text": text}, **options)

    def opens(self, **options: Any) -> Reply:
        return self._send({"kind": "open", "text": ""}, **options)

    def taps(self, choice: str, **options: Any) -> Reply:
        """Tap the button with this id on the last message."""
        shown = content.registry().item(self.said[-1]["content"])
        found = shown.choice(choice)
        assert found, f"{shown.id} has no choice {choice}"
        message = {"kind": "choice", "text": found.title, "payload": found.payload}
        if shown.measure and found.value is not None:
            self._answered(*shown.measure, found.value)
        return self._send(message, **options)

    def types(self, words: str, **options: Any) -> Reply:
        """Type words that the edge, too, takes for an answer to the open question."""
        shown = content.registry().item(self.said[-1]["content"])
        found = shown.choice_typed(words)
        if shown.measure and found and found.value is not None:
            self._answered(*shown.measure, found.value)
        return self.says(words, **options)

    def _answered(self, name: str, item: str, value: int) -> None:
        state = self.measures[name]
        state["answers"][item] = value
        whole = measures.score(measures.measures()[name], state["answers"]).complete
        state["state"] = "complete" if whole else "draft"

    def turn(
        self,
        message: dict[str, Any],
        risk: str = "none",
        categories: tuple[str, ...] = (),
        after: float = 60,
        lasting: str | None = None,
        **context: Any,
    ) -> dict[str, Any]:
        self.count += 1
        self.now += timedelta(seconds=after)
        return {
            "version": contract.VERSION,
            "id": f"{self.name}-{self.count}",
            "conversation": self.name,
            "message": message,
            "context": {
                "now": self.now.isoformat(),
                "locale": "en",
                "stage": self.stage,
                "hours_since_infusion": self.hours,
                "infusion_number": self.infusion,
                "intention": None,
                "clinic": CLINIC,
                "phrases_used": self.phrases[-50:],
                "risk": {
                    "level": risk,
                    "conversation_level": lasting or risk,
                    "categories": list(categories),
                },
                "measures": self.measures,
                "safety_plan": self.plan,
                **context,
            },
        }

    def _send(self, message: dict[str, Any], **options: Any) -> Reply:
        status, body, _ = self.server.post(self.turn(message, **options))
        assert status == 200, body
        reply = Reply(body)
        self.said += body["messages"]
        self.phrases += [f"{m['content']}#{m['variant']}" for m in body["messages"]]
        for record in body["records"]:
            self.records[record["kind"], record["key"]] = record["data"]
            self._keep(record["kind"], record["data"])
        for name in reply.ids:
            asked = content.registry().item(name).measure
            if asked:
                begun = {"state": "draft", "asked": [], "answers": {}, "hours": 0.0}
                self.measures.setdefault(asked[0], begun)["asked"].append(asked[1])
        return reply

    def _keep(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "instrument_answer":
            self._answered(data["instrument"], data["item"], data["value"])
        elif kind == "safety_plan_part":
            self.plan[data["part"]] = data["text"]

    def record(self, kind: str) -> dict[str, Any]:
        """The newest record of a kind."""
        return [data for (found, _), data in self.records.items() if found == kind][-1]

    def parts(self) -> dict[str, tuple[str, str | None]]:
        """The entry so far: question -> (state, text)."""
        return {
            part["prompt"].removeprefix("reflection."): (part["state"], part.get("text"))
            for part in self.record("journal_entry")["parts"]
        }


class Reply:
    """What came back: content ids in order, the sentences, the records."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = contract.check_reply(body)
        self.ids = [message["content"] for message in body["messages"]]
        self.text = "\n".join(
            content.registry().render(m["content"], m["variant"], m["values"])
            for m in body["messages"]
        )
        self.records = body["records"]

    @property
    def last(self) -> str:
        return self.ids[-1] if self.ids else ""

    def tasks(self) -> list[tuple[str, str]]:
        return [
            (record["data"]["task"], record["data"]["urgency"])
            for record in self.records
            if record["kind"] == "clinic_task"
        ]


@pytest.fixture
def talk(server: Server, request: pytest.FixtureRequest) -> Talk:
    # Of the file too: two tests of one name in two files must not meet in one conversation.
    place = f"{request.node.path.stem}.{request.node.name}"
    return Talk(server, place[:100])
