"""A record out of the system: FHIR that a second program accepts, a table without formulas."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import timedelta
from typing import Any

import pikepdf
import pyotp
import pytest
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import text

from bot import measures
from bot.content import question
from clinic import agreed
from clinic.conversation import delivery, intake
from clinic.escalation import machine
from clinic.exports import table
from clinic.records.models import Patient, Record, RecordMessage, Staff
from tests import pdf_ua
from tests.builders import World
from tests.desk import Browser, alert, audit, authenticator, heartbeat, message, record


@pytest.fixture
def ames(world: World) -> Staff:
    heartbeat(world)
    return world.staff("Ames")


@pytest.fixture
def sam(world: World, ames: Staff) -> Patient:
    return world.patient("Sam Rivera", ames)


@pytest.fixture
def app(world: World, ames: Staff) -> pyotp.TOTP:
    """The authenticator app of the therapist."""
    return authenticator(world, ames)


def taken(world: World, sam: Patient, ames: Staff, app: pyotp.TOTP, kind: str = "fhir") -> Any:
    browser = Browser(world).sign_in(ames)
    browser.get(f"/console/patients/{sam.id}/export")
    code = app.at(world.clock.now())
    return browser.post(f"/console/patients/{sam.id}/export", {"kind": kind, "code": code})


def lived(world: World, sam: Patient, ames: Staff) -> None:
    """Something of everything."""
    world.infusion(sam, hours_ago=30)
    conversation = world.conversation(sam)
    for name in ("phq9", "peg"):
        for item in measures.measures()[name].items:
            with world.system.database.write() as session:
                locked = delivery.locked(session, conversation)
                asked = delivery.say(world.system, session, locked, question(name, item.id))
            value = "0" if item.id == "9" else "1"
            intake.receive_choice(world.system, conversation, asked.id, value, f"key-{asked.id}")
    record(world, sam, "consent", "k1", {"scope": "notice", "given": True})
    record(world, sam, "small_step", "s1", {"text": "Ten minutes outside"})
    record(world, sam, "check_in", "c1", {"mood": -2, "nausea": 1, "body": "foggy", "tone": "hard"})
    page = {"prompt": "A page", "state": "answered", "text": "The blue door"}
    shared = {"state": "complete", "sharing": "shared", "parts": [page], "tags": []}
    record(world, sam, "journal_entry", "j1", shared)
    with world.system.database.write() as session:
        session.query(Record).filter_by(key="j1").one().sharing = "shared"
    message(world, sam, "a secret nobody exports")
    alert(world, sam, "urgent")


def of(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in resources if one["resourceType"] == kind]


def test_a_second_implementation_accepts_the_bundle(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    answer = taken(world, sam, ames, app)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert "Rivera" not in answer.headers["content-disposition"]
    read = Bundle.model_validate_json(answer.text)
    kinds = {entry.resource.get_resource_type() for entry in read.entry}
    assert kinds == {
        "Patient", "Encounter", "Procedure", "QuestionnaireResponse", "Observation", "Flag",
        "Consent", "CarePlan", "DocumentReference",
    }  # fmt: skip
    assert "a secret nobody exports" not in answer.text
    # Everything that is named is in the bundle.
    bundle = json.loads(answer.text)
    there = {entry["fullUrl"] for entry in bundle["entry"]}
    named = {line.split('"')[3] for line in answer.text.splitlines() if '"reference"' in line}
    assert named
    assert named <= there
    assert [row.detail["kind"] for row in audit(world, "record.export")] == ["fhir"]


def test_words_of_the_chat_leave_only_after_a_yes_and_only_those_the_desk_shows(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    kept = message(world, sam, "a page I keep")
    message(world, sam, "words anybody may read")
    message(world, sam, "a human answers", author="staff", staff_id=ames.id)
    message(world, sam, "a page written quietly", spoken=False)
    record(world, sam, "journal_entry", "e1", {"state": "complete", "parts": [], "tags": []})
    with world.system.database.write() as session:
        entry = session.query(Record).filter_by(kind="journal_entry").one()
        session.add(RecordMessage(record_id=entry.id, message_id=kept.id))
    for given in (None, False, True, False):
        if given is not None:
            with world.system.database.write() as session:
                agreed.change(world.system, session, sam.id, agreed.COPY, given)
        world.clock.advance(timedelta(minutes=1))
        answer = taken(world, sam, ames, app)
        assert ("words anybody may read" in answer.text) is (given is True)
        assert "a page I keep" not in answer.text
        assert "a page written quietly" not in answer.text
        bundle = json.loads(answer.text)
        chat = {one["payload"][0]["contentString"]: one for one in of(bundle, "Communication")}
        if given:
            named = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
            writer = named[chat["a human answers"]["sender"]["reference"]]
            assert writer["name"] == [{"text": "Ames"}]
            own = chat["words anybody may read"]
            assert own["sender"] == own["subject"]
        else:
            assert (chat, of(bundle, "Practitioner")) == ({}, [])


def test_the_page_before_the_visit_is_in_the_bundle_and_without_a_yes_holds_no_words_of_theirs(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea?"})
    for given in (False, True):
        with world.system.database.write() as session:
            agreed.change(world.system, session, sam.id, agreed.COPY, given)
        world.clock.advance(timedelta(minutes=1))
        (document,) = of(json.loads(taken(world, sam, ames, app).text), "DocumentReference")
        (content,) = document["content"]
        page = base64.b64decode(content["attachment"]["data"])
        said = " ".join(words for _, words in pdf_ua.spoken(page))
        assert pdf_ua.problems(page) == []
        assert ("usual tea" in said) is given
        assert ("has not agreed" in said) is not given


def test_the_page_before_the_visit_is_a_tagged_pdf_whose_lines_lead_to_their_sources(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    world.infusion(sam, hours_ago=30)
    record(world, sam, "team_question", "q1", {"text": "May I take my usual tea?"})
    alert(world, sam, "urgent")
    answer = taken(world, sam, ames, app, "summary")
    assert answer.headers["content-type"] == "application/pdf"
    assert "Rivera" not in answer.headers["content-disposition"]
    assert pdf_ua.problems(answer.content) == []
    spoken = pdf_ua.spoken(answer.content)
    assert spoken[0] == ("P", "Sam Rivera: before the visit")
    assert [words for role, words in spoken if role == "H1"][:2] == ["Risk", "Measures"]
    assert any(role == "Link" and "usual tea" in words for role, words in spoken)
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert len(pdf.pages) == 1
        links = [str(one.A.URI) for one in pdf.pages[0].obj["/Annots"]]
    home = world.system.settings.public_url
    assert links and all(link.startswith(f"{home}/console/patients/{sam.id}/") for link in links)
    assert [row.detail["kind"] for row in audit(world, "record.export")] == ["summary"]


def test_scores_come_out_of_the_bundle_alone(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    """Recomputed from the answers beside them, by this test's own arithmetic."""
    lived(world, sam, ames)
    bundle = json.loads(taken(world, sam, ames, app).text)
    named = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    worth = {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3}
    found = {}
    for observation in of(bundle, "Observation"):
        if "derivedFrom" not in observation:
            continue
        answers = named[observation["derivedFrom"][0]["reference"]]
        values = [
            worth[given["valueCoding"]["code"]] if "valueCoding" in given else given["valueInteger"]
            for item in answers["item"]
            for given in item["answer"]
        ]
        mean = answers.get("questionnaire", "").endswith("/91147-9")
        score = sum(values) / len(values) if mean or len(values) == 3 else sum(values)
        assert observation["valueQuantity"]["value"] == score
        found[observation["code"]["text"]] = (score, observation["code"].get("coding"))
    code = [{"system": "http://loinc.org", "code": "44261-6"}]
    assert found["PHQ-9 score"] == (8, code)
    assert found["PEG score"][0] == 1


def test_what_check_ins_told_is_in_the_bundle_without_a_code_nobody_gave_it(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    bundle = json.loads(taken(world, sam, ames, app).text)
    told = {
        one["code"]["text"]: one
        for one in of(bundle, "Observation")
        if "derivedFrom" not in one and "coding" not in one["code"]
    }
    mood, nausea, body = (
        told.pop(f"{name}, as the patient said it") for name in ("Mood", "Nausea", "Body")
    )
    assert told == {}
    assert (mood["valueQuantity"]["value"], nausea["valueQuantity"]["value"]) == (-2, 1)
    assert mood["referenceRange"] == [{"text": "From -4 to 4"}]
    assert body["valueCodeableConcept"] == {"text": "foggy"}


def test_a_shared_page_of_the_journal_leaves_only_after_a_yes(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    kept = {"prompt": "A page", "state": "answered", "text": "For me alone"}
    private = {"state": "complete", "sharing": "private", "parts": [kept], "tags": []}
    record(world, sam, "journal_entry", "j2", private)
    for given in (False, True):
        with world.system.database.write() as session:
            agreed.change(world.system, session, sam.id, agreed.COPY, given)
        world.clock.advance(timedelta(minutes=1))
        held = [
            one["content"][0]["attachment"]
            for one in of(json.loads(taken(world, sam, ames, app).text), "DocumentReference")
        ]
        pages = [one["data"] for one in held if one["contentType"] == "text/plain"]
        assert [base64.b64decode(page).decode() for page in pages] == (
            ["A page\nThe blue door"] if given else []
        )


def test_a_flag_is_active_until_a_person_has_recorded_an_outcome(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    alert_id = alert(world, sam, "urgent")
    (flag,) = of(json.loads(taken(world, sam, ames, app).text), "Flag")
    assert (flag["status"], "end" in flag["period"]) == ("active", False)
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, ames)
        machine.resolve(world.system, session, alert_id, ames, "spoke_safe", "Called.")
    world.clock.advance(timedelta(minutes=1))
    (flag,) = of(json.loads(taken(world, sam, ames, app).text), "Flag")
    assert (flag["status"], "end" in flag["period"]) == ("inactive", True)


def test_a_step_the_patient_keeps_is_not_in_the_plan(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    record(world, sam, "small_step", "s1", {"text": "call my brother"})
    part = {"prompt": "p", "state": "answered", "text": "x"}
    entry = {"state": "complete", "sharing": "private", "parts": [part]}
    record(world, sam, "journal_entry", "e1", entry)
    with world.system.database.write() as session:
        step = session.query(Record).filter_by(kind="small_step").one()
        whole = session.query(Record).filter_by(kind="journal_entry").one()
        session.add(RecordMessage(record_id=whole.id, message_id=step.message_id))
    answer = taken(world, sam, ames, app)
    assert "call my brother" not in answer.text
    assert of(json.loads(answer.text), "CarePlan") == []


def test_without_a_fresh_code_nothing_leaves(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    assert taken(world, sam, ames, app).status_code == 200
    again = taken(world, sam, ames, app)
    assert again.status_code == 422, "a code works once"
    browser = Browser(world).sign_in(ames)
    browser.get(f"/console/patients/{sam.id}/export")
    assert browser.post(f"/console/patients/{sam.id}/export", {"code": ""}).status_code == 422
    assert len(audit(world, "record.export")) == 1


def test_the_table_holds_no_formula(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    answer = taken(world, sam, ames, app, "csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["measure"], row["score"]) for row in rows] == [("PEG", "1"), ("PHQ-9", "8")]
    for nasty in ("=cmd()", "+1", "-1+1", "@sum", "\t=1", "\r=1"):
        assert table.cell(nasty).startswith("'"), nasty
    assert [table.cell(value) for value in (-3, 2.5, "fine")] == ["-3", "2.5", "fine"]


def test_rows_that_do_not_open_are_said_in_everything_that_is_taken_along(
    world: World, sam: Patient, ames: Staff, app: pyotp.TOTP
) -> None:
    lived(world, sam, ames)
    with world.system.database.write() as session:
        session.execute(text("UPDATE record SET data_sealed = x'01' WHERE kind != 'small_step'"))
    lost = "5 rows of this record cannot be opened"
    read = Bundle.model_validate_json(taken(world, sam, ames, app).text)
    flags = [one.resource for one in read.entry if one.resource.get_resource_type() == "Flag"]
    (said,) = [one for one in flags if lost in one.code.text]
    assert said.category[0].coding[0].code == "admin"
    world.clock.advance(timedelta(minutes=1))
    lines = csv.DictReader(io.StringIO(taken(world, sam, ames, app, "csv").text.lstrip("\ufeff")))
    assert [line["measure"] for line in lines] == ["2 measures cannot be opened and are not here"]
    world.clock.advance(timedelta(minutes=1))
    page = taken(world, sam, ames, app, "summary").content
    assert any(lost in words for _, words in pdf_ua.spoken(page))
