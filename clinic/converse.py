"""`afterglow converse`: scripted conversations through the real edge, assistant and database.

Each script gets a fresh system with a manual clock; the assistant process is shared, because a
conversation's id keeps scripts apart. After every turn the engine runs, as it would.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.contract import RISK_LEVELS
from clinic import infusions, people, supervisor
from clinic.app import create_app
from clinic.clock import ManualClock
from clinic.conversation import whereabouts
from clinic.conversation.turn import Turns
from clinic.escalation.engine import Engine
from clinic.notify.email import sink, sink_port
from clinic.patient import access
from clinic.ports import free_port
from clinic.records.models import (
    Escalation,
    Infusion,
    Message,
    Outbox,
    Patient,
    Record,
    RiskAssessment,
    Staff,
    Touch,
)
from clinic.records.vault import Vault
from clinic.scripts import load, span
from clinic.settings import ROOT, Mail, Settings
from clinic.system import System, assemble

START = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
#: What passes before a turn that names no time: somebody reads, thinks and types.
TYPING = "0.5m"
#: How often the engine looks while time passes; over days, less often.
_STRIDE, _LONG_STRIDE = timedelta(minutes=5), timedelta(minutes=30)
_LONG = timedelta(hours=14)
#: Seconds. While its process lives the assistant is loading, slowly on a busy machine; no longer
#: than this, or a start that hangs would hold up a test run for good.
_LOADING_AT_MOST = 900


@dataclass
class Outcome:
    """One script's result: every turn as it went, and what was not as expected."""

    script: str
    failures: list[str] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    #: Every message in order, with its time, stage and author.
    record: list[dict[str, Any]] = field(default_factory=list)


def run(paths: list[Path], settings: Settings, quiet: bool = False) -> list[Outcome]:
    """Drive every script; scripts are read first, so a broken one stops before anything runs."""
    scripts = [load(path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="afterglow-") as folder:
        shared = dataclasses.replace(settings, home=Path(folder), turn_deadline=30.0)
        with _mail(shared) as mail, assistant(shared) as url:
            shared = dataclasses.replace(shared, mail=mail)
            outcomes = []
            for script in scripts:
                outcome = asyncio.run(_drive(script, shared, url))
                outcomes.append(outcome)
                if not quiet:
                    _tell(outcome)
            return outcomes


@contextlib.contextmanager
def _mail(settings: Settings) -> Iterator[Mail]:
    """A mail server that takes everything, so that alerts go out as they would."""
    controller = sink.start(settings.home / "mail")
    try:
        yield Mail(port=sink_port(settings.home))
    finally:
        controller.stop()


@contextlib.contextmanager
def assistant(settings: Settings) -> Iterator[str]:
    """The real assistant on a free loopback port; yields its address once it is ready."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = dataclasses.replace(settings, assistant_url=url)
    log = settings.home / "assistant.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own launcher
            supervisor.assistant_command(settings),
            cwd=ROOT,
            env=supervisor.without_keys(supervisor.environment(settings))
            | {"AFTERGLOW_TRACKER_URL": f"sqlite:///{settings.home / 'assistant.db'}"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LOADING_AT_MOST
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise supervisor.StartError("The assistant did not start: " + " | ".join(tail))
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/ready", timeout=1, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise supervisor.StartError("The assistant is running but was not ready within 15 minutes.")


async def _drive(script: dict[str, Any], settings: Settings, url: str) -> Outcome:
    outcome = Outcome(script["name"])
    async with Scene.open(settings, url, script) as scene:
        for number, turn in enumerate(script["turns"], 1):
            await scene.wait(turn.get("after", TYPING))
            if "patient" not in turn:
                await scene.happens(turn)
                continue
            lines = turn["patient"] if isinstance(turn["patient"], list) else [turn["patient"]]
            for line in lines:
                await scene.wait(TYPING if line is not lines[0] else "0m")
                said = await scene.say(line)
                outcome.turns.append({"patient": line, **said})
            outcome.failures += [
                f"turn {number} ({line[:40]!r}): {problem}"
                for problem in compare(turn.get("expect", {}), said)
            ]
        outcome.record = scene.record()
    return outcome


class Scene:
    """A fresh clinic with one patient, and the real application in this process."""

    def __init__(self, system: System, clock: ManualClock, client: httpx.AsyncClient) -> None:
        self.system, self.clock, self._client = system, clock, client
        self._engine = Engine(system)
        self.turns: Turns

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, settings: Settings, url: str, script: dict[str, Any]
    ) -> AsyncIterator[Scene]:
        home = settings.home / secrets.token_hex(8)
        home.mkdir()
        settings = dataclasses.replace(
            settings,
            home=home,
            assistant_url=url,
            database_url=f"sqlite:///{home / 'clinic.db'}",
        )
        clock = ManualClock(START)
        system = assemble(settings, clock)
        system.database.migrate()
        token = _furnish(system, script)
        app = create_app(system)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=settings.public_url) as client,
        ):
            scene = cls(system, clock, client)
            scene.turns = app.state.turns
            await scene._enter(token)
            yield scene
        system.database.close()

    async def wait(self, time: str) -> None:
        """Let time pass, with the engine turning as it would and what it begins being answered."""
        left = span(time)
        stride = _STRIDE if left <= _LONG else _LONG_STRIDE
        while left > timedelta(0):
            step = min(left, stride)
            self.clock.advance(step)
            left -= step
            self._engine.cycle()
            await self.turns.look()
            await self.turns.drain()

    async def happens(self, what: dict[str, Any]) -> None:
        """Something other than words of the patient's."""
        if "planned_in" in what:
            with self.system.database.write() as session:
                start = self.clock.now() + span(what["planned_in"])
                infusions.plan(self.system, session, _only_patient(session), start)
        if "infusion_minutes" in what:
            await self._hold(timedelta(minutes=what["infusion_minutes"]))
        if "opens" in what and (await self._client.post("/api/opened")).status_code == 401:
            await self._enter(self._invite())
        await self.turns.drain()

    async def _hold(self, lasts: timedelta) -> None:
        """The next planned infusion, when its time comes; now, when none is planned."""
        with self.system.database.read() as session:
            planned = [
                infusion.started_at
                for infusion in infusions.of(session, _only_patient(session))
                if infusion.ended_at is None and not infusion.cancelled
            ]
        if planned:
            await self.wait(f"{(planned[0] - self.clock.now()) / timedelta(minutes=1)}m")
        with self.system.database.write() as session:
            infusions.begin(self.system, session, _only_patient(session))
        begun = self.clock.now()
        await self.wait(f"{lasts / timedelta(minutes=1)}m")
        with self.system.database.write() as session:
            infusions.record(self.system, session, _only_patient(session), begun, self.clock.now())

    async def say(self, text: str) -> dict[str, Any]:
        """Send one message and gather what came of it."""
        before, begun = self._newest_seq(), time.perf_counter()
        answer = await self._post(text)
        if answer.status_code == 401:
            # Their session ran out while they were away: they come back by a new link.
            await self._enter(self._invite())
            before, begun = self._newest_seq(), time.perf_counter()
            answer = await self._post(text)
        if answer.status_code != 202:
            return {"level": "none", "replies": [], "alerted": False, "error": answer.json()}
        await self.turns.drain()
        took = time.perf_counter() - begun
        self._engine.cycle()
        return self._what_came(before) | {"seconds": round(took, 4)}

    async def _post(self, text: str) -> httpx.Response:
        return await self._client.post(
            "/api/messages", json={"text": text}, headers={"Idempotency-Key": secrets.token_hex(8)}
        )

    def _invite(self) -> str:
        with self.system.database.write() as session:
            return access.invite(self.system, session, _only_patient(session).id)

    async def _enter(self, token: str) -> None:
        start = {"invitation": token, "adult": True}
        (await self._client.post("/api/session", json=start)).raise_for_status()
        (await self._client.post("/api/opened")).raise_for_status()
        await self.turns.drain()

    def record(self) -> list[dict[str, Any]]:
        """Everything said, by anybody, as the patient saw it, by the patient's clock."""
        with self.system.database.read() as session:
            vault, patient = self.system.vault(session), _only_patient(session)
            zone = ZoneInfo(patient.timezone)
            rows = session.scalars(
                select(Message).where(Message.kind != "open").order_by(Message.seq)
            ).all()
            places = [whereabouts.place(session, patient.id, row.created_at) for row in rows]
            return [
                {
                    "at": row.created_at.astimezone(zone).isoformat(),
                    "stage": place.stage,
                    "infusion": place.number,
                    "author": row.author,
                    "content": row.content,
                    "text": vault.text(row, patient.id),
                    "choices": [choice["title"] for choice in row.choices],
                }
                for row, place in zip(rows, places, strict=True)
            ]

    def _newest_seq(self) -> int:
        with self.system.database.read() as session:
            return session.scalar(select(func.max(Message.seq))) or 0

    def _what_came(self, before: int) -> dict[str, Any]:
        with self.system.database.read() as session:
            vault = self.system.vault(session)
            rows = list(
                session.scalars(select(Message).where(Message.seq > before).order_by(Message.seq))
            )
            mine = next(row for row in rows if row.author == "patient")
            alert = session.scalars(
                select(Escalation)
                .join(Outbox, Outbox.escalation_id == Escalation.id)
                .where(Escalation.state != "resolved")
            ).first()
            patient_id = session.scalars(select(Patient.id)).one()
            replies = [
                {
                    "content": row.content,
                    "text": vault.text(row, patient_id),
                    "choices": [choice["title"] for choice in row.choices],
                }
                for row in rows
                if row.author != "patient"
            ]
            assessed = session.get_one(RiskAssessment, mine.id)
            return {
                "level": assessed.level,
                "rules": [e["rule"] for e in assessed.evidence],
                "replies": replies,
                "alerted": alert is not None,
                "tasks": _tasks(session, vault, mine),
                "visits": bool(
                    session.scalar(
                        select(func.count()).where(
                            Touch.state == "pending", Touch.due_at > self.system.clock.now()
                        )
                    )
                ),
            }


def _tasks(session: Session, vault: Vault, message: Message) -> list[str]:
    """What a message put on the clinic's list."""
    rows = session.scalars(
        select(Record).where(Record.kind == "clinic_task", Record.message_id == message.id)
    )
    return sorted(data["task"] for _, data in vault.documents(list(rows)))


def _only_patient(session: Session) -> Patient:
    return session.scalars(select(Patient)).one()


def compare(expect: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """What a turn did not fulfil, in words."""
    order = RISK_LEVELS.index
    spoken = "\n".join(" ".join([reply["text"], *reply["choices"]]) for reply in said["replies"])
    problems = []
    if "error" in said:
        problems.append(f"the edge refused it: {said['error']}")
    if (least := expect.get("level_min")) and order(said["level"]) < order(least):
        problems.append(f"level {said['level']}, wanted at least {least}")
    if (most := expect.get("level_max")) and order(said["level"]) > order(most):
        problems.append(f"level {said['level']} by {said.get('rules')}, wanted at most {most}")
    problems += [
        f"does not say /{pattern}/; says: {spoken!r}"
        for pattern in expect.get("says", [])
        if not re.search(pattern, spoken, re.IGNORECASE)
    ]
    problems += [
        f"says /{pattern}/: {spoken!r}"
        for pattern in expect.get("says_not", [])
        if re.search(pattern, spoken, re.IGNORECASE)
    ]
    if "tasks" in expect and sorted(expect["tasks"]) != said["tasks"]:
        problems.append(f"on the clinic's list {said['tasks']}, wanted {expect['tasks']}")
    if expect.get("visits", said.get("visits")) != said.get("visits"):
        problems.append("the companion comes by itself" if said["visits"] else "it does not come")
    wanted = expect.get("clinician_alerted")
    if wanted is not None and wanted != said["alerted"]:
        problems.append("no clinician was alerted" if wanted else "a clinician was alerted")
    return problems


def _furnish(system: System, script: dict[str, Any]) -> str:
    """A clinic with somebody on call and one patient; returns the invitation."""
    chosen = {"phone": "+1 555 0100"} | script.get("clinic", {})
    with system.database.write() as session:
        people.found_clinic(session, "Harbor Clinic", "America/New_York", chosen)
        nurse = Staff(
            name="Noor Haddad",
            title="On-call nurse",
            email="noor@harbor.invalid",
            roles=["on_call"],
            created_at=system.clock.now(),
        )
        session.add(nurse)
        session.flush()
        people.add_contact(system, session, nurse, "email", nurse.email)
        people.put_on_call(system, session, nurse)
        patient = people.add_patient(system, session, "Sam Rivera", "America/New_York")
        people.relate(system, session, patient, nurse, "therapist")
        _hold_infusions(system, session, patient, script)
        patient.program = script.get("program", patient.program)
        return access.invite(system, session, patient.id)


def _hold_infusions(
    system: System, session: Session, patient: Patient, script: dict[str, Any]
) -> None:
    now, hours = system.clock.now(), script.get("hours_since_infusion")
    if hours is not None:
        for weeks in range(script.get("earlier_infusions", 0), -1, -1):
            end = now - timedelta(hours=hours, weeks=weeks)
            infusions.record(system, session, patient, end - timedelta(minutes=50), end)
    if (ahead := script.get("hours_until_infusion")) is not None:
        session.add(
            Infusion(
                patient_id=patient.id,
                number=len(infusions.of(session, patient)) + 1,
                started_at=now + timedelta(hours=ahead),
            )
        )
        session.flush()


def _tell(outcome: Outcome) -> None:
    print(f"{'ok  ' if not outcome.failures else 'FAIL'} {outcome.script}")
    for failure in outcome.failures:
        print(f"     {failure}")
