"""A clinician steps into the chat: who holds it, who is told, what both see, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic.conversation import handoff
from clinic.escalation import machine
from clinic.escalation.machine import RefusedError
from clinic.records.models import Clinic, Event, Record
from tests.behaviour.conftest import Edge
from tests.behaviour.drill import RISK, Drill
from tests.behaviour.drill import drill as running
from tests.behaviour.peer import says
from tests.desk import Browser, shown


@pytest.fixture
def drill(edge: Edge, caplog: pytest.LogCaptureFixture):
    with running(edge, caplog) as started:
        yield started


def do(edge: Edge, act, staff, *more):
    system = edge.world.system
    with system.database.write() as session:
        return act(system, session, edge.conversation, staff, *more)


def desk(edge: Edge, staff) -> Browser:
    return Browser(edge.world).sign_in(staff)


def page(edge: Edge) -> str:
    return f"/console/patients/{edge.patient.id}"


def events(edge: Edge, kind: str) -> list[tuple[str, str]]:
    with edge.world.system.database.read() as session:
        rows = session.scalars(select(Event).where(Event.kind == kind).order_by(Event.id))
        return [(row.audience, row.ref) for row in rows]


def test_one_holds_and_the_other_is_told_who(edge: Edge):
    do(edge, handoff.take, edge.nurse)
    with pytest.raises(RefusedError, match="Noor is already writing"):
        do(edge, handoff.take, edge.therapist)
    with pytest.raises(RefusedError, match="Take over"):
        do(edge, handoff.say, edge.therapist, "Hello", "key-1")
    with pytest.raises(RefusedError):
        do(edge, handoff.typing, edge.therapist)
    assert edge.state()["human"] == {"name": "Noor", "role": "Nurse"}


def test_a_hold_that_goes_silent_ends_with_an_apology_and_an_alert(edge: Edge, drill: Drill):
    do(edge, handoff.take, edge.nurse)
    edge.say("are you there?")
    assert edge.state()["mode"] == "human"
    drill.fast_forward("14m")
    drill.expect_nothing()
    drill.fast_forward("1m")
    drill.expect_mail("noor", says="call back")
    assert edge.state()["mode"] == "bot"
    assert edge.contents()[-1] == "handoff.went_silent"
    assert (drill.alert().level, drill.alert().reason) == ("urgent", "hold.silent")
    edge.peer.act = lambda turn: says(turn, "conversation.heard")
    edge.say("the light stayed with me")
    assert edge.contents()[-1] == "conversation.heard", "the companion answers again"
    drill.move(machine.acknowledge, edge.nurse)


def test_an_alert_its_silent_holder_had_opens_again(edge: Edge, drill: Drill):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    do(edge, handoff.take, edge.nurse)
    drill.fast_forward("15m")
    drill.expect_mail("noor")
    assert drill.alert().state == "open"
    drill.move(machine.acknowledge, edge.nurse)


def test_any_sign_of_the_holder_keeps_the_hold(edge: Edge, drill: Drill):
    do(edge, handoff.take, edge.nurse)
    drill.fast_forward("14m")
    do(edge, handoff.typing, edge.nurse)
    drill.fast_forward("14m")
    do(edge, handoff.say, edge.nurse, "I am looking at your plan.", "key-1")
    drill.fast_forward("14m")
    drill.expect_nothing()
    assert edge.state()["mode"] == "human"
    do(edge, handoff.give_back, edge.nurse)
    drill.fast_forward("20m")
    drill.expect_nothing()


def test_words_of_danger_during_a_hold_alert_like_any_others(edge: Edge, drill: Drill):
    do(edge, handoff.take, edge.nurse)
    edge.say(RISK)
    drill.expect_mail("noor", says="answer now")
    assert "safety.card" in edge.contents()
    drill.move(machine.acknowledge, edge.nurse)


def test_typing_is_seen_on_both_sides_and_holds_no_words(edge: Edge):
    edge.client.post("/api/typing")
    assert events(edge, "typing") == [("staff", edge.conversation)]
    nurse = desk(edge, edge.nurse)
    do(edge, handoff.take, edge.nurse)
    edge.say(RISK)
    nurse.get(page(edge))
    answer = nurse.post(
        f"/console/conversations/{edge.conversation}/typing", {"text": "not to be sent"}
    )
    assert answer.status_code == 204
    assert events(edge, "typing")[1:] == [(f"conversation:{edge.conversation}", "staff")]


def test_who_does_not_hold_it_types_to_nobody(edge: Edge):
    do(edge, handoff.take, edge.nurse)
    robin = desk(edge, edge.therapist)
    robin.get(page(edge))
    path = f"/console/conversations/{edge.conversation}/typing"
    assert robin.post(path).status_code == 409
    assert robin.post(path, {"csrf": "wrong"}).status_code == 403
    assert events(edge, "typing") == []


def test_the_patient_sees_who_opened_their_words_when_a_person_has(edge: Edge):
    edge.say("the light stayed with me")
    assert edge.state()["read"] is None
    robin = desk(edge, edge.therapist)
    # A page that asks by itself is no reader.
    robin.get(f"{page(edge)}/looking", {"HX-Request": "true"})
    assert edge.state()["read"] is None
    robin.get(page(edge))
    assert edge.state()["read"]["text"].startswith("Robin opened this at")
    edge.say("and then the sea")
    assert edge.state()["read"] is None, "the newer words nobody has opened"


def test_a_clinician_sees_whether_their_words_were_seen(edge: Edge):
    do(edge, handoff.take, edge.therapist)
    said = do(edge, handoff.say, edge.therapist, "I am here.", "key-1")
    robin = desk(edge, edge.therapist)
    assert "Not seen yet" in shown(robin.get(page(edge)).text)
    assert edge.client.post("/api/seen", json={"seq": said.seq}).status_code == 204
    assert "Seen by the patient" in shown(robin.get(page(edge)).text)


@pytest.mark.parametrize("seq", [0, -1, "1", 1.5, None])
def test_a_claim_to_have_seen_is_checked(edge: Edge, seq: object):
    assert edge.client.post("/api/seen", json={"seq": seq}).status_code == 422


def test_nobody_has_seen_what_was_not_written_yet(edge: Edge):
    edge.client.post("/api/seen", json={"seq": 9_999})
    do(edge, handoff.take, edge.therapist)
    do(edge, handoff.say, edge.therapist, "I am here.", "key-1")
    assert "Not seen yet" in shown(desk(edge, edge.therapist).get(page(edge)).text)


def test_who_else_is_looking_is_said_for_as_long_as_they_look(edge: Edge):
    edge.say(RISK)
    robin, noor = desk(edge, edge.therapist), desk(edge, edge.nurse)
    robin.get(page(edge))
    assert "Also looking: Robin." in shown(noor.get(page(edge)).text)
    assert "Also looking: Noor." in shown(robin.get(f"{page(edge)}/looking").text)
    Drill(edge).jump(hours=0.01)
    assert "Also looking" not in shown(noor.get(f"{page(edge)}/looking").text)


def test_who_may_not_read_learns_of_nobody(edge: Edge):
    vera = edge.world.staff("Vera", "admin")
    assert desk(edge, vera).get(f"{page(edge)}/looking").status_code == 404


def test_the_forms_note_an_attempt_and_hand_the_alert_over(edge: Edge, drill: Drill):
    kai = edge.world.staff("Kai", "supervisor")
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    noor = desk(edge, edge.nurse)
    noor.get(page(edge))
    alert = drill.alert().id
    noor.post(
        f"/console/escalations/{alert}/contact", {"kind": "no_answer", "note": "Rang <twice>."}
    )
    text = noor.get(page(edge)).text
    assert "Called, no answer. Rang &lt;twice&gt;." in text
    noor.post(f"/console/escalations/{alert}/hand-over", {"to": kai.id})
    drill.expect_mail("noor", "kai")
    assert "asked Kai to take it" in shown(noor.get(page(edge)).text)
    refused = noor.post(f"/console/escalations/{alert}/hand-over", {"to": kai.id})
    assert "Only the person who has this alert" in shown(refused.text)
    drill.move(machine.acknowledge, kai)


def test_asking_for_a_person_without_any_risk_waits_on_the_list_or_calls_by_their_choice(
    edge: Edge, drill: Drill
):
    def wants(urgency: str):
        wish = {"task": "human_request", "urgency": urgency}
        record = {"kind": "clinic_task", "key": f"wish-{urgency}", "data": wish}
        return lambda turn: says(turn, f"conversation.human_{urgency}", records=(record,))

    edge.peer.act = wants("routine")
    edge.say("can somebody call me some day")
    drill.expect_nothing()
    assert "A person" in shown(desk(edge, edge.therapist).get("/console/requests").text)
    edge.peer.act = wants("urgent")
    edge.say("sooner please")
    drill.expect_mail("noor", says="call back today")
    assert edge.state()["alert"]["told"].startswith("Your care team was alerted at")
    drill.move(machine.acknowledge, edge.nurse)


@pytest.mark.parametrize(
    ("hours_later", "closed_on", "expected"),
    [
        (0, "", "is closed now and opens tomorrow at 9:00 am."),
        (10, "", "is closed now and opens today at 9:00 am."),
        (15, "", "is open now."),
        (84, "", "is closed now and opens Monday at 9:00 am."),
        (84, "2026-03-16 2026-03-17", "is closed now and opens Wednesday at 9:00 am."),
    ],
)
def test_when_to_expect_an_answer_is_what_the_clinic_has_set(
    edge: Edge, hours_later: int, closed_on: str, expected: str
):
    """Tuesday, 7 in the evening at first. Nothing is promised that nobody has set."""
    edge.world.clock.advance(timedelta(hours=hours_later))
    with edge.world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | {"closed_on": closed_on, "reads_within": "3 days"}
    edge.peer.act = lambda turn: says(turn, "conversation.human_routine")
    edge.say("can somebody call me some day")
    said = edge.shown()[-1]["text"]
    assert f"Harbor Clinic {expected}" in said
    assert "within 3 days" in said
    assert edge.peer.turns[-1]["context"]["clinic"]["clinic_open"] == expected.rstrip(".")


def test_where_to_send_help_is_kept_sealed_and_the_newest_shows(edge: Edge):
    edge.say(RISK)
    noor = desk(edge, edge.nurse)
    noor.get(page(edge))
    assert "Where to send help" not in shown(noor.last)
    for where in ("12 Canal St", "  ", "Now at <her> sister's, 4 Elm Rd"):
        answer = noor.post(f"{page(edge)}/location", {"where": where})
        assert answer.status_code == 303
        edge.world.clock.advance(timedelta(minutes=1))
        noor.get(page(edge))
    assert "Now at &lt;her&gt; sister&#39;s, 4 Elm Rd" in noor.last
    assert "12 Canal St" not in noor.last
    with edge.world.system.database.read() as session:
        kept = session.scalars(select(Record).where(Record.kind == "location")).all()
        assert len(kept) == 2, "every version, and nothing for nothing"
        assert b"Elm" not in kept[-1].data_sealed
