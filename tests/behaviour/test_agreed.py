"""Yes and no by scope: said in the talk or on a page, heeded at once, taken back at will."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from clinic.records.models import Patient, Record
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.builders import World
from tests.desk import Browser, shown

ANA = "Ana, my sister, 555 0102"


def answers(edge: Edge, *records: dict[str, Any]) -> None:
    """A turn in which the dialogue learns this."""
    edge.peer.act = lambda turn: says(turn, "conversation.thanks", records=records)
    edge.say("that is my answer")


def consent(scope: str, given: bool) -> dict[str, Any]:
    return {"kind": "consent", "key": scope, "data": {"scope": scope, "given": given}}


CONTACT = {"kind": "remembered", "key": "contact", "data": {"name": "contact", "text": ANA}}


def comes_by_itself(edge: Edge) -> bool:
    with edge.world.system.database.read() as session:
        return session.get_one(Patient, edge.patient.id).touches_wanted


def desk(edge: Edge) -> str:
    staff = Browser(edge.world).sign_in(edge.therapist)
    return shown(staff.get(f"/console/patients/{edge.patient.id}").text)


def known(edge: Edge) -> dict[str, str]:
    answers(edge)
    held: dict[str, str] = edge.peer.turns[-1]["context"]["known"]
    return held


@pytest.mark.parametrize("scope", ["visits", "questions"])
def test_after_a_no_the_companion_does_not_come_by_itself(edge: Edge, scope: str):
    answers(edge, consent("visits", True))
    assert comes_by_itself(edge)
    answers(edge, consent(scope, False))
    assert not comes_by_itself(edge)


def test_the_dialogue_is_told_that_nothing_is_to_be_asked(edge: Edge):
    assert "no_questions" not in known(edge)
    answers(edge, consent("questions", False))
    assert known(edge)["no_questions"] == "yes"
    edge.client.post("/settings/agreed", data={"scope": "questions", "given": "yes"})
    assert "no_questions" not in known(edge)


def test_whom_to_call_stands_beside_the_plan_only_while_the_patient_agrees(edge: Edge):
    answers(edge, CONTACT)
    assert ANA not in desk(edge)
    answers(edge, consent("call_contact", True))
    assert ANA in desk(edge)
    said = shown(edge.client.get("/settings").text)
    assert ANA in said
    assert "Yes: your team may call somebody" in said
    back = edge.client.post("/settings/agreed", data={"scope": "call_contact", "given": "no"})
    assert ANA not in desk(edge)
    assert ANA not in shown(edge.client.get("/settings").text)
    assert "No: your team calls nobody" in shown(back.text)


def test_a_yes_or_no_is_one_record_a_scope_and_its_words_are_sealed(edge: Edge):
    answers(edge, CONTACT, consent("call_contact", True))
    edge.client.post("/settings/agreed", data={"scope": "call_contact", "given": "no"})
    with edge.world.system.database.read() as session:
        (row,) = session.scalars(select(Record).where(Record.kind == "consent"))
        (contact,) = session.scalars(select(Record).where(Record.kind == "remembered"))
        assert edge.world.system.vault(session).data(row)["given"] is False
        assert b"555" not in contact.data_sealed


def test_while_the_medicine_works_a_no_counts_and_a_yes_waits(tmp_path: Any, peer: Peer):
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    with open_edge(world, peer, hours_ago=1) as edge:
        for given, found in (("yes", None), ("no", False), ("yes", False)):
            edge.client.post("/settings/agreed", data={"scope": "questions", "given": given})
            with world.system.database.read() as session:
                row = session.scalars(select(Record).where(Record.kind == "consent")).first()
                kept = None if row is None else world.system.vault(session).data(row)["given"]
            assert kept is found
    world.system.database.close()


@pytest.mark.parametrize("how", ["in the talk", "on the page"])
def test_a_no_about_the_cycle_takes_out_what_was_noted_and_nothing_else(edge: Edge, how: str):
    noted = {"kind": "check_in", "key": "checkin-1", "data": {"cycle": "before", "mood": 3}}
    answers(edge, noted, consent("cycle", True))
    if how == "in the talk":
        answers(edge, consent("cycle", False))
    else:
        edge.client.post("/settings/agreed", data={"scope": "cycle", "given": "no"})
    with edge.world.system.database.read() as session:
        (row,) = session.scalars(select(Record).where(Record.kind == "check_in"))
        assert edge.world.system.vault(session).data(row) == {"mood": 3}
    assert known(edge)["no_cycle"] == "yes"
    assert "not asked about your cycle" in shown(edge.client.get("/settings").text)


def test_copies_of_the_chat_are_a_no_until_the_patient_says_yes_on_the_page(edge: Edge):
    assert "No: your clinic does not copy" in shown(edge.client.get("/settings").text)
    back = edge.client.post("/settings/agreed", data={"scope": "chat_copy", "given": "yes"})
    assert "Yes: your clinic may copy" in shown(back.text)
    back = edge.client.post("/settings/agreed", data={"scope": "chat_copy", "given": "no"})
    assert "Make no more copies" not in shown(back.text)


def test_nothing_else_can_be_changed_there(edge: Edge):
    edge.client.post("/settings/agreed", data={"scope": "notice", "given": "no"})
    edge.client.post("/settings/agreed", data={"scope": "questions", "given": "perhaps"})
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Record)).all() == []
