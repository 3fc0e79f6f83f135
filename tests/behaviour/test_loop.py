"""Drills: from a risk message to a named human's recorded outcome, one sentence each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from clinic.escalation import machine, policy
from clinic.records.models import Clinic, ContactAttempt, OnCallShift, Outbox, StaffContact
from tests.behaviour.conftest import Edge
from tests.behaviour.drill import RISK, WORRY, Drill
from tests.behaviour.drill import drill as running

#: The edge's people (conftest): Noor is on call, Robin is the patient's therapist.


@pytest.fixture
def drill(edge: Edge, caplog: pytest.LogCaptureFixture):
    with running(edge, caplog) as started:
        yield started


def open_clinic(edge: Edge) -> None:
    """Wednesday, 11 in the morning at the clinic: the doors are open."""
    world = edge.world
    world.clock.advance(datetime(2026, 3, 11, 15, 0, tzinfo=UTC) - world.clock.now())


def settle_settings(edge: Edge, **changed: object) -> None:
    with edge.world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | changed


def test_each_step_calls_more_people_until_somebody_answers(edge: Edge, drill: Drill):
    edge.world.staff("Kai", "supervisor")
    edge.say(RISK)
    drill.expect_mail("noor", says="answer now")
    drill.fast_forward("4m")
    drill.expect_nothing()
    drill.fast_forward("1m")
    drill.expect_mail("noor", "robin")
    drill.fast_forward("5m")
    drill.expect_mail("noor", "robin", "kai")
    drill.move(machine.acknowledge, edge.nurse)
    drill.fast_forward("14m")
    drill.expect_nothing()


def test_after_a_round_without_an_answer_the_fallback_is_called_and_the_patient_told(
    edge: Edge, drill: Drill
):
    vera = edge.world.staff("Vera", "admin")
    settle_settings(edge, fallback=[vera.id])
    edge.say(RISK)
    drill.fast_forward("14m")
    drill.forget()
    assert "alert.nobody_yet" not in edge.contents()
    drill.fast_forward("1m")
    drill.expect_mail("noor", "vera")
    assert edge.contents()[-1] == "alert.nobody_yet"
    assert edge.state()["alert"]["told"].startswith("No clinician has answered yet")
    drill.fast_forward("15m")
    assert edge.contents().count("alert.nobody_yet") == 1, "once is honest, again is noise"
    drill.forget()


def test_without_a_fallback_list_every_clinician_is_the_fallback(edge: Edge, drill: Drill):
    edge.world.staff("Kai", "supervisor")
    edge.world.staff("Vera", "admin")
    edge.say(RISK)
    drill.fast_forward("14m")
    drill.forget()
    drill.fast_forward("1m")
    drill.expect_mail("noor", "robin", "kai")


def test_urgent_goes_to_the_team_while_the_clinic_is_open(edge: Edge, drill: Drill):
    open_clinic(edge)
    edge.say(WORRY)
    drill.expect_mail("noor", "robin", says="call back today")


def test_urgent_goes_to_whoever_is_on_call_while_it_is_closed(edge: Edge, drill: Drill):
    edge.say(WORRY)
    drill.expect_mail("noor", says="call back today")
    drill.fast_forward("30m")
    drill.expect_mail("noor", "robin")


def test_a_day_the_clinic_stays_closed_counts_as_after_hours(edge: Edge, drill: Drill):
    open_clinic(edge)
    settle_settings(edge, closed_on="2026-03-11")
    edge.say(WORRY)
    drill.expect_mail("noor")


def test_a_setting_that_cannot_be_read_holds_up_no_alert(edge: Edge, drill: Drill):
    settle_settings(edge, opening="whenever", closed_on="sundays")
    edge.say(WORRY)
    drill.expect_mail("noor")


def test_an_alert_keeps_the_policy_it_was_opened_under(
    edge: Edge, drill: Drill, monkeypatch: pytest.MonkeyPatch
):
    edge.say(RISK)
    drill.expect_mail("noor")
    edited = policy.load() | {"levels": {"emergency": {"steps": []}, "urgent": {"steps": []}}}
    monkeypatch.setattr(policy, "load", lambda *_: edited)
    drill.fast_forward("5m")
    drill.expect_mail("noor", "robin")


@pytest.mark.parametrize("steps", ["[]", "[{after: 5, to: on_call}]", "[{after: 0, to: nobody}]"])
def test_a_policy_that_would_call_nobody_is_refused(tmp_path, steps: str):
    path = tmp_path / "policy.yml"
    whole = policy.PATH.read_text(encoding="utf-8")
    start = whole.index("    steps:")
    path.write_text(
        whole[:start] + f"    steps: {steps}\n" + whole[whole.index("    # After the last") :],
        encoding="utf-8",
    )
    with pytest.raises(policy.PolicyError, match="emergency"):
        policy.load(path)


def test_a_rise_takes_the_graver_policy_and_calls_again(edge: Edge, drill: Drill):
    edge.say(WORRY)
    drill.expect_mail("noor", says="call back today")
    drill.move(machine.acknowledge, edge.nurse)
    edge.say(RISK)
    drill.expect_mail("noor", says="answer now")
    assert drill.alert().policy["ack_minutes"] == 15


def test_giving_back_calls_at_once(edge: Edge, drill: Drill):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    drill.move(machine.release, edge.nurse)
    drill.expect_mail("noor")


def test_handing_over_calls_the_colleague_and_holds_nothing_until_they_take_it(
    edge: Edge, drill: Drill
):
    kai = edge.world.staff("Kai", "supervisor")
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    drill.move(machine.hand_over, edge.nurse, kai)
    drill.expect_mail("noor", "kai")
    assert drill.alert().state == "open"
    drill.move(machine.acknowledge, kai)
    with pytest.raises(machine.RefusedError):
        drill.move(machine.hand_over, edge.nurse, kai)


def test_nobody_hands_over_to_somebody_who_cannot_be_called(edge: Edge, drill: Drill):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    with edge.world.system.database.write() as session:
        for contact in session.scalars(select(StaffContact)):
            if contact.staff_id == edge.therapist.id:
                contact.verified_at = None
    with pytest.raises(machine.RefusedError, match="Robin"):
        drill.move(machine.hand_over, edge.nurse, edge.therapist)
    assert drill.alert().state == "acked", "and the holder still has it"


def test_an_attempt_to_reach_the_patient_is_kept_and_lengthens_the_lease(edge: Edge, drill: Drill):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    drill.fast_forward("14m")
    drill.move(machine.log_contact, edge.nurse, "no_answer", "Rang twice.")
    drill.fast_forward("14m")
    drill.expect_nothing()
    drill.move(machine.log_contact, edge.therapist, "voicemail")
    drill.fast_forward("1m")
    drill.expect_mail("noor")
    with edge.world.system.database.read() as session:
        kinds = session.scalars(select(ContactAttempt.kind).order_by(ContactAttempt.at)).all()
    assert kinds == ["no_answer", "voicemail"], "only the holder's own work lengthens the lease"
    with pytest.raises(machine.RefusedError):
        drill.move(machine.log_contact, edge.nurse, "telepathy")


def test_nobody_on_call_means_the_next_step_at_once(edge: Edge, drill: Drill):
    with edge.world.system.database.write() as session:
        session.query(OnCallShift).delete()
    edge.say(RISK)
    drill.expect_mail("robin")
    drill.fast_forward("5m")
    drill.expect_mail("noor", "robin")


def test_whoever_comes_on_call_hears_of_what_still_calls(edge: Edge, drill: Drill):
    """The alert is urgent: the next step would be half an hour away."""
    kai = edge.world.staff("Kai", "on_call")
    edge.say(WORRY)
    drill.expect_mail("noor")
    now = edge.world.clock.now()
    with edge.world.system.database.write() as session:
        session.add(OnCallShift(staff_id=kai.id, starts_at=now + timedelta(minutes=3)))
    drill.fast_forward("2m")
    drill.expect_nothing()
    drill.fast_forward("1m")
    drill.expect_mail("kai")
    drill.fast_forward("5m")
    drill.expect_nothing()


def test_a_clock_that_jumps_ahead_calls_once_and_not_for_every_step_it_missed(
    edge: Edge, drill: Drill
):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.jump(hours=3)
    drill.expect_mail("noor", "robin")
    drill.jump(hours=72)
    drill.expect_mail("noor", "robin")


def test_a_clock_that_jumps_back_repeats_nothing_and_goes_on(edge: Edge, drill: Drill):
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.jump(hours=-3)
    drill.expect_nothing()
    drill.jump(hours=3)
    drill.fast_forward("5m")
    drill.expect_mail("noor", "robin")


@pytest.mark.parametrize(("seconds", "state"), [(899, "acked"), (900, "open"), (901, "open")])
def test_a_lease_ends_to_the_second(edge: Edge, drill: Drill, seconds: int, state: str):
    edge.say(RISK)
    drill.move(machine.acknowledge, edge.nurse)
    drill.jump(hours=seconds / 3600)
    assert drill.alert().state == state
    drill.forget()


def test_the_graver_alert_goes_out_first_however_many_wait(edge: Edge, drill: Drill):
    """Three hundred notifications are queued; a new emergency jumps the queue."""
    world = edge.world
    edge.say(WORRY)
    with world.system.database.write() as session:
        first = session.scalars(select(Outbox)).one()
        session.add_all(
            Outbox(
                key=f"fill/{n}",
                channel="email",
                contact_id=first.contact_id,
                template=first.template,
                escalation_id=first.escalation_id,
                params=first.params,
                priority=first.priority,
                due_at=first.due_at,
                created_at=first.created_at,
            )
            for n in range(300)
        )
    edge.say(RISK)
    drill.engine.cycle()
    subjects = [mail["Subject"] for mail in drill.mails]
    assert len(subjects) > 300
    assert "answer now" in subjects[0]
    assert not [s for s in subjects[1:] if "answer now" in s]
    drill.forget()


def test_dead_addresses_everywhere_cause_no_storm(
    edge: Edge, drill: Drill, monkeypatch: pytest.MonkeyPatch
):
    """Every step fails for good: the steps follow at once, and then the round's pause holds."""
    from clinic.notify import Channels, PermanentError

    def dead(*_: object) -> str:
        raise PermanentError("smtp 550")

    monkeypatch.setattr(Channels, "send", dead)
    edge.say(RISK)
    for _ in range(20):
        drill.engine.cycle()
    with edge.world.system.database.read() as session:
        rows = len(session.scalars(select(Outbox)).all())
    assert rows <= 6, "three steps, and no more until the pause is over"
    assert not drill.alert().unanswered
    drill.fast_forward("5m")
    assert drill.alert().unanswered, "the patient is told soon all the same"
    drill.move(machine.acknowledge, edge.nurse)
