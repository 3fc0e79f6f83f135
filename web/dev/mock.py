"""A stand-in for the edge, for working on the two surfaces: docs/architecture/api.md, in memory.

    uv run python web/dev/mock.py [PORT]        (after `npm run build` in web/)

Open http://127.0.0.1:8200/chat#i=SCENE, where SCENE is one of the names in SCENES below, or
http://127.0.0.1:8200/mock/desk and /mock/clinic (a page that embeds the chat). What is written
decides what happens: words about dying bring the card, "slow" is answered late, "fail" is refused
three times, "unheard" is stored and not answered, "long" is refused, "human" brings a clinician.
`/mock/break?events=1&state=1&posts=1` breaks parts of it, `/mock/break` mends them;
`/mock/break?rows=1` adds a row to the desk's queue.
"""

from __future__ import annotations

import json
import mimetypes
import queue
import sys
import threading
import time
import urllib.parse
import uuid
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot.content import registry
from clinic.patient.api import page_words

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "clinic" / "static"
PAGES = Environment(
    loader=FileSystemLoader([ROOT / "clinic/patient/templates", ROOT / "web/dev"]),
    autoescape=select_autoescape(),
)
PAGES.globals["lang"] = "en"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
CLINIC = {"name": "Harbor Clinic", "phone": "+1 555 010 0199"}
HELP = {
    "text": "If you may be in danger, use these now.",
    "lines": [
        {
            "label": "Call 988",
            "note": "Suicide & Crisis Lifeline, day and night",
            "href": "tel:988",
        },
        {"label": "Text 988", "note": "The same people, by text message", "href": "sms:988"},
        {"label": "Call 911", "note": "Any emergency", "href": "tel:911"},
    ],
}
NOTICE = [
    "I'm Afterglow, an automated program. I'm not a person.",
    "Your care team at Harbor Clinic can read what you write here.",
    "If your words show that you may be in danger, I tell a clinician at once.",
    "I'm not an emergency service. In an emergency call 911 or 988.",
    "You can stop, skip a question or ask for a person at any time.",
]
FOUR = [("hard", "It was hard"), ("mixed", "Some of both"), ("good", "It was good")]
ASK = [("yes", "Yes"), ("later", "Later today"), ("skip", "Skip")]
CARD = (
    "If you might act on thoughts of ending your life, call or text 988 now. "
    "In immediate danger, call 911.\n\n"
    "Is anyone with you right now? You can write it here."
)


class Room:
    """One conversation, and everyone listening to it."""

    def __init__(self, scene: str) -> None:
        self.lock = threading.RLock()
        self.listeners: list[queue.Queue[tuple[str, Any]]] = []
        self.messages: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.refusals: dict[str, int] = {}
        self.place, self.stage, self.mode = "Day 1 after infusion 3", "day_1", "bot"
        self.human: dict[str, str] | None = None
        self.alert: dict[str, Any] | None = None
        self.staffed = True
        SCENES.get(scene, SCENES["evening"])(self)

    def state(self) -> dict[str, Any]:
        return {
            "clinic": CLINIC,
            "patient": {"name": "Sam"},
            "place": self.place,
            "stage": self.stage,
            "mode": self.mode,
            "human": self.human,
            "help": HELP,
            "alert": self.alert,
            "staffed": self.staffed,
            "notice_due": False,
            "messages": self.messages[-50:],
            "more": len(self.messages) > 50,
        }

    def add(self, author: str, text: str, ago: float = 0, **rest: Any) -> dict[str, Any]:
        with self.lock:
            at = datetime.now(UTC) - timedelta(minutes=ago)
            message = {
                "id": uuid.uuid4().hex,
                "seq": len(self.messages) + 1,
                "author": author,
                "name": rest.get("name"),
                "role": rest.get("role"),
                "kind": rest.get("kind", "say"),
                "text": text,
                "at": at.isoformat().replace("+00:00", "Z"),
                "content": rest.get("content"),
                "choices": [{"id": i, "title": t} for i, t in rest.get("choices", [])],
                "breath": rest.get("breath"),
                "state": rest.get("state"),
                "key": rest.get("key"),
            }
            self.messages.append(message)
            self.push("message", message)
            return message

    def push(self, event: str, data: Any) -> None:
        for listener in list(self.listeners):
            listener.put((event, data))

    def lee(self, text: str, ago: float = 0) -> None:
        self.add("staff", text, ago, name="Dr. Lee", role="Therapist")


def evening(room: Room) -> None:
    room.place, room.stage = "Evening after infusion 3", "evening"
    room.add("bot", "Good evening, Sam. Your third infusion was today.", 1510)
    room.add("bot", "There is nothing you need to work out tonight. Rest comes first.", 1509)
    room.add("patient", "Thanks. I'm pretty tired.", 1505, state="answered")
    room.add("bot", "Then let this wait. I'll ask again tomorrow, once, at ten.", 1505)
    room.add("bot", "Hello again. How was the time after you got home?", 42)
    room.add(
        "patient",
        "Strange but calm. There was a moment where I was on the old pier with my dad, "
        "and it felt like he had already forgiven me. I cried a lot, in a good way I think.",
        40,
        state="answered",
    )
    room.add(
        "bot", "Thank you for writing that down. A pier, your dad, and something forgiven.", 39
    )
    room.add("bot", "Would you like to write more about that moment?", 39, kind="ask", choices=ASK)


def first(room: Room) -> None:
    room.place, room.stage = "Before your first infusion", "preparation"
    room.add("bot", "Hello Sam. I'm Afterglow, an automated program.", 0, kind="say")
    room.add(
        "bot",
        "What would you like to do first?",
        0,
        kind="ask",
        choices=[
            ("prepare", "Prepare for my infusion"),
            ("question", "Ask a question"),
            ("human", "Talk to a person"),
            ("skip", "Skip"),
        ],
    )


def crisis(room: Room) -> None:
    evening(room)
    room.add(
        "patient", "I keep thinking they would all be better off without me", 3, state="answered"
    )
    room.add("bot", CARD, 3, kind="card")
    room.alert = {
        "level": "emergency",
        "told": "Your care team was alerted at 9:04 pm.",
        "seen": "Dr. Lee saw this at 9:06 pm.",
    }


def human(room: Room) -> None:
    crisis(room)
    room.mode, room.human = "human", {"name": "Dr. Lee", "role": "Therapist"}
    room.lee("Hi Sam, this is Dr. Lee from Harbor. I read what you wrote.", 2)
    room.lee("I would like to call you. Is the number ending in 0142 still right?", 2)
    room.add("patient", "yes. that one", 1, state="waiting")


def recovery(room: Room) -> None:
    room.place, room.stage = "Recovery after infusion 3", "recovery"
    room.add("bot", "Your session is over.", 12)
    room.add(
        "bot",
        "You're in the clinic. Rest now. How are you?",
        1,
        kind="ask",
        choices=[("ok", "I'm okay"), ("unwell", "I don't feel well"), ("skip", "Skip")],
    )


def infusion(room: Room) -> None:
    room.place, room.stage = "Infusion 3", "infusion"
    room.add("bot", "Your session is about to start. I'll be quiet until it is over.", 5)


def breathing(room: Room) -> None:
    evening(room)
    asked = registry().item("breathing.breathe")
    room.add(
        "bot",
        asked.variants[0],
        1,
        kind="ask",
        breath=dict(asked.breath or {}),
        choices=[(choice.id, choice.title) for choice in asked.choices],
    )


def silent(room: Room) -> None:
    evening(room)
    room.staffed = False


def hard(room: Room) -> None:
    """Long words, long messages, other scripts, markup that must stay text."""
    room.place = "Day 4 after your seventeenth infusion, before the maintenance visit"
    room.add(
        "patient", "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaargh" * 2, 30
    )
    room.add("patient", "<b>not bold</b> <img src=x onerror=alert(1)> {{ 7 * 7 }} /restart", 29)
    room.add("patient", "شعرت بالهدوء اليوم، ثم تذكرت البحر. 3 مرات.", 28)
    room.add("patient", "Zażółć gęślą jaźń. ¿Qué pasó? 今日は静かでした。", 27)
    room.add("bot", "That is a lot to carry. " * 12, 26)
    room.add("patient", "line one\n\nline three\n- and a list\n- of things", 25, state="answered")
    room.add("system", "Your clinic changed the time of your next visit.", 20, kind="notice")
    room.add(
        "bot",
        "Which of these is nearest?",
        19,
        kind="ask",
        choices=[
            ("a", "Something that took me by surprise and has stayed with me since then"),
            ("b", "A body feeling"),
            ("c", "Nothing in particular"),
            ("d", "Other"),
            ("skip", "Skip"),
        ],
    )


def many(room: Room) -> None:
    for day in range(12, 0, -1):
        for turn in range(6):
            who = "bot" if turn % 2 == 0 else "patient"
            room.add(
                who,
                f"Words number {turn + 1} of {day} days ago.",
                day * 1440 - turn,
                state="answered" if who == "patient" else None,
            )
    evening(room)


SCENES = {
    "evening": evening,
    "first": first,
    "crisis": crisis,
    "human": human,
    "recovery": recovery,
    "infusion": infusion,
    "breathing": breathing,
    "silent": silent,
    "hard": hard,
    "many": many,
}
STARTED = datetime.now(UTC)
ROOMS: dict[str, Room] = {}
BROKEN: set[str] = set()


def answer(room: Room, message: dict[str, Any], text: str) -> None:
    """What the companion would do, some seconds later."""
    words = text.lower()
    if room.mode == "human":
        time.sleep(1.5)
        room.push("typing", {"who": "staff"})
        time.sleep(3)
        room.lee("Thank you. I'm calling you now.")
        return
    time.sleep(8 if "slow" in words else 1.2)
    if "unheard" in words:
        message["state"] = "unanswered"
        room.push("message", message)
        return
    message["state"] = "answered"
    room.push("message", message)
    if "die" in words or "better off" in words:
        time.sleep(1)
        room.alert = {
            "level": "emergency",
            "told": "Your care team was alerted just now.",
            "seen": None,
        }
        room.push("state", room.state())
        room.add("bot", "Is someone with you right now?", kind="ask", choices=ASK)
        time.sleep(4)
        room.alert = {**room.alert, "seen": "Dr. Lee saw this just now."}
        room.push("state", room.state())
    elif "human" in words:
        room.mode, room.human = "human", {"name": "Dr. Lee", "role": "Therapist"}
        room.push("state", room.state())
        room.lee("Hi Sam, this is Dr. Lee. What is on your mind?")
    elif "stop" in words:
        room.add("bot", "Stopped. Nothing is lost. I'm here when you want to go on.")
    else:
        room.add("bot", "Thank you. I have kept that in your journal.")
        time.sleep(0.6)
        room.add(
            "bot",
            "How did the session feel, all in all?",
            kind="ask",
            choices=[*FOUR, ("skip", "Skip")],
        )


class Edge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/mock/break":
            BROKEN.clear()
            BROKEN.update(query)
            return self.say(200, {"broken": sorted(BROKEN)})
        if url.path == "/chat":
            return self.page("chat.html")
        if url.path in {"/mock/desk", "/mock/sign-in", "/mock/clinic", "/mock/form"}:
            return self.page(url.path.removeprefix("/mock/") + ".html")
        if url.path == "/mock/rows":
            return self.page("rows.html", extra="rows" in BROKEN)
        if url.path == "/embed.js" or url.path.startswith("/static/"):
            return self.file(STATIC / url.path.removeprefix("/static").lstrip("/"))
        if url.path == "/api/notice":
            lines = [
                {"content": f"notice.{i}", "version": 1, "text": t} for i, t in enumerate(NOTICE)
            ]
            return self.say(200, {"clinic": CLINIC["name"], "lines": lines, "help": HELP})
        if url.path == "/mock/events":
            return self.events(None)
        room = self.room()
        if room is None:
            return self.problem(401, "No session")
        if url.path == "/api/state":
            return self.problem(503, "Broken") if "state" in BROKEN else self.say(200, room.state())
        if url.path == "/api/messages":
            older = [m for m in room.messages if m["seq"] < int(query["before"])]
            return self.say(200, {"messages": older[-50:], "more": len(older) > 50})
        if url.path == "/api/events":
            return self.problem(503, "Broken") if "events" in BROKEN else self.events(room)
        return self.problem(404, "Not found")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        body = json.loads(raw) if raw and "json" in self.headers.get("Content-Type", "") else {}
        if self.path == "/api/session":
            if body.get("invitation") not in SCENES:
                return self.problem(404, "Not found")
            session = uuid.uuid4().hex
            ROOMS[session] = Room(body["invitation"])
            cookie = f"afterglow_patient={session}; HttpOnly; SameSite=Strict; Path=/"
            return self.say(201, ROOMS[session].state(), cookie)
        room = self.room()
        if room is None:
            return self.problem(401, "No session")
        if self.path == "/api/session/end":
            ROOMS.pop(self.session(), None)
            return self.say(204, None)
        if self.path in {"/api/opened", "/api/typing"}:
            return self.say(204, None)
        if self.path == "/api/messages":
            return self.post(room, body)
        return self.problem(404, "Not found")

    def post(self, room: Room, body: dict[str, Any]) -> None:
        key = self.headers["Idempotency-Key"]
        if key in room.answers:
            return self.say(202, room.answers[key])
        text = body.get("text")
        if text is None:
            asked = next(m for m in room.messages if m["id"] == body["message"])
            text = next(c["title"] for c in asked["choices"] if c["id"] == body["choice"])
        if "posts" in BROKEN:
            return self.problem(503, "Broken")
        if "fail" in text.lower() and room.refusals.setdefault(key, 0) < 3:
            room.refusals[key] += 1
            return self.problem(503, "Broken")
        if "long" in text.lower():
            return self.problem(413, "Too long")
        message = room.add("patient", text, state="waiting", key=key)
        replies = []
        if "die" in text.lower():
            room.alert = {"level": "emergency", "told": None, "seen": None}
            replies.append(room.add("bot", CARD, kind="card"))
            room.push("state", room.state())
        room.answers[key] = {"message": message, "replies": replies}
        threading.Thread(target=answer, args=(room, message, text), daemon=True).start()
        return self.say(202, room.answers[key])

    def events(self, room: Room | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        waiting: queue.Queue[tuple[str, Any]] = queue.Queue()
        if room:
            room.listeners.append(waiting)
        try:
            self.wfile.write(b"retry: 2000\n\n")
            while "events" not in BROKEN:
                try:
                    event, data = waiting.get(timeout=1)
                    lines = f"id: {time.time_ns()}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
                    self.wfile.write(lines.encode())
                except queue.Empty:
                    self.wfile.write(b": still here\n\n" if room else b"event: queue\ndata: {}\n\n")
                self.wfile.flush()
        except OSError:
            pass
        finally:
            if room:
                room.listeners.remove(waiting)

    def session(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("afterglow_patient")
        return cookie.value if cookie else ""

    def room(self) -> Room | None:
        return ROOMS.get(self.session())

    def page(self, name: str, **rest: Any) -> None:
        page = PAGES.get_template(name).render(
            clinic_name=CLINIC["name"],
            help=HELP,
            words=page_words(registry()),
            asset=lambda n: f"/static/{n}",
            ago=lambda m: (STARTED - timedelta(minutes=m)).isoformat(),
            **rest,
        )
        self.send(200, "text/html; charset=utf-8", page.encode())

    def file(self, path: Path) -> None:
        path = path.resolve()
        if not path.is_relative_to(STATIC) or not path.is_file():
            return self.problem(404, "Not found")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return self.send(200, kind, path.read_bytes())

    def problem(self, status: int, title: str) -> None:
        body = json.dumps({"type": "about:blank", "title": title, "status": status}).encode()
        self.send(status, "application/problem+json", body)

    def say(self, status: int, body: Any, cookie: str | None = None) -> None:
        raw = b"" if status == 204 else json.dumps(body).encode()
        self.send(status, "application/json", raw, cookie)

    def send(self, status: int, kind: str, body: bytes, cookie: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("Cache-Control", "no-store")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: this is looked at, not read."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8200
    print(f"http://127.0.0.1:{port}/chat#i=evening")
    ThreadingHTTPServer(("127.0.0.1", port), Edge).serve_forever()
