"""Nobody reads what they have no relation to, and every reading leaves a row (invariant I10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import people
from clinic.console import relations
from clinic.escalation import machine
from clinic.records.models import OnCallShift, Patient, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, heartbeat, message

UNKNOWN = "0" * 32


def reason(world: World, staff: Staff, patient: Patient) -> str | None:
    with world.system.database.read() as session:
        return relations.may_read(session, staff, patient.id, world.clock.now())


def resolve(world: World, alert_id: str, staff: Staff) -> None:
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, staff)
        machine.resolve(world.system, session, alert_id, staff, "spoke_safe", "Spoke.")


def test_a_refusal_is_recorded_with_the_patient_it_was_about(world: World) -> None:
    patient, outsider = world.patient(), world.staff("Charlie")
    browser = Browser(world).sign_in(outsider)
    browser.get(f"/console/patients/{patient.id}")
    browser.get("/console/patients/made-up-by-somebody")
    rows = audit(world, "access.denied")
    assert [(row.actor, row.subject, row.patient_id) for row in rows] == [
        (f"staff:{outsider.id}", f"patient:{patient.id}", patient.id),
        (f"staff:{outsider.id}", "patient:unknown", None),
    ]


@pytest.mark.parametrize("kind", ["therapist", "supervisor"])
def test_a_relation_is_a_reason(world: World, kind: str) -> None:
    staff, patient = world.staff("Ames"), world.patient()
    assert reason(world, staff, patient) is None
    with world.system.database.write() as session:
        people.relate(world.system, session, patient, staff, kind)
    assert reason(world, staff, patient) == kind


def test_being_a_patients_therapist_outranks_other_reasons(world: World) -> None:
    staff = world.staff("Ames", on_call=True)
    patient = world.patient(therapist=staff)
    alert(world, patient)
    with world.system.database.write() as session:
        people.relate(world.system, session, patient, staff, "supervisor")
    assert reason(world, staff, patient) == "therapist"


def test_on_call_reads_only_while_there_is_an_alert_or_a_recent_one(world: World) -> None:
    nurse, patient = world.staff("Noor", "on_call", on_call=True), world.patient()
    assert reason(world, nurse, patient) is None
    alert_id = alert(world, patient)
    assert reason(world, nurse, patient) == "on_call"
    resolve(world, alert_id, nurse)
    world.clock.advance(relations.RECENT)
    assert reason(world, nurse, patient) == "on_call"
    world.clock.advance(timedelta(seconds=1))
    assert reason(world, nurse, patient) is None


def test_whoever_an_alert_calls_may_read_also_after_the_shift(world: World) -> None:
    nurse, patient = world.staff("Noor", "on_call", on_call=True), world.patient()
    alert(world, patient)
    with world.system.database.write() as session:
        session.query(OnCallShift).one().ends_at = world.clock.now() + timedelta(minutes=1)
    world.clock.advance(timedelta(hours=1))
    assert reason(world, nurse, patient) == "called"


def test_a_colleague_called_by_a_later_step_may_read_then_and_not_before(world: World) -> None:
    world.staff("Noor", "on_call", on_call=True)
    colleague, patient = world.staff("Lee"), world.patient()
    alert(world, patient, "emergency")
    assert reason(world, colleague, patient) is None
    for _ in range(2):
        world.clock.advance(timedelta(minutes=5))
        with world.system.database.write() as session:
            machine.advance(world.system, session)
    assert reason(world, colleague, patient) == "called"


def test_an_alert_about_one_patient_opens_no_other(world: World) -> None:
    nurse = world.staff("Noor", "on_call", on_call=True)
    one, other = world.patient("One Person"), world.patient("Other Person")
    alert(world, one)
    assert reason(world, nurse, other) is None
    page = Browser(world).sign_in(nurse).get("/console/patients").text
    assert "One Person" in page
    assert "Other Person" not in page


def test_reading_a_transcript_leaves_one_row_with_reason_and_range(world: World) -> None:
    therapist = world.staff("Ames")
    patient = world.patient(therapist=therapist)
    for number in range(3):
        message(world, patient, f"message {number}")
    Browser(world).sign_in(therapist).get(f"/console/patients/{patient.id}")
    (row,) = audit(world, "transcript.read")
    assert row.actor == f"staff:{therapist.id}"
    assert row.patient_id == patient.id
    assert row.detail == {"reason": "therapist", "first": 1, "last": 3}


def test_a_live_page_leaves_a_row_only_for_what_is_new(world: World) -> None:
    therapist = world.staff("Ames")
    patient = world.patient(therapist=therapist)
    message(world, patient, "first")
    browser = Browser(world).sign_in(therapist)
    browser.get(f"/console/patients/{patient.id}")
    turns = f"/console/patients/{patient.id}/turns?after=0"
    for _ in range(3):
        browser.get(turns, {"HX-Request": "true"})
    assert len(audit(world, "transcript.read")) == 1
    message(world, patient, "second")
    assert "second" in browser.get(turns, {"HX-Request": "true"}).text
    assert [row.detail["last"] for row in audit(world, "transcript.read")] == [1, 2]


def test_lists_and_alerts_do_not_count_as_reading_a_transcript(world: World) -> None:
    therapist = world.staff("Ames")
    alert(world, world.patient(therapist=therapist))
    browser = Browser(world).sign_in(therapist)
    for path in ("/console", "/console/queue", "/console/patients", "/console/audit"):
        assert browser.get(path).status_code == 200
    assert audit(world, "transcript.read") == []


def test_the_page_of_readings_shows_who_read_my_patients_and_no_others(world: World) -> None:
    ames, lee = world.staff("Ames"), world.staff("Lee")
    mine, theirs = world.patient("Sam Rivera", ames), world.patient("Kim Olsen", lee)
    Browser(world).sign_in(lee).get(f"/console/patients/{mine.id}")
    Browser(world).sign_in(lee).get(f"/console/patients/{theirs.id}")
    page = Browser(world).sign_in(ames).get("/console/audit").text
    assert "Was refused: no relation" in page
    assert "SR" in page
    assert "KO" not in page
    assert theirs.id not in page


def test_a_form_without_this_sessions_token_changes_nothing(world: World) -> None:
    therapist = world.staff("Ames")
    alert_id = alert(world, world.patient(therapist=therapist))
    browser = Browser(world).sign_in(therapist)
    for token in ("", "guessed", "é"):
        browser.get("/console")
        refused = browser.post(f"/console/escalations/{alert_id}/acknowledge", {"csrf": token})
        assert refused.status_code == 403
        assert "Nothing was changed" in refused.text
    assert audit(world, "escalation.acknowledge") == []


def test_a_form_from_another_site_is_refused(world: World) -> None:
    therapist = world.staff("Ames")
    alert_id = alert(world, world.patient(therapist=therapist))
    browser = Browser(world).sign_in(therapist)
    browser.get("/console")
    path = f"/console/escalations/{alert_id}/acknowledge"
    assert browser.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert audit(world, "escalation.acknowledge") == []


def test_looking_never_acts(world: World) -> None:
    therapist = world.staff("Ames")
    patient = world.patient(therapist=therapist)
    alert_id, conversation = alert(world, patient), world.conversation(patient)
    browser = Browser(world).sign_in(therapist)
    for path in (
        f"/console/escalations/{alert_id}/acknowledge",
        f"/console/escalations/{alert_id}/release",
        f"/console/escalations/{alert_id}/resolve",
        f"/console/escalations/{alert_id}/hand-over",
        f"/console/escalations/{alert_id}/contact",
        f"/console/patients/{patient.id}/location",
        f"/console/conversations/{conversation}/typing",
        f"/console/conversations/{conversation}/take",
        f"/console/conversations/{conversation}/give-back",
        f"/console/conversations/{conversation}/say",
        "/console/requests/x/done",
        "/console/sign-out",
    ):
        assert browser.get(path).status_code == 405, path


def test_words_of_a_form_sent_after_the_session_ended_are_given_back(world: World) -> None:
    therapist = world.staff("Ames")
    alert_id = alert(world, world.patient(therapist=therapist))
    browser = Browser(world).sign_in(therapist)
    browser.get("/console")
    world.clock.advance(timedelta(hours=1))
    answer = browser.post(f"/console/escalations/{alert_id}/resolve", {"note": "Long <b>note"})
    assert answer.status_code == 401
    assert "Long &lt;b&gt;note</textarea>" in answer.text


def test_a_wrong_address_is_a_page(world: World) -> None:
    browser = Browser(world).sign_in(world.staff("Ames"))
    for path in ("/console/nowhere", "/console/patients/x/y", "/console/audit?before=x"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "There is nothing here for you" in answer.text


def test_a_page_that_fails_shows_and_logs_no_words_of_the_error(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_args: object) -> None:
        raise ValueError("I want to tell you a secret")

    monkeypatch.setattr("clinic.console.inbox.queue.rows", fails)
    heartbeat(world)
    answer = Browser(world).sign_in(world.staff("Ames")).get("/console")
    assert answer.status_code == 500
    assert "This page could not be made" in answer.text
    assert "ValueError at test_console_access.py" in caplog.text
    assert "secret" not in answer.text + caplog.text
