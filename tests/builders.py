"""A small clinic to test against: real database, real rows, a clock moved by hand."""

from __future__ import annotations

import atexit
import base64
import functools
import shutil
import socket
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import select

from clinic import infusions, people
from clinic.app import create_app
from clinic.clock import ManualClock
from clinic.patient import access
from clinic.records.database import Database
from clinic.records.models import Conversation, Message, Patient, Staff, new_id
from clinic.settings import Secrets, Settings
from clinic.system import System, assemble

#: A quiet Tuesday evening, well away from any change of clocks.
NOW = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)


def settings(home: Path, **changes: object) -> Settings:
    """Settings of a test installation; keys are fixed so that files can be reopened."""
    values: dict[str, object] = {
        "home": home,
        "database_url": f"sqlite:///{home / 'clinic.db'}",
        "secrets": Secrets(
            data_keys=(b"d" * 32,),
            audit_key=b"a" * 32,
            lookup_key=b"l" * 32,
            assistant="a-secret-of-the-tests-and-long-enough",
            tracker_key=base64.b64encode(b"t" * 32).decode(),
        ),
        "port": 80,
        "public_url": "http://testserver",
        "assistant_url": "http://127.0.0.1:9",
        # Calm words must not count as urgent because the machine is slow.
        "screen_deadline": 60.0,
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def free_ports(count: int) -> list[int]:
    """Loopback ports nobody uses now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@functools.cache
def _migrated() -> Path:
    """An empty database at the newest schema, migrated once a test run and copied for each test."""
    path = Path(tempfile.mkdtemp(prefix="afterglow-")) / "clinic.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@dataclass
class World:
    """One clinic. Each method adds something to it and returns its id or row."""

    system: System
    clock: ManualClock

    @functools.cached_property
    def edge(self) -> FastAPI:
        """The edge of this clinic, for every browser of a test; to make one takes a while."""
        return create_app(self.system)

    @classmethod
    def make(cls, home: Path, **changes: object) -> World:
        clock = ManualClock(NOW)
        chosen = settings(home, **changes)
        if "database_url" not in changes:
            shutil.copy(_migrated(), home / "clinic.db")
        return cls.furnish(assemble(chosen, clock), clock)

    @classmethod
    def furnish(cls, system: System, clock: ManualClock | None = None) -> World:
        """Found the clinic on a migrated database."""
        with system.database.write() as session:
            people.found_clinic(
                session, "Harbor Clinic", "America/New_York", {"phone": "+1 555 0100"}
            )
        return cls(system, clock or ManualClock(system.clock.now()))

    def staff(self, name: str, *roles: str, on_call: bool = False) -> Staff:
        """Somebody with a verified e-mail address (name@harbor.test)."""
        email = f"{name.lower()}@harbor.test"
        with self.system.database.write() as session:
            person = Staff(
                id=new_id(),
                name=name,
                title="Nurse" if on_call else "Therapist",
                email=email,
                roles=list(roles) or ["therapist"],
                created_at=self.clock.now(),
            )
            session.add(person)
            session.flush()
            people.add_contact(self.system, session, person, "email", email)
            if on_call:
                people.put_on_call(self.system, session, person)
        return person

    def patient(
        self, name: str = "Sam Rivera", therapist: Staff | None = None, touches: bool = True
    ) -> Patient:
        with self.system.database.write() as session:
            patient = people.add_patient(
                self.system, session, name, "America/New_York", "+1 555 0142"
            )
            patient.touches_wanted = touches
            if therapist is not None:
                people.relate(self.system, session, patient, therapist, "therapist")
        return patient

    def infusion(self, patient: Patient, hours_ago: float) -> None:
        """An infusion that ended so many hours ago."""
        end = self.clock.now() - timedelta(hours=hours_ago)
        with self.system.database.write() as session:
            infusions.record(self.system, session, patient, end - timedelta(minutes=50), end)

    def conversation(self, patient: Patient) -> str:
        """The id of the patient's conversation, begun as a patient begins it."""
        with self.system.database.read() as session:
            found = session.scalars(
                select(Conversation.id).where(Conversation.patient_id == patient.id)
            ).first()
        return found or self.session(patient).conversation_id

    def session(self, patient: Patient) -> access.Admission:
        """A remembered session: time travel does not end it."""
        with self.system.database.write() as session:
            token = access.invite(self.system, session, patient.id)
        admission = access.admit(self.system, token, remember=True)
        assert admission is not None
        return admission

    def messages(self, conversation_id: str) -> list[tuple[str, str]]:
        """(author, text) of everything said, in order."""
        with self.system.database.read() as session:
            vault = self.system.vault(session)
            patient_id = session.get_one(Conversation, conversation_id).patient_id
            rows = session.scalars(
                select(Message)
                .where(Message.conversation_id == conversation_id, Message.kind != "open")
                .order_by(Message.seq)
            )
            return [(row.author, vault.text(row, patient_id)) for row in rows]
