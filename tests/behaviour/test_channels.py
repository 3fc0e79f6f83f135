"""Alerts over every channel, what comes back, and what is refused."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic.escalation import machine
from clinic.notify import replies
from clinic.outbox import queue
from clinic.records.models import Outbox, StaffContact
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer
from tests.behaviour.relay import RISK, WORRY, Relay
from tests.behaviour.relay import relay as running
from tests.builders import World
from tests.desk import audit
from tests.providers import HANG_UP, Providers, Reply, providers

NOOR, ROBIN = "+15550177001", "+15550177002"


@pytest.fixture
def all_providers() -> Iterator[Providers]:
    with providers() as started:
        yield started


@pytest.fixture
def edge(tmp_path: Path, peer: Peer, all_providers: Providers) -> Iterator[Edge]:
    world = World.make(
        tmp_path, assistant_url=peer.url, turn_deadline=2.0, **all_providers.settings()
    )
    with open_edge(world, peer) as opened:
        yield opened
    world.system.database.close()


@pytest.fixture
def relay(edge: Edge, all_providers: Providers, caplog: pytest.LogCaptureFixture):
    with running(edge, all_providers, caplog) as started:
        yield started


def refusals(edge: Edge) -> list[str]:
    return [row.detail["reason"] for row in audit(edge.world, "callback.refused")]


# Text messages and their answers.


def test_a_text_message_is_answered_and_the_alert_is_taken(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1: answer now").then_reply("ack 1").then_expect("you have alert 1")
    assert (relay.alert().state, relay.alert().acked_by) == ("acked", edge.nurse.id)
    assert edge.state()["alert"]["seen"].startswith("Noor saw this")
    relay.pass_time(10)
    noor.expect_nothing()


@pytest.mark.parametrize("typed", ["ACK 1", "Ack #1", " ack  1. ", "aCk1", "ack 1\n"])
def test_an_answer_is_read_generously(edge: Edge, relay: Relay, typed: str):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply(typed).then_expect("you have alert 1")


@pytest.mark.parametrize("typed", ["ok", "", "ack", "ack one", "ack 1 2", "1", "nack 1", "🙂"])
def test_anything_else_gets_a_short_answer_and_changes_nothing(
    edge: Edge, relay: Relay, typed: str
):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply(typed).then_expect("reply ACK and its number")
    assert relay.alert().state == "open"


def test_a_number_nobody_confirmed_takes_no_alert(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    with edge.world.system.database.write() as session:
        for contact in session.scalars(select(StaffContact)):
            contact.verified_at = None
    noor.then_reply("ack 1").then_expect("use these now")
    assert relay.alert().state == "open"
    assert refusals(edge) == ["unknown number"]


def test_a_stranger_gets_the_numbers_that_help_once_a_day(edge: Edge, relay: Relay):
    """It may be a patient who writes to the number on somebody's screen."""
    twilio = relay.providers.twilio
    first = twilio.reply(edge.client, "+15550199999", "I want to die")
    assert "911" in first.text
    assert "988" in first.text
    again = twilio.reply(edge.client, "+15550199999", "hello?")
    assert "<Message>" not in again.text
    edge.world.clock.advance(timedelta(days=1))
    assert "988" in twilio.reply(edge.client, "+15550199999", "hello?").text


def test_an_alert_that_is_not_theirs_does_not_exist_for_them(edge: Edge, relay: Relay):
    """The same rule as in the console (invariant I10), and the same answer as for no alert."""
    outsider = edge.world.staff("Kai", "therapist")
    phone = relay.phone(outsider, ROBIN)
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    for number in ("1", "99"):
        phone.then_reply(f"ack {number}").then_expect("no such alert for you")
    assert relay.alert().state == "open"
    assert refusals(edge) == ["no such alert for them"] * 2


def test_an_alert_somebody_has_is_not_taken_away(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    robin.then_reply("ack 1").then_expect("you have alert 1")
    noor.then_reply("ack 1").then_expect("Robin already has this alert")
    assert relay.alert().acked_by == edge.therapist.id


def test_a_late_answer_to_a_resolved_alert_is_refused(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply("ack 1").then_expect("you have")
    with edge.world.system.database.write() as session:
        staff = session.merge(edge.nurse)
        machine.resolve(
            edge.world.system, session, relay.alert().id, staff, "spoke_safe", "Called."
        )
    noor.then_reply("ack 1").then_expect("already resolved")
    assert relay.alert().state == "resolved"
    assert refusals(edge) == ["not possible now"]


def test_a_replayed_answer_prolongs_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply("ack 1", MessageSid="SM1").then_expect("you have")
    until = relay.alert().ack_until
    edge.world.clock.advance(timedelta(minutes=10))
    noor.then_reply("ack 1", MessageSid="SM1")
    assert "<Message>" not in noor.answer.text
    assert relay.alert().ack_until == until
    assert refusals(edge) == ["replayed"]


def test_a_number_that_is_two_peoples_names_nobody(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    relay.phone(edge.therapist, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply("ack 1").then_expect("several people")
    assert relay.alert().state == "open"
    assert refusals(edge) == ["shared number"]


def test_somebody_who_left_answers_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    with edge.world.system.database.write() as session:
        session.merge(edge.nurse).active = False
    noor.then_reply("ack 1").then_expect("use these now")
    assert relay.alert().state == "open"


# Forged, foreign, and by GET.


def test_a_forged_answer_is_refused_and_on_record(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    url = "http://testserver/notify/sms/reply"
    twilio = relay.providers.twilio
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account,
        "From": NOOR,
        "To": twilio.number,
        "Body": "ack 1",
    }
    assert edge.client.post(url, data=fields).status_code == 403
    assert twilio.call(edge.client, url, fields, token="another").status_code == 403
    # A good signature, for other fields.
    good = twilio.call(edge.client, url, fields | {"Body": "hello"}).request
    headers = {"X-Twilio-Signature": good.headers["X-Twilio-Signature"]}
    assert edge.client.post(url, data=fields, headers=headers).status_code == 403
    assert edge.client.post(f"{url}?x=1", data=fields, headers=headers).status_code == 403
    assert relay.alert().state == "open"
    assert refusals(edge) == ["unsigned", "forged", "forged", "forged"]


def test_an_answer_by_get_is_refused_and_on_record(edge: Edge, relay: Relay):
    """Mail scanners and link previews ask with GET."""
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    for path in ("/notify/sms/reply", "/notify/sms/status", "/notify/webhook/acknowledge"):
        asked = edge.client.get(path, params={"From": NOOR, "Body": "ack 1"})
        assert asked.status_code == 405
    alert = relay.alert()
    assert edge.client.get(f"/console/escalations/{alert.id}/acknowledge").status_code == 405
    assert relay.alert().state == "open"
    assert refusals(edge) == ["method"] * 3


def test_an_answer_for_another_clinic_is_refused_and_on_record(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").then_reply("ack 1", To="+15550888888")
    assert "<Message>" not in noor.answer.text
    noor.then_reply("ack 1", AccountSid="AC" + "9" * 32)
    assert noor.answer.status_code == 403
    assert relay.alert().state == "open"
    assert refusals(edge) == ["another clinic", "another account"]


def test_knocking_all_night_does_not_fill_the_audit_log(edge: Edge, monkeypatch):
    monkeypatch.setattr(replies, "REFUSALS", 3)
    for _ in range(5):
        assert edge.client.post("/notify/sms/reply", data={"Body": "ack 1"}).status_code == 403
    assert refusals(edge) == ["unsigned"] * 3
    edge.world.clock.advance(timedelta(hours=1))
    edge.client.post("/notify/sms/reply", data={"Body": "ack 1"})
    assert refusals(edge) == ["unsigned"] * 4


# What providers report later.


def test_a_report_of_delivery_is_kept_and_answers_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").reports("delivered")
    (row,) = relay.rows()
    assert (row.state, row.delivery) == ("sent", "delivered")
    assert row.provider_id == noor.last.sid
    assert relay.alert().state == "open"


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_report_of_failure_moves_the_alert_on_at_once(edge: Edge, relay: Relay, status: str):
    noor = relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    edge.say(RISK)
    noor.expect_sms("alert 1").reports(status, "30003")
    robin.expect_sms("alert 1")
    noor.expect_sms("alert 1")
    first = relay.rows()[0]
    assert (first.state, first.delivery, first.last_error) == ("failed", "failed", "twilio 30003")
    (failure,) = audit(edge.world, "notification.failed")
    assert failure.detail["error"] == "twilio 30003"


def test_a_report_that_comes_before_our_own_note_still_counts(edge: Edge, relay: Relay):
    """Twilio may be quicker than our transaction."""
    relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    system = edge.world.system
    claimed = queue.claim(system, "sender")
    channels = relay.engine._channels
    sid = channels.send(claimed.channel, claimed.outgoing)
    (text,) = relay.providers.twilio.fresh(NOOR)
    relay.providers.twilio.report(edge.client, text, "failed", "30005")
    queue.settle(system, "sender", claimed, "sent", provider_id=sid)
    (row,) = relay.rows()
    assert (row.state, row.last_error) == ("failed", "twilio 30005")
    assert relay.alert().next_at == edge.world.clock.now()


def test_replayed_and_late_reports_change_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1").reports("delivered")
    noor.reports("delivered")
    noor.reports("failed", "30003")
    (row,) = relay.rows()
    assert (row.state, row.delivery) == ("sent", "delivered")
    assert refusals(edge) == ["replayed", "late"]


def test_a_report_about_an_attempt_of_the_past_changes_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    twilio, old = relay.providers.twilio, "SM" + "1" * 32
    fields = {"MessageSid": old, "MessageStatus": "failed", "AccountSid": twilio.account}
    assert twilio.call(edge.client, noor.last.callback, fields).status_code == 204
    assert relay.rows()[0].state == "sent"
    elsewhere = noor.last.callback.replace("row=1", "row=999")
    for url in (elsewhere, elsewhere.replace("999", "x"), elsewhere.replace("999", "9" * 30)):
        status = {"MessageStatus": "failed", "MessageSid": f"SM{len(url)}"}
        assert twilio.call(edge.client, url, fields | status).status_code == 204
    assert refusals(edge) == ["late", *["unknown notification"] * 3]


def test_a_forged_report_changes_nothing(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    edge.say(RISK)
    noor.expect_sms("alert 1")
    fields = {"MessageSid": noor.last.sid, "MessageStatus": "failed"}
    relay.providers.twilio.call(edge.client, noor.last.callback, fields, token="x")
    assert relay.rows()[0].state == "sent"
    assert refusals(edge) == ["forged"]


# Providers that fail.


def test_a_number_that_can_never_work_moves_on_at_once_and_is_marked(edge: Edge, relay: Relay):
    relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    relay.providers.twilio.act.append(relay.providers.twilio.error(400, 21610))
    edge.say(RISK)
    relay.engine.cycle()
    robin.expect_sms("alert 1")
    relay.providers.twilio.fresh(NOOR)
    with edge.world.system.database.read() as session:
        contacts = session.scalars(select(StaffContact).where(StaffContact.address == NOOR)).all()
    assert [c.failing for c in contacts] == [None], "it worked again at the second step"
    assert audit(edge.world, "notification.failed")[0].detail["error"] == "twilio 21610"


def test_what_may_have_arrived_is_not_sent_twice_and_somebody_else_is_told(
    edge: Edge, relay: Relay
):
    noor = relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    relay.providers.twilio.act.append(HANG_UP)
    edge.say(WORRY)
    noor.expect_sms("alert 1")
    robin.expect_sms("alert 1")
    first, *_ = relay.rows()
    assert (first.state, first.attempt) == ("failed", 1)
    assert first.last_error.startswith("unknown: ")
    relay.providers.twilio.fresh(NOOR)


def test_too_many_requests_waits_and_then_goes_out(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    twilio = relay.providers.twilio
    twilio.act.append(twilio.error(429, 20429, retry_after="90"))
    edge.say(WORRY)
    noor.expect_nothing()
    relay.pass_time(1)
    noor.expect_nothing()
    edge.world.clock.advance(timedelta(minutes=1))
    noor.expect_sms("alert 1")


def test_a_refused_account_calls_others_meanwhile_and_is_tried_again(edge: Edge, relay: Relay):
    noor = relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    twilio = relay.providers.twilio
    twilio.act.append(twilio.error(401, 20003))
    edge.say(RISK)
    noor.expect_nothing()
    robin.expect_sms("alert 1")
    twilio.fresh(NOOR)
    relay.pass_time(0.2)
    assert len(twilio.fresh(NOOR)) == 1
    assert relay.rows()[0].state == "sent"


def test_a_browser_that_is_gone_is_removed_and_the_alert_moves_on(edge: Edge, relay: Relay):
    gone = relay.browser(edge.nurse)
    robin = relay.browser(edge.therapist)
    del relay.providers.push.browsers[gone.name]
    edge.say(RISK)
    relay.engine.cycle()
    relay.engine.cycle()
    assert [shown["tag"] for shown in robin.shown] == ["alert-1"]
    (removed,) = audit(edge.world, "contact.remove")
    assert removed.actor == "system"
    asked = len(relay.providers.push.requests)
    relay.pass_time(5)
    names = [r.path.rpartition("/")[2] for r in relay.providers.push.requests[asked:]]
    assert gone.name not in names, "nobody knocks at a place that is gone"


def test_a_provider_that_is_away_is_tried_again_and_others_do_not_wait(edge: Edge, relay: Relay):
    browser = relay.browser(edge.nurse)
    relay.providers.push.act.extend([Reply(503)] * 2)
    edge.say(RISK)
    for _ in range(3):
        relay.pass_time(0.3)
    assert len(browser.shown) == 1
    assert relay.rows()[0].attempt == 3


def test_a_contact_removed_while_an_alert_runs_gets_nothing_and_others_are_told(
    edge: Edge, relay: Relay
):
    noor = relay.phone(edge.nurse, NOOR)
    robin = relay.phone(edge.therapist, ROBIN)
    edge.say(RISK)
    with edge.world.system.database.write() as session:
        contact = session.scalars(select(StaffContact).where(StaffContact.address == NOOR)).one()
        contact.verified_at, contact.removed_at = None, edge.world.clock.now()
    noor.expect_nothing()
    robin.expect_sms("alert 1")
    assert relay.rows()[0].state == "failed"
    (failure,) = audit(edge.world, "notification.failed")
    assert failure.detail["error"] == "contact does not count"


def test_a_channel_that_was_taken_out_moves_the_alert_on(edge: Edge, relay: Relay):
    relay.only(edge.nurse, "carrier_pigeon", "loft 4")
    robin = relay.phone(edge.therapist, ROBIN)
    edge.say(RISK)
    relay.engine.cycle()
    robin.expect_sms("alert 1")


# Those that follow an alert.


def test_pagerduty_follows_the_alert_to_its_end_and_a_new_round_is_a_new_incident(
    edge: Edge, relay: Relay
):
    pagerduty = relay.providers.pagerduty
    relay.only(edge.nurse, "pagerduty", pagerduty.key)
    edge.say(RISK)
    relay.engine.cycle()
    relay.pass_time(5)
    assert list(pagerduty.incidents.values()) == ["triggered"], "one incident for the round"
    _take(edge, relay)
    relay.engine.cycle()
    assert list(pagerduty.incidents.values()) == ["acknowledged"]
    relay.pass_time(16)
    assert list(pagerduty.incidents.values()) == ["acknowledged", "triggered"]
    _take(edge, relay)
    with edge.world.system.database.write() as session:
        machine.resolve(
            edge.world.system,
            session,
            relay.alert().id,
            session.merge(edge.nurse),
            "spoke_safe",
            "Called.",
        )
    relay.engine.cycle()
    assert list(pagerduty.incidents.values()) == ["resolved", "resolved"]


def test_an_incident_acknowledged_elsewhere_does_not_answer_the_alert(edge: Edge, relay: Relay):
    pagerduty = relay.providers.pagerduty
    relay.only(edge.nurse, "pagerduty", pagerduty.key)
    robin = relay.phone(edge.therapist, ROBIN)
    edge.say(RISK)
    relay.engine.cycle()
    for name in pagerduty.incidents:
        pagerduty.incidents[name] = "acknowledged"
    edge.world.clock.advance(timedelta(minutes=5))
    robin.expect_sms("alert 1")


def _take(edge: Edge, relay: Relay) -> None:
    with edge.world.system.database.write() as session:
        staff = session.merge(edge.nurse)
        machine.acknowledge(edge.world.system, session, relay.alert().id, staff)


# The clinic's own system.


@pytest.fixture
def call(edge: Edge, relay: Relay) -> dict[str, object]:
    """What the clinic's own system was told of an alert."""
    receiver = relay.providers.receiver
    relay.only(edge.nurse, "webhook", f"{receiver.url}/alerts")
    edge.say(RISK)
    relay.engine.cycle()
    (taken,) = receiver.taken.values()
    return dict(taken["data"])


def test_a_clinics_own_system_takes_an_alert_for_its_person(edge: Edge, relay: Relay, call):
    answer = relay.providers.receiver.acknowledge(edge.client, call)
    assert answer.status_code == 200
    assert (relay.alert().state, relay.alert().acked_by) == ("acked", edge.nurse.id)
    relay.engine.cycle()
    told = [taken["type"] for taken in relay.providers.receiver.taken.values()]
    assert told == ["escalation.alert", "escalation.acknowledged"]


@pytest.mark.parametrize(
    ("changes", "data", "status", "reason"),
    [
        ({"signature": "v1,AAAA"}, {}, 403, "forged"),
        ({"signature": "v1a,x v2,y"}, {}, 403, "forged"),
        ({"at": -301}, {}, 403, "late"),
        ({"at": 301}, {}, 403, "late"),
        ({}, {"clinic": "https://other.test"}, 403, "another clinic"),
        ({}, {"contact": "nobody"}, 403, "unknown contact"),
        ({}, {"contact": None}, 422, "malformed"),
        ({}, {"number": "1"}, 422, "malformed"),
        ({}, {"number": True}, 422, "malformed"),
        ({}, {"number": 99}, 409, "no such alert for them"),
    ],
)
def test_a_wrong_answer_of_a_system_is_refused_and_on_record(
    edge: Edge, relay: Relay, call, changes, data, status, reason
):
    receiver = relay.providers.receiver
    if "at" in changes:
        changes = {"at": int(edge.world.clock.now().timestamp()) + changes["at"]}
    answer = receiver.acknowledge(edge.client, call | data, **changes)
    assert answer.status_code == status
    assert relay.alert().state == "open"
    assert refusals(edge) == [reason]


def test_a_systems_answer_counts_once(edge: Edge, relay: Relay, call):
    receiver = relay.providers.receiver
    assert receiver.acknowledge(edge.client, call, name="msg_1").status_code == 200
    until = relay.alert().ack_until
    edge.world.clock.advance(timedelta(minutes=1))
    assert receiver.acknowledge(edge.client, call, name="msg_1").status_code == 409
    assert relay.alert().ack_until == until
    assert refusals(edge) == ["replayed"]


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"type": "x", "data": {}}', b"{" * 2000])
def test_nonsense_with_a_good_signature_is_refused(edge: Edge, relay: Relay, body: bytes):
    receiver = relay.providers.receiver
    at = int(edge.world.clock.now().timestamp())
    signed = hmac.new(receiver.secret, b"msg_1." + str(at).encode() + b"." + body, "sha256")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(signed.digest()).decode(),
    }
    answer = edge.client.post("/notify/webhook/acknowledge", content=body, headers=headers)
    assert answer.status_code == 403
    assert refusals(edge) == ["another clinic"]


# All at once.


def test_one_alert_goes_out_on_every_channel_without_a_word_of_the_patient(
    edge: Edge, relay: Relay
):
    """What the canary would betray is checked when the drill ends."""
    system, found = edge.world.system, relay.providers
    browser = relay.browser(edge.nurse)
    with system.database.write() as session:
        for channel, address in (
            ("sms", NOOR),
            ("pagerduty", found.pagerduty.key),
            ("webhook", f"{found.receiver.url}/alerts"),
            ("apprise", "team"),
        ):
            session.add(
                StaffContact(
                    staff_id=edge.nurse.id,
                    channel=channel,
                    address=address,
                    verified_at=edge.world.clock.now(),
                )
            )
    edge.say(RISK)
    relay.engine.cycle()
    assert len(found.twilio.fresh(NOOR)) == 1
    assert len(browser.shown) == len(found.pagerduty.incidents) == 1
    assert len(found.receiver.taken) == len(found.room.posts) == 1
    assert {row.state for row in relay.rows()} == {"sent"}
    assert all(row.provider_id for row in relay.rows() if row.channel != "apprise")


def test_one_alert_among_three_hundred_codes_goes_first(edge: Edge, relay: Relay):
    relay.phone(edge.nurse, NOOR)
    edge.say(WORRY)
    with edge.world.system.database.write() as session:
        first = session.scalars(select(Outbox)).one()
        for number in range(300):
            session.add(
                Outbox(
                    key=f"low/{number}",
                    channel="sms",
                    contact_id=first.contact_id,
                    template="something.new",
                    params={},
                    priority=100,
                    due_at=first.due_at - timedelta(hours=1),
                    created_at=first.created_at,
                )
            )
    claimed = queue.claim(edge.world.system, "sender", Outbox.channel == "sms")
    assert claimed.row == first.id
    assert json.dumps(claimed.outgoing.params) == '{"number": 1, "level": "urgent"}'
