"""Every address of the app, asked by everybody, over real HTTP; what each must get is data.

The rows are access_matrix.yml. An address without a row fails, and so does a row without an
address. Besides the answer, whoever has no reason to read the patient never gets a word or the
name of theirs, whatever is asked; and a refusal is the one that made-up ids get.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.routing import BaseRoute, Mount, Route

from clinic import glass, invitations, people
from clinic.app import create_app
from clinic.console.desk import COOKIE as STAFF
from clinic.console.desk import SIGN_IN
from clinic.console.review.annotations import Notebook
from clinic.console.sign_in import access as staff_access
from clinic.journal import entries
from clinic.patient.access import COOKIE as PATIENT
from clinic.records.models import (
    Conversation,
    Infusion,
    Patient,
    PatientContact,
    Record,
    SavedFilter,
    SecurityKey,
    Staff,
    StaffContact,
    StaffSession,
    new_id,
)
from clinic.touches import plan
from clinic.wake import contacts
from tests.builders import World, free_ports
from tests.desk import alert, message, record

MATRIX = yaml.safe_load(Path(__file__).with_name("access_matrix.yml").read_text(encoding="utf-8"))
ROWS: dict[str, Any] = {
    row: wants if isinstance(wants, dict) else {"kind": wants}
    for row, wants in MATRIX["routes"].items()
}
#: They may see the patient's words and name; nobody else ever does.
READERS = {"patient", "therapist", "supervisor", "on call", "emergency"}
#: Insiders last: what they do may change what there is.
EVERYBODY = sorted(MATRIX["people"], key=lambda who: who in READERS)
#: What is new on every page: the tokens and keys of its forms.
_FRESH = re.compile(r'value="[\w-]{16,}"')
WORDS, NAME = "a zebra crossing the sea", "Quillon Zebrano"


@dataclass
class Clinic:
    """A clinic, the people who may ask, and patients about whom everything there is exists."""

    world: World
    staff: dict[str, Staff]

    @classmethod
    def make(cls, home: Path) -> Clinic:
        world = World.make(home)
        staff = {
            who: world.staff(who.title().replace(" ", ""), *roles, on_call=who == "on call")
            for who, roles in {
                "therapist": ["therapist"],
                "supervisor": ["supervisor"],
                "on call": ["on_call"],
                "emergency": ["therapist"],
                "colleague": ["therapist"],
                "chief": ["supervisor"],
                "admin": ["admin"],
                "ended": ["therapist"],
                "expired": ["therapist"],
                "left": ["therapist"],
            }.items()
        }
        with world.system.database.write() as session:
            session.get_one(Staff, staff["left"].id).active = False
        return cls(world, staff)

    def case(self) -> dict[str, str]:
        """The ids of one patient, and of all that an address can name about them."""
        world, system = self.world, self.world.system
        patient = world.patient(NAME, self.staff["therapist"])
        world.infusion(patient, hours_ago=1)
        message(world, patient, WORDS)
        alert_id = alert(world, patient)
        record(world, patient, "small_step", "step", {"text": WORDS})
        record(world, patient, "clinic_task", "task", {"task": "forms", "urgency": "routine"})
        with system.database.read() as session:
            conversation = session.get_one(Conversation, world.conversation(patient))
        entry = entries.write(
            system, conversation, entries.BLANK, WORDS, "private", "", "entry-key"
        )
        with system.database.write() as session:
            held = session.get_one(Patient, patient.id)
            for who in ("supervisor", "ended"):
                people.relate(system, session, held, self.staff[who], "supervisor")
            ended = self.staff["ended"].id
            people.unrelate(system, session, patient.id, ended, "supervisor", "system")
            rows = {
                who: glass.open_for(system, session, self.staff[who], held, "other", "A reason.")
                for who in ("emergency", "expired", "therapist")
            }
            rows["expired"].until = world.clock.now()
            therapist = session.get_one(Staff, self.staff["therapist"].id)
            book = Notebook(system, session, patient.id, therapist)
            note = book.add("note", None, f"He saw {WORDS}.")
            own = StaffContact.staff_id == self.staff["therapist"].id
            way = PatientContact(
                id=new_id(), patient_id=patient.id, channel="email", address_hash=patient.id
            )
            way.address_sealed = system.vault(session).seal(
                patient.id, "patient_contact", "address", way.id, "sam@home.test"
            )
            session.add(way)
            step = (Record.patient_id == patient.id) & (Record.kind == "small_step")
            task = (Record.patient_id == patient.id) & (Record.kind == "clinic_task")
            held_one = Infusion.patient_id == patient.id
            return {
                "patient_id": patient.id,
                "alert_id": alert_id,
                "conversation_id": conversation.id,
                "request_id": session.scalars(select(Record.id).where(task)).one(),
                "contact_id": session.scalars(select(StaffContact.id).where(own)).first() or "",
                "infusion_id": session.scalars(select(Infusion.id).where(held_one)).one(),
                "entry_id": entry.entry_id,
                "touch_id": plan.of(session, held)[0].id,
                "glass_id": rows["therapist"].id,
                "annotation_id": note.id,
                "step_id": session.scalars(select(Record.id).where(step)).one(),
                "stop_link": contacts.token(system, way),
                "kind": "note",
                "seq": "1",
                "session_id": self._session(session),
                "staff_id": self._somebody(session),
                **self._invitation(session),
                "filter_id": self._filter(session),
                "key_id": self._key(session),
                "number": "1",
                "rest:path": "nowhere/at/all",
            }

    def _session(self, session: Session) -> str:
        """Another sign-in of the therapist's."""
        token = staff_access.start(self.world.system, session, self.staff["therapist"].id)
        return self.world.system.hash(token)[:16]

    def _somebody(self, session: Session) -> str:
        """Somebody of whom nothing else depends."""
        person = Staff(
            id=new_id(),
            name="Somebody",
            title="",
            email=f"{new_id()}@harbor.test",
            roles=["therapist"],
            created_at=self.world.clock.now(),
        )
        session.add(person)
        return person.id

    def _invitation(self, session: Session) -> dict[str, str]:
        admin, system = session.get_one(Staff, self.staff["admin"].id), self.world.system
        address = f"{new_id()}@harbor.test"
        row = invitations.invite(system, session, admin, "New", "", address, ["therapist"])
        return {"invitation_id": row.id, "link": invitations.link(system, row)}

    def _key(self, session: Session) -> str:
        """A security key of the therapist's."""
        row = SecurityKey(
            id=new_id(),
            staff_id=self.staff["therapist"].id,
            name="Blue",
            credential_id=new_id().encode(),
            credential=b"",
            created_at=self.world.clock.now(),
        )
        session.add(row)
        return row.id

    def _filter(self, session: Session) -> str:
        row = SavedFilter(
            id=new_id(),
            staff_id=self.staff["therapist"].id,
            name=new_id(),
            chosen={"unread": "yes"},
            created_at=self.world.clock.now(),
        )
        session.add(row)
        return row.id

    def sign_in(self, who: str, patient_id: str) -> tuple[str, str]:
        """A person's fresh cookie and form token."""
        if who == "anonymous":
            return "", ""
        with self.world.system.database.read() as session:
            patient = session.get_one(Patient, patient_id)
        if who.endswith("patient"):
            asks = patient if who == "patient" else self.world.patient("Other Person")
            return f"{PATIENT}={self.world.session(asks).token}", ""
        with self.world.system.database.write() as session:
            token = staff_access.start(self.world.system, session, self.staff[who].id)
            csrf = session.get_one(StaffSession, self.world.system.hash(token)).csrf
        return f"{STAFF}={token}", csrf


@dataclass
class House:
    """The clinic behind a port, and another clinic somewhere else."""

    clinic: Clinic
    client: httpx.Client
    #: A patient to look at only: what is asked with GET changes nothing.
    looked_at: dict[str, str]
    #: Ids of a patient elsewhere, and ids of nothing.
    elsewhere: dict[str, str]
    unknown: dict[str, str]
    #: Cookies and form token of people there: its therapist and its patient in one browser.
    foreign: tuple[str, str]

    def ask(self, row: str, who: str, patient_id: str, ids: dict[str, str]) -> tuple[str, str]:
        """(what came, in the matrix's words; the text). Of a stream only that it began."""
        method, _, path = row.partition(" ")
        wants = ROWS[row]
        cookie, csrf = (
            self.foreign if who == "other clinic" else self.clinic.sign_in(who, patient_id)
        )
        request = self.client.build_request(
            "GET" if method == "MOUNT" else method,
            re.sub(r"{([^}]+)}", lambda name: ids[name[1]], path),
            headers={"Cookie": cookie, "Idempotency-Key": f"key-of-{who}".replace(" ", "-")},
            json=wants.get("json"),
            data=wants.get("form", {}) | {"csrf": csrf} if "json" not in wants else None,
        )
        answer = self.client.send(request, stream=True)
        streams = "event-stream" in answer.headers.get("content-type", "")
        text = "" if streams else _FRESH.sub("", answer.read().decode(errors="replace"))
        answer.close()
        return _said(answer, path, wants.get("may", ())), text


def _said(answer: httpx.Response, path: str, may: Sequence[int]) -> str:
    status, location = answer.status_code, answer.headers.get("location", "")
    if status == 401 and path.startswith("/console"):
        return "door"
    if answer.is_redirect and location.startswith(SIGN_IN):
        return "door"
    if answer.is_redirect and location == "/chat":
        return "chat"
    return "in" if status < 400 or status in (409, 422, *may) else str(status)


def expected(row: str, who: str) -> str:
    kind = MATRIX["kinds"][ROWS[row]["kind"]]
    return str(kind.get(who, kind["default"]))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    clinic = Clinic.make(tmp_path_factory.mktemp("clinic"))
    other = Clinic.make(tmp_path_factory.mktemp("elsewhere"))
    elsewhere = other.case() | {"number": "1"}
    staff, csrf = other.sign_in("therapist", elsewhere["patient_id"])
    patient, _ = other.sign_in("patient", elsewhere["patient_id"])
    assert staff_access.find(other.world.system, staff.partition("=")[2]), "good at home"
    foreign = (f"{staff}; {patient}", csrf)
    other.world.system.database.close()
    (port,) = free_ports(1)
    app = create_app(clinic.world.system)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the edge did not start"
        time.sleep(0.02)
    unknown = {name: "0" * len(held) for name, held in elsewhere.items()}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
        looked_at = clinic.case()
        yield House(clinic, client, looked_at, elsewhere, unknown | {"number": "1"}, foreign)
    server.should_exit = server.force_exit = True
    thread.join()
    clinic.world.system.database.close()


def addresses(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """ "METHOD path" of everything that is mounted; FastAPI keeps a router inside the app's."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from addresses(inner.routes)
        elif isinstance(route, Mount):
            yield f"MOUNT {route.path}"
        else:
            assert isinstance(route, Route | APIRoute), f"what is {route!r}?"
            yield from (f"{method} {route.path}" for method in route.methods or ())


def test_every_address_has_a_row_and_every_row_an_address(world: World) -> None:
    there = list(addresses(create_app(world.system).routes))
    rows = [row.partition("?")[0] for row in ROWS]
    assert sorted(there) == sorted(rows)


@pytest.mark.parametrize("row", ROWS)
def test_everybody_gets_what_the_matrix_says(house: House, row: str) -> None:
    ids = house.looked_at if row.startswith("GET") else house.clinic.case()
    patient = ids["patient_id"]
    wrong = {}
    for who in EVERYBODY:
        answer, text = house.ask(row, who, patient, ids)
        wanted = expected(row, who)
        if who not in READERS:
            assert WORDS not in text, f"{who} reads the patient's words"
            assert NAME not in text, f"{who} reads the patient's name"
        if wanted in ("nobody", "404"):
            nobody = house.ask(row, who, patient, house.unknown)
            assert (answer, text) == nobody, f"{who} can tell somebody from nobody"
        if wanted not in ("nobody", answer):
            wrong[who] = answer
    assert wrong == {}


@pytest.mark.parametrize("row", [row for row in ROWS if re.search(r"{(?!rest)", row)])
def test_the_ids_of_another_clinic_name_nobody(house: House, row: str) -> None:
    patient = house.looked_at["patient_id"]
    for who in (who for who in EVERYBODY if expected(row, who) == "in"):
        nobody = house.ask(row, who, patient, house.unknown)
        assert house.ask(row, who, patient, house.elsewhere) == nobody
        assert nobody[0] == "404" or who == "patient"
