"""A row whose bytes were changed costs itself and nothing else: not the patient's next message, not
an answer, not an alert, not a page (invariants I1 and I4)."""

from __future__ import annotations

import yaml
from sqlalchemy import select, text, update

from clinic import people
from clinic.conversation import intake
from clinic.journal import entries
from clinic.records.models import (
    ContactAttempt,
    Conversation,
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    TestSentence,
)
from clinic.records.vault import UNREADABLE
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import Peer
from tests.behaviour.test_turn import FALLBACK, last_turn
from tests.builders import World
from tests.desk import Browser, alert, authenticator, heartbeat, message, record, shown

RISK = "I want to kill myself tonight"
BROKEN = b"\x01" + b"x" * 40


def spoil_messages(world: World, *ids: str) -> None:
    with world.system.database.write() as session:
        session.execute(update(Message).where(Message.id.in_(ids)).values(text_sealed=BROKEN))


def spoil_records(world: World) -> None:
    with world.system.database.write() as session:
        session.execute(text("UPDATE record SET data_sealed = x'01'"))


def spoil_patient(world: World, patient: Patient) -> None:
    changes = {"name_sealed": BROKEN, "phone_sealed": BROKEN}
    with world.system.database.write() as session:
        session.execute(update(Patient).where(Patient.id == patient.id).values(changes))


def test_the_next_message_is_taken_answered_and_screened(edge: Edge) -> None:
    first = edge.say("something about the sea")["message"]["id"]
    spoil_messages(edge.world, first)
    edge.say("and the wind")
    assert last_turn(edge) == "answered"
    edge.say(RISK)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().level == "emergency"


def test_the_patients_page_shows_the_rest(edge: Edge) -> None:
    first = edge.say("something about the sea")["message"]["id"]
    edge.say("and the wind")
    spoil_messages(edge.world, first)
    spoil_patient(edge.world, edge.patient)
    said = {m["id"]: m["text"] for m in edge.shown()}
    assert said[first] == UNREADABLE
    assert "and the wind" in said.values()


def test_what_the_record_held_is_asked_again_not_waited_for(edge: Edge, peer: Peer) -> None:
    for kind, data in {
        "intention": {"text": "to rest"},
        "check_in": {"mood": 2},
        "safety_plan_part": {"part": "signs", "text": "I stop eating"},
    }.items():
        record(edge.world, edge.patient, kind, f"{kind}-1", data)
    edge.settle()
    spoil_records(edge.world)
    edge.say("and the wind")
    assert last_turn(edge) == "answered"
    assert peer.turns[-1]["context"]["safety_plan"] == {}
    assert edge.client.get("/plan").status_code == 200


def test_the_patients_own_pages_live_on(edge: Edge) -> None:
    """One spoiled page of the journal stands there as such; what is beside it is read as ever."""
    world = edge.world
    with world.system.database.read() as session:
        talk = session.get_one(Conversation, edge.conversation)
    spoiled, _ = (
        entries.write(world.system, talk, entries.BLANK, words, "private", "", f"key-of-{words}")
        for words in ("The blue door again", "My brother laughing")
    )
    with world.system.database.write() as session:
        session.get_one(Record, spoiled.entry_id).data_sealed = BROKEN
    listed = shown(edge.client.get("/journal").text)
    assert UNREADABLE in listed and "My brother laughing" in listed
    alone = edge.client.get(f"/journal/{spoiled.entry_id}")
    assert UNREADABLE in alone.text and "/sharing" not in alone.text
    spoil_records(world)
    for path in (
        "/journal",
        f"/journal/{spoiled.entry_id}",
        "/steps",
        "/changes",
        "/settings",
        "/team",
    ):
        assert edge.client.get(path).status_code == 200, path
    taken = edge.client.post("/team/download").json()
    assert taken["unreadable"] == 2 and len(taken["journal"]) == 2


def test_words_that_cannot_be_handed_on_get_an_honest_answer(edge: Edge) -> None:
    """Spoiled between storing and asking: nothing to wait for, so the patient is told at once."""
    stored = intake.receive_text(edge.world.system, edge.conversation, "the sea", "key-of-the-sea")
    spoil_messages(edge.world, stored.message["id"])
    turns = edge.client.app.state.turns  # type: ignore[attr-defined]
    assert edge.client.portal is not None
    edge.client.portal.call(turns.look)
    edge.settle()
    assert last_turn(edge) == "unanswered"
    assert FALLBACK in edge.contents()


def test_the_queue_and_the_patients_page_live_on(world: World) -> None:
    heartbeat(world)
    robin = world.staff("Robin")
    sam, kim = world.patient("Sam Rivera", robin), world.patient("Kim Olsen", robin)
    for patient in (sam, kim):
        record(
            world, patient, "clinic_task", "wish", {"task": "human_request", "urgency": "routine"}
        )
        record(world, patient, "location", "here", {"text": "at home"})
        alert(world, patient)
    with world.system.database.write() as session:
        running = session.scalars(select(Escalation).where(Escalation.patient_id == sam.id)).one()
        session.add(
            ContactAttempt(
                escalation_id=running.id,
                staff_id=robin.id,
                kind="no_answer",
                note_sealed=BROKEN,
                at=world.clock.now(),
            )
        )
    spoil_patient(world, sam)
    spoil_records(world)
    browser = Browser(world).sign_in(robin)
    page = browser.get("/console").text
    assert sam.id in page
    assert kim.id in page
    assert UNREADABLE in shown(page), "a wish that cannot be read is still somebody's wish"
    own = browser.get(f"/console/patients/{sam.id}")
    assert own.status_code == 200
    assert UNREADABLE in shown(own.text)
    assert browser.get("/console/patients").status_code == 200


def test_in_an_emergency_the_others_can_be_opened(world: World) -> None:
    spoil_patient(world, world.patient("Kim Olsen"))
    sam = world.patient("Sam Rivera")
    browser = Browser(world).sign_in(world.staff("Charlie"))
    browser.get("/console/glass")
    form = {"patient": "Sam Rivera", "reason": "danger", "why": "His brother called."}
    answer = browser.post("/console/glass", form)
    assert answer.headers["location"] == f"/console/patients/{sam.id}#end"


def test_words_are_found_again_beside_a_message_that_is_gone(world: World) -> None:
    heartbeat(world)
    robin = world.staff("Robin")
    sam = world.patient("Sam Rivera", robin)
    gone = message(world, sam, "gone words")
    message(world, sam, "whole words")
    spoil_messages(world, gone.id)
    browser = Browser(world).sign_in(robin)
    assert "whole words" in shown(browser.get(f"/console/patients/{sam.id}").text)


def test_a_judged_message_and_its_test_sentence_do_not_take_the_page_or_the_file(
    world: World,
) -> None:
    heartbeat(world)
    readers = [world.staff(name) for name in ("Ames", "Lee")]
    app = authenticator(world, readers[0])
    sam = world.patient("Sam Rivera", readers[0])
    with world.system.database.write() as session:
        people.relate(world.system, session, sam, readers[1], "supervisor")
    stored = [message(world, sam, f"a quiet day {number}") for number in (1, 2)]
    desks = [Browser(world).sign_in(reader) for reader in readers]
    missed = {"level": "watch", "category": "suicide", "text": "quiet day"}
    for seq in (1, 2):
        own = f"/console/patients/{sam.id}/messages/{seq}"
        judged = f"/console/patients/{sam.id}/judged/{seq}"
        for desk in desks:
            desk.get(own)
            assert desk.post(judged, missed).status_code == 303
        desks[0].get(own)
        kept = {"text": f"A reworded day {seq}", "confirmed": "yes"}
        assert desks[0].post(f"{judged}/sentence", kept).status_code == 303

    with world.system.database.write() as session:
        session.execute(
            update(TestSentence)
            .where(TestSentence.message_id == stored[0].id)
            .values(text_sealed=BROKEN)
        )
    spoil_messages(world, stored[1].id)
    pages = [desks[0].get(f"/console/patients/{sam.id}/messages/{seq}") for seq in (1, 2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert "The test sentence of this message cannot be opened" in shown(pages[0].text)
    assert "A reworded day" not in pages[0].text and UNREADABLE not in pages[0].text
    assert "This cannot be opened" in shown(pages[1].text)
    desks[0].get("/console/judging")
    given = desks[0].post("/console/judging/export", {"code": app.at(world.clock.now())})
    assert given.status_code == 200
    assert given.text.startswith("# 1 sentence left out: cannot be opened.\n")
    (group,) = yaml.safe_load(given.text)
    assert group["texts"] == ["A reworded day 2"]


def test_what_staff_entered_about_an_infusion_costs_itself(edge: Edge) -> None:
    world, sam = edge.world, edge.patient
    heartbeat(world)
    lee = world.staff("Lee")
    with world.system.database.write() as session:
        people.relate(world.system, session, sam, lee, "supervisor")
    for hours_ago, strong in ((60, 3), (1, 7)):
        world.infusion(sam, hours_ago=hours_ago)
        record(world, sam, "check_in", f"c{strong}", {"intensity": strong})
    with world.system.database.write() as session:
        session.execute(update(Infusion).values(details_sealed=BROKEN))
    browser, home = Browser(world).sign_in(lee), f"/console/patients/{sam.id}"
    for page in ("pictures", "infusions"):
        answer = browser.get(f"{home}/{page}")
        assert answer.status_code == 200, page
        assert "cannot be opened" in shown(answer.text), page
    with world.system.database.read() as session:
        newest = session.scalars(select(Infusion.id).order_by(Infusion.started_at.desc())).first()
    assert browser.get(f"{home}/infusions?correct={newest}").status_code == 200
    taken = edge.client.post("/team/download").json()
    assert [one["details"] for one in taken["infusions"]] == [None, None, None]
    assert taken["unreadable"] == 3
