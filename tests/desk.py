"""A browser at the clinician's desk, and things to find there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyotp
from fastapi.testclient import TestClient
from httpx import Response

from bot.risk.levels import Level
from clinic.console.desk import COOKIE
from clinic.console.sign_in import access, proofs
from clinic.conversation import delivery
from clinic.conversation.learned import keep_record
from clinic.escalation import machine
from clinic.records.models import Audit, Heartbeat, Message, Patient, RiskAssessment, Staff
from tests.builders import World


class Browser:
    """One browser. Forms are sent with what the last page held, as a person would."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client = TestClient(world.edge, follow_redirects=False)
        self.last = ""

    def sign_in(self, staff: Staff) -> Browser:
        """A live session, without the steps that test_console_sign_in covers."""
        with self._world.system.database.write() as session:
            token = access.start(self._world.system, session, staff.id)
        self._client.cookies.set(COOKIE, token, path="/console")
        return self

    @property
    def token(self) -> str:
        return self._client.cookies.get(COOKIE) or ""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        response: Response = self._client.get(path, headers=headers)
        self.last = response.text
        return response

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **options: Any) -> Response:
        """A form with the session's own token unless ``fields`` gives another."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.last)
        body = {"csrf": found.group(1) if found else ""} | dict(fields or {})
        response: Response = self._client.post(path, data=body, **options)
        self.last = response.text
        return response


def message(
    world: World,
    patient: Patient,
    text: str,
    *spans: tuple[str, str, str],
    author: str = "patient",
    unscreened: bool = False,
    screened: bool = True,
    **fields: Any,
) -> Message:
    """A stored message; each span is (words it marks, rule, level)."""
    conversation_id = world.conversation(patient)
    evidence = [
        {
            "start": text.index(words),
            "end": text.index(words) + len(words),
            "rule": rule,
            "version": 1,
            "category": "suicide",
            "level": level,
            "reason": f"reason of {rule}",
        }
        for words, rule, level in spans
    ]
    level = max([Level.of(s[2]) for s in spans], default=Level.none)
    level = Level.urgent if unscreened else level
    with world.system.database.write() as session:
        conversation = delivery.locked(session, conversation_id)
        stored = delivery.append(world.system, session, conversation, author, text, **fields)
        if author == "patient" and screened:
            session.add(
                RiskAssessment(
                    message_id=stored.id,
                    level=level.name,
                    conversation_level=level.name,
                    categories=["suicide"] if spans else [],
                    evidence=evidence,
                    score=None,
                    rules="test",
                    unscreened=unscreened,
                    created_at=world.clock.now(),
                )
            )
        if level >= Level.urgent:
            machine.raise_alert(
                world.system, session, conversation, level, ["suicide"], "test", stored.id
            )
    return stored


def alert(world: World, patient: Patient, level: str = "urgent") -> str:
    """An alert of this level, from a message that says so; its id."""
    message(world, patient, f"words that are {level}", ("words", "test.rule", level))
    with world.system.database.read() as session:
        running = machine.running_for(session, patient.id)
    assert running is not None
    return running.id


def record(world: World, patient: Patient, kind: str, key: str, data: dict[str, Any]) -> None:
    """Something the dialogue learned."""
    stored = message(world, patient, "words of a form")
    with world.system.database.write() as session:
        conversation = delivery.locked(session, world.conversation(patient))
        keep_record(
            world.system,
            session,
            conversation,
            stored,
            {"kind": kind, "key": key, "data": data},
        )


def read_week(browser: Browser, most: int) -> tuple[int, int]:
    """Open and mark everything unread, patient after patient, as a therapist would by M and U.
    Returns how many patients and how many pages it took."""
    seen: set[str] = set()
    pages = 0
    while True:
        answer = browser.get("/console/review")
        place = answer.headers.get("location", "")
        if not place or (place not in seen and len(seen) == most):
            return len(seen), pages
        seen.add(place)
        while found := _last_unread(browser.get(place).text):
            pages += 1
            marked = browser.post(place.removesuffix("review") + "reviewed", {"seq": found})
            assert marked.status_code == 303, marked.text
            place_now = marked.headers["location"].partition("#")[0]
            if "start=" in place_now:
                break


def _last_unread(page: str) -> str:
    """The place that "Mark this page as read" marks; empty when there is nothing to mark."""
    found = re.search(r'form="mark" name="seq" value="(\d+)" data-key="m"', page)
    return found[1] if found else ""


def authenticator(world: World, staff: Staff) -> pyotp.TOTP:
    """The phone of somebody who has set one up."""
    with world.system.database.write() as session:
        row = session.get_one(Staff, staff.id)
        row.totp_sealed, row.totp_step = proofs.fresh_secret(world.system, staff.id), 0
        return pyotp.TOTP(proofs.opened(world.system, staff.id, row.totp_sealed))


def heartbeat(world: World) -> None:
    with world.system.database.write() as session:
        session.merge(Heartbeat(name="engine", at=world.clock.now(), detail={}))


def audit(world: World, action: str) -> list[Audit]:
    with world.system.database.read() as session:
        return list(session.query(Audit).filter(Audit.action == action).order_by(Audit.seq))


def in_order(page: str, words: Iterable[str]) -> bool:
    places = [page.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def shown(page: str) -> str:
    """What a reader sees: no tags, entities resolved, spaces single."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
