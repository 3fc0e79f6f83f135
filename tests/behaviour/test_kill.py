"""SIGKILL, again and again, at any instant: no message lost, no risk without an alert, no alert
without a notification (invariant I1). Real processes, brought back by the real supervisor."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from clinic import supervisor
from clinic.records.models import (
    Escalation,
    EscalationMessage,
    Message,
    Outbox,
    RiskAssessment,
)
from clinic.settings import load
from clinic.system import assemble
from tests.builders import World, free_ports

KILLS = 10
#: Seconds: no figure of ours, only the end of waiting on a machine that is busy with other tests.
PATIENCE = 180.0
RISK = "I want to kill myself tonight, number {}"
CALM = "the light stayed with me, number {}"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with whole_system(tmp_path, monkeypatch) as started:
        yield started


@contextlib.contextmanager
def whole_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A whole system under the real supervisor, with the played assistant as a process."""
    monkeypatch.setenv("AFTERGLOW_HOME", str(tmp_path))
    edge, assistant = free_ports(2)
    monkeypatch.setenv("AFTERGLOW_PORT", str(edge))
    monkeypatch.setenv("AFTERGLOW_ASSISTANT_PORT", str(assistant))
    monkeypatch.setenv("AFTERGLOW_CLOCK_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("AFTERGLOW_TURN_DEADLINE", "2")
    # Calm words must not count as urgent because the machine is slow.
    monkeypatch.setenv("AFTERGLOW_SCREEN_DEADLINE", "60")
    settings = load()
    port = settings.assistant_url.rpartition(":")[2]
    monkeypatch.setattr(
        supervisor,
        "assistant_command",
        lambda _s: [sys.executable, "-m", "tests.behaviour.peer", port],
    )
    system = assemble(settings)
    system.database.migrate()
    world = World.furnish(system)
    keeper = supervisor.Supervisor(settings, lambda _text: None)
    for part in keeper.parts:
        part.pause = 0.05
    keeper.start()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            for part in keeper.parts:
                part.pause = min(part.pause, 0.1)
                keeper._look_after(part)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield world, keeper
    finally:
        stop.set()
        watcher.join()
        keeper.stop()
        system.database.close()


def test_nothing_is_lost_when_processes_are_killed_at_random(running):
    storm(*running, kill_a_part)


def storm(world: World, keeper, strike) -> None:
    """A patient writes while ``strike(keeper, chance)`` hits at random; then all is counted."""
    settings = world.system.settings
    world.staff("Noor", "on_call", on_call=True)
    patient = world.patient()
    conversation = world.conversation(patient)
    token = world.session(patient).token
    accepted: list[str] = []
    chance = random.Random(20261120)
    over = threading.Event()
    killer = threading.Thread(target=_at_random, args=(keeper, chance, strike, accepted, over))
    killer.start()
    with httpx.Client(base_url=settings.public_url, trust_env=False, timeout=5) as client:
        client.cookies.set("afterglow_patient", token)
        number = 0
        while not over.is_set():
            number += 1
            text = (RISK if number % 3 == 0 else CALM).format(number)
            _send_until_accepted(client, text, f"key-number-{number}")
            accepted.append(text)
    killer.join()

    # The clock jumps past every lease: whatever a killed process held is free to be taken up.
    (settings.home / "clock").write_text("600")
    _until(lambda: not _waiting(world), why=lambda: f"still waiting: {_waiting(world)}")
    sent = _all_sent(world)

    said = [text for author, text in world.messages(conversation) if author == "patient"]
    assert said == accepted, "each accepted message once, in order"
    with world.system.database.read() as session:
        messages = session.scalar(select(func.count()).where(Message.author == "patient"))
        assert session.scalar(select(func.count()).select_from(RiskAssessment)) == messages
        worrying = session.scalars(
            select(RiskAssessment.message_id).where(
                RiskAssessment.level.in_(["urgent", "emergency"])
            )
        ).all()
        assert len(worrying) == sum("kill myself" in text for text in accepted) > 0
        tied = set(session.scalars(select(EscalationMessage.message_id)))
        assert set(worrying) <= tied
        alert = session.scalars(select(Escalation)).one()
        about = [row for row in sent if row.escalation_id == alert.id]
        assert {row.state for row in about} == {"sent"}
        verdict = world.system.audit.verify(session)
    assert verdict.whole, verdict.says
    mails = list((settings.home / "mail").glob("*.eml"))
    assert len(mails) >= len(about), "what is marked sent was delivered"


def _at_random(
    keeper, chance: random.Random, strike, accepted: list[str], over: threading.Event
) -> None:
    """Strike after every few receipts, at a random instant of whatever goes on then."""
    try:
        for _ in range(KILLS):
            reach = len(accepted) + chance.randint(2, 5)
            _until(lambda reach=reach: len(accepted) >= reach)
            over.wait(chance.uniform(0, 0.1))
            strike(keeper, chance)
    finally:
        over.set()


def kill_a_part(keeper, chance: random.Random) -> None:
    part = chance.choice([p for p in keeper.parts if p.name != "mail"])
    process = part.process
    if process is not None and process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)


def _send_until_accepted(client: httpx.Client, text: str, key: str) -> None:
    """As the widget does: the same key again until there is a receipt."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            answer = client.post(
                "/api/messages", json={"text": text}, headers={"Idempotency-Key": key}
            )
        except httpx.HTTPError:
            continue
        if answer.status_code == 202:
            return
    raise AssertionError("no receipt")


def _waiting(world: World) -> list[int]:
    """The numbers of messages that still wait for their turn."""
    with world.system.database.read() as session:
        return list(session.scalars(select(Message.seq).where(Message.turn == "waiting")))


def _all_sent(world: World) -> Sequence[Outbox]:
    """What the outbox holds at a moment when nothing in it still waits to be taken up. One look:
    nobody answers here, so a beat later the engine may call the next person."""
    rows: Sequence[Outbox] = []

    def moving() -> list[tuple[object, ...]]:
        nonlocal rows
        with world.system.database.read() as session:
            rows = session.scalars(select(Outbox)).all()
        return [
            (row.key, row.state, row.attempt, row.due_at, row.last_error)
            for row in rows
            if row.state in {"queued", "sending"}
        ]

    _until(lambda: not moving(), why=lambda: f"still moving: {moving()}")
    return rows


def _until(holds, why=lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"did not come true: {why()}")


def test_a_second_start_on_the_same_port_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("AFTERGLOW_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("AFTERGLOW_PORT", str(taken.getsockname()[1]))
        keeper = supervisor.Supervisor(load(), lambda _text: None)
        with pytest.raises(supervisor.StartError, match=r"AFTERGLOW_PORT=\d+ make run"):
            keeper.start()
