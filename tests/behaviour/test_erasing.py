"""What a patient deletes is gone, what stays says why, and every yes and no is on their page."""

from __future__ import annotations

from datetime import timedelta

from fastapi.testclient import TestClient
from sqlalchemy import select

from clinic import people
from clinic.journal import entries
from clinic.records.models import Conversation, Message, Patient, Record, RecordVersion
from tests.builders import World
from tests.desk import Browser, audit, record, shown

WORDS = "The sea, and my brother laughing"


def write(world: World, sam: Patient, text: str, sharing: str = "private") -> str:
    with world.system.database.read() as session:
        conversation = session.get_one(Conversation, world.conversation(sam))
    return entries.write(
        world.system, conversation, entries.BLANK, text, sharing, "tag", f"key-{hash(text)}"
    ).entry_id


def everything(world: World, sam: Patient) -> str:
    """All words that can still be opened about the patient."""
    with world.system.database.read() as session:
        vault = world.system.vault(session)
        said = [vault.text(m, sam.id) for m in session.scalars(select(Message))]
        kept = [str(vault.data(r)) for r in session.scalars(select(Record))]
        assert len(session.scalars(select(RecordVersion)).all()) == 0
        return "\n".join([*said, *kept])


def erase(page: TestClient, entry_id: str, sure: str = "yes") -> str:
    return page.post(f"/journal/{entry_id}/erase", data={"sure": sure}).headers["location"]


def test_a_private_page_is_gone_with_its_history_and_its_message(
    world: World, sam: Patient, page: TestClient
):
    entry = write(world, sam, WORDS)
    fields = {"part": "0", "version": "1", "text": f"{WORDS} again", "key": "another-key"}
    page.post(f"/journal/{entry}/words", data=fields)
    assert "not_erased" in erase(page, entry, sure="")
    assert erase(page, entry) == "/journal?said=erased"
    assert WORDS not in everything(world, sam)
    assert "Deleted." in shown(page.get("/journal?said=erased").text)
    assert audit(world, "entry.erased")
    robin = world.staff("Robin")
    with world.system.database.write() as session:
        people.relate(world.system, session, session.get_one(Patient, sam.id), robin, "therapist")
    read = Browser(world).sign_in(robin).get(f"/console/patients/{sam.id}")
    assert "A page of the journal. The patient deleted it." in shown(read.text)
    assert erase(page, entry) == "/journal", "twice is once"


def test_what_stays_says_why(world: World, sam: Patient, page: TestClient):
    # Written before there was a worry: while there is one, every page is part of the talk.
    quiet = write(world, sam, WORDS)
    shared = write(world, sam, "My team may read this", "shared")
    danger = write(world, sam, "I want to kill myself tonight")
    data = {"state": "complete", "sharing": "private", "parts": []}
    record(world, sam, "journal_entry", "from-the-talk", data)
    with world.system.database.read() as session:
        talk = session.scalars(select(Record.id).where(Record.key == "from-the-talk")).one()
    for entry, why in ((shared, "shared"), (danger, "danger"), (talk, "talk")):
        where = erase(page, entry)
        assert where == f"/journal/{entry}?said=stays_{why}"
        assert "It stays" in shown(page.get(where).text)
    page.post("/settings/erase")
    left = everything(world, sam)
    assert WORDS not in left and "My team may read this" in left and "tonight" in left
    assert erase(page, quiet) == "/journal"


def test_nobody_deletes_another_patients_page(world: World, sam: Patient, page: TestClient):
    kim = world.patient("Kim Ito")
    entry = write(world, kim, WORDS)
    assert erase(page, entry) == "/journal"
    page.post("/settings/erase")
    assert WORDS in everything(world, kim)


def test_nothing_is_deleted_on_the_day_of_an_infusion(world: World, sam: Patient, page: TestClient):
    entry = write(world, sam, WORDS)
    world.infusion(sam, hours_ago=1)
    assert "not_erased" in erase(page, entry)
    assert "not_today" in page.post("/settings/erase").headers["location"]
    assert WORDS in everything(world, sam)
    world.clock.advance(timedelta(hours=20))
    assert erase(page, entry) == "/journal?said=erased"


def test_the_wish_to_have_the_rest_deleted_reaches_the_clinic_once(
    world: World, sam: Patient, page: TestClient
):
    for _ in range(2):
        page.post("/settings/ask-erase")
    with world.system.database.read() as session:
        tasks = session.scalars(select(Record).where(Record.kind == "clinic_task")).all()
        (said,) = [world.system.vault(session).data(row) for row in tasks]
    assert "deleted" in said["text"]


def test_every_yes_and_no_stands_with_its_day(world: World, sam: Patient, page: TestClient):
    entry = write(world, sam, WORDS)
    page.post(f"/journal/{entry}/sharing", data={"sharing": "shared"})
    page.post("/days/visits", data={"wanted": "false"})
    record(world, sam, "consent", "questions", {"scope": "questions", "given": True})
    page.post("/team/download")
    said = shown(page.get("/settings").text)
    for did in (
        "Read the notice",
        "Shared a page",
        "does not come by itself",
        "Yes: the companion may ask",
        "taken along",
    ):
        assert did in said, did
    assert "Tue, Mar 10" in said
