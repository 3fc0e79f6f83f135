"""A patient is woken as they chose: without a word of what waits, never at night, never after "no".

Domain tests: the engine, the outbox and real protocol servers on loopback.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from clinic import infusions
from clinic.app import create_app
from clinic.escalation.engine import Engine
from clinic.notify.email import sink
from clinic.outbox import queue
from clinic.patient.access import COOKIE
from clinic.records.models import Message, Outbox, Patient, PatientContact, Touch
from clinic.touches import plan
from clinic.wake import calls, contacts
from tests.builders import World
from tests.desk import alert, audit, heartbeat, shown
from tests.providers import Browser, Providers, providers

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NUMBER = "+15550177001"
SECRET_WORDS = ("infusion", "ketamine", "rivera", "sam", "harbor", "how are you")


@pytest.fixture
def far_end() -> Iterator[Providers]:
    with providers() as started:
        yield started


@pytest.fixture
def world(tmp_path: Path, far_end: Providers) -> Iterator[World]:
    made = World.make(tmp_path, **far_end.settings())
    far_end.push.now = made.clock.now
    heartbeat(made)
    mails = sink.start(tmp_path / "mail")
    yield made
    mails.stop()
    made.system.database.close()


@dataclass
class Phone:
    """A patient with their settings page open, and whatever reaches them outside of it."""

    world: World
    far_end: Providers
    sam: Patient
    page: TestClient
    browser: Browser

    def choose(self, channel: str, confirm: bool = True) -> None:
        typed = {"email": "sam@home.test", "sms": NUMBER, "push": self.browser.subscription}
        fields = {"channel": channel, "address": typed[channel]}
        assert self.page.post("/settings/way", data=fields).status_code == 303
        if confirm:
            turn(self.world)
            code = re.search(r"\b\d{6}\b", self.received(channel)[-1])
            assert code
            assert self.page.post("/settings/way/code", data={"code": code[0]}).status_code == 303

    def received(self, channel: str) -> list[str]:
        if channel == "sms":
            return [text.body for text in self.far_end.twilio.texts]
        if channel == "push":
            return [shown["body"] for shown in self.browser.shown]
        return [f"{mail['subject']}\n{mail.get_content()}" for mail in self.mails()]

    def mails(self) -> list[EmailMessage]:
        found = sorted((self.world.system.settings.home / "mail").glob("*.eml"))
        read = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in found
        ]
        return [mail for mail in read if mail["to"] == "sam@home.test"]

    def woken(self, channel: str = "email") -> int:
        return sum("waiting for you" in text for text in self.received(channel))


@pytest.fixture
def phone(world: World, far_end: Providers) -> Phone:
    sam = world.patient()
    page = TestClient(create_app(world.system), follow_redirects=False)
    page.cookies.set(COOKIE, world.session(sam).token)
    return Phone(world, far_end, sam, page, Browser(far_end.push))


def turn(world: World) -> None:
    Engine(world.system).cycle()


def let_pass(world: World, span: timedelta, step: timedelta = 10 * MINUTE) -> None:
    """Time goes by; the companion's words come, as the assistant would have said them."""
    for _ in range(int(span / step)):
        world.clock.advance(step)
        turn(world)
        _greet(world)
        turn(world)


def _greet(world: World) -> None:
    with world.system.database.write() as session:
        for message in session.scalars(select(Message).where(Message.turn == "waiting")):
            message.turn = "answered"


def touch(world: World, kind: str) -> Touch:
    with world.system.database.read() as session:
        return session.scalars(select(Touch).where(Touch.kind == kind)).one()


def to_the_morning(world: World, phone: Phone) -> None:
    """An infusion yesterday afternoon; the touch of the day after has just come."""
    world.infusion(phone.sam, hours_ago=5)
    world.clock.advance(touch(world, "day_1").due_at - world.clock.now() + MINUTE)
    turn(world)
    _greet(world)


@pytest.mark.parametrize("channel", ["email", "sms", "push"])
def test_a_touch_wakes_the_patient_once_as_they_chose_and_says_nothing_of_it(
    world: World, phone: Phone, channel: str
):
    phone.choose(channel)
    to_the_morning(world, phone)
    assert phone.woken(channel) == 0, "the companion's words come first"
    let_pass(world, HOUR)
    assert phone.woken(channel) == 1
    said = phone.received(channel)[-1].lower()
    assert not [word for word in SECRET_WORDS if word in said]
    assert {"email": "/stop/", "sms": "reply stop", "push": "settings"}[channel] in said


def test_a_mail_can_be_stopped_with_one_press_and_the_address_is_never_used_again(
    world: World, phone: Phone
):
    phone.choose("email")
    to_the_morning(world, phone)
    let_pass(world, HOUR)
    (mail,) = [m for m in phone.mails() if "waiting" in m["subject"]]
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    link = mail["list-unsubscribe"].strip("<>").removeprefix("http://testserver")
    assert link in mail.get_content()
    stranger = TestClient(create_app(world.system), follow_redirects=False)
    assert "one press" in shown(stranger.get(link).text)
    with world.system.database.read() as session:
        assert contacts.counting(session, phone.sam.id), "looking at the link stops nothing"
    assert stranger.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    let_pass(world, 3 * 24 * HOUR, HOUR)
    assert phone.woken() == 1
    again = phone.page.post("/settings/way", data={"channel": "email", "address": "SAM@home.test"})
    assert again.status_code == 422 and "no more messages" in shown(again.text)
    other = world.patient("Kim Ito")
    with (
        pytest.raises(contacts.NotKeptError, match="stopped"),
        world.system.database.write() as session,
    ):
        channels = Engine(world.system)._channels
        found = session.get_one(Patient, other.id)
        contacts.add(world.system, session, channels, found, "email", "sam@home.test")


def test_a_forged_link_stops_nothing(world: World, phone: Phone):
    phone.choose("email")
    with world.system.database.read() as session:
        contact = session.scalars(select(PatientContact)).one()
    for wrong in (contact.id, f"{contact.id}.", f"{contact.id}.{'0' * 32}", "x.y", "%00"):
        answer = phone.page.post(f"/stop/{wrong}")
        assert answer.status_code == 404 and "not known" in shown(answer.text)
    with world.system.database.read() as session:
        assert contacts.counting(session, phone.sam.id)


@pytest.mark.parametrize("said", ["STOP", " stop. ", "Unsubscribe"])
def test_stop_by_text_message_is_heeded_for_good(
    world: World, phone: Phone, far_end: Providers, said: str
):
    phone.choose("sms")
    answer = far_end.twilio.reply(phone.page, NUMBER, said)
    assert "no more of these messages" in answer.text
    to_the_morning(world, phone)
    let_pass(world, 24 * HOUR, HOUR)
    assert phone.woken("sms") == 0
    assert audit(world, "wake.stopped")
    refused = phone.page.post("/settings/way", data={"channel": "sms", "address": NUMBER})
    assert refused.status_code == 422


def test_a_number_that_the_provider_says_has_stopped_counts_as_stopped(
    world: World, phone: Phone, far_end: Providers
):
    phone.choose("sms")
    far_end.twilio.act.append(far_end.twilio.error(400, 21610))
    to_the_morning(world, phone)
    let_pass(world, 2 * HOUR)
    with world.system.database.read() as session:
        assert session.scalars(select(PatientContact)).one().stopped_at


def test_other_words_by_text_message_are_answered_with_the_numbers(
    world: World, phone: Phone, far_end: Providers
):
    """Nobody reads that number: whoever writes there is told, with whom to call."""
    phone.choose("sms")
    assert "988" in far_end.twilio.reply(phone.page, NUMBER, "I can't go on").text


def withdraw_all(world: World, phone: Phone) -> None:
    assert phone.page.post("/settings/way/off").status_code == 303


def want_no_touches(world: World, phone: Phone) -> None:
    with world.system.database.write() as session:
        plan.want(world.system, session, session.get_one(Patient, phone.sam.id), False)


def end_the_program(world: World, phone: Phone) -> None:
    with world.system.database.write() as session:
        sam = session.get_one(Patient, phone.sam.id)
        infusions.set_program(world.system, session, sam, "ended")


def raise_an_alert(world: World, phone: Phone) -> None:
    alert(world, phone.sam, "urgent")


def write_something(world: World, phone: Phone) -> None:
    from tests.desk import message

    message(world, phone.sam, "I am here")


def night_falls(world: World, phone: Phone) -> None:
    world.clock.advance(11 * HOUR)


@pytest.mark.parametrize(
    "happens",
    [
        withdraw_all,
        want_no_touches,
        end_the_program,
        raise_an_alert,
        write_something,
        night_falls,
    ],
)
def test_nothing_goes_out_when_it_is_no_longer_wanted_between_claim_and_send(
    world: World, phone: Phone, happens: Callable[[World, Phone], None]
):
    phone.choose("email")
    to_the_morning(world, phone)
    world.clock.advance(MINUTE)
    claimed = queue.claim(world.system, "a-sender")
    assert claimed is not None and claimed.to_patient
    happens(world, phone)
    queue.deliver(world.system, Engine(world.system)._channels, "a-sender", claimed)
    assert phone.woken() == 0
    with world.system.database.read() as session:
        assert session.get_one(Outbox, claimed.row).state == "dropped"


def test_when_the_assistant_is_away_nobody_is_woken_for_nothing(world: World, phone: Phone):
    phone.choose("email")
    world.infusion(phone.sam, hours_ago=5)
    world.clock.advance(touch(world, "day_1").due_at - world.clock.now() + MINUTE)
    turn(world)
    with world.system.database.write() as session:
        for message in session.scalars(select(Message).where(Message.turn == "waiting")):
            message.turn = "unanswered"
    world.clock.advance(MINUTE)
    turn(world)
    assert phone.woken() == 0 and touch(world, "day_1").state == "pending"
    let_pass(world, HOUR)
    assert phone.woken() == 1, "it has come now"


def test_a_mail_server_that_is_away_until_night_wakes_nobody_at_night(
    tmp_path: Path, far_end: Providers
):
    """No server at all: tried again and again, and given up with the day."""
    world = World.make(tmp_path, **far_end.settings())
    heartbeat(world)
    sam = world.patient()
    world.session(sam)
    with world.system.database.write() as session:
        session.add(_confirmed(world, session, sam))
    world.infusion(sam, hours_ago=5)
    world.clock.advance(touch(world, "day_1").due_at - world.clock.now() + MINUTE)
    let_pass(world, 11 * HOUR)
    mails = sink.start(tmp_path / "mail")
    let_pass(world, HOUR)
    mails.stop()
    with world.system.database.read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.template == calls.WAKE)).all()
        assert rows and {row.state for row in rows} == {"dropped"}
    world.system.database.close()


def _confirmed(world: World, session, sam: Patient) -> PatientContact:
    vault = world.system.vault(session)
    contact = PatientContact(
        id="c" * 32,
        patient_id=sam.id,
        channel="email",
        address_hash=contacts.hashed(world.system, "email", "sam@home.test"),
        verified_at=world.clock.now(),
    )
    contact.address_sealed = vault.seal(
        sam.id, "patient_contact", "address", contact.id, "sam@home.test"
    )
    return contact


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    zone=st.sampled_from(
        [
            "America/New_York",
            "Pacific/Kiritimati",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "America/St_Johns",
            "Europe/London",
            "Pacific/Apia",
        ]
    ),
    hour=st.integers(0, 23),
    steps=st.lists(st.integers(5, 700), min_size=4, max_size=25),
    stop_after=st.integers(0, 25),
)
def test_in_every_zone_at_every_pace_nothing_wakes_at_night_or_after_stop(
    tmp_path_factory: pytest.TempPathFactory,
    far_end: Providers,
    zone: str,
    hour: int,
    steps: list[int],
    stop_after: int,
):
    home = tmp_path_factory.mktemp("zone")
    world = World.make(home, **far_end.settings())
    heartbeat(world)
    mails = sink.start(home / "mail")
    world.clock.advance(hour * HOUR)
    sam = world.patient()
    world.session(sam)
    with world.system.database.write() as session:
        infusions.travel(world.system, session, session.get_one(Patient, sam.id), zone)
        session.add(_confirmed(world, session, sam))
    world.infusion(sam, hours_ago=1)
    wakes: dict[str, int] = {}
    for number, minutes in enumerate(steps):
        if number == stop_after:
            with world.system.database.write() as session:
                key = contacts.hashed(world.system, "email", "sam@home.test")
                contacts.stop(world.system, session, "email", key, "anonymous")
        world.clock.advance(timedelta(minutes=minutes))
        turn(world)
        _greet(world)
        world.clock.advance(MINUTE)
        before = len(list((home / "mail").glob("*.eml")))
        turn(world)
        after = len(list((home / "mail").glob("*.eml")))
        if after > before:
            local = world.clock.now().astimezone(ZoneInfo(zone)).time()
            assert 9 <= local.hour < 21, f"woken at {local} in {zone}"
            assert number < stop_after, "woken after stop"
    with world.system.database.read() as session:
        for row in session.scalars(select(Outbox).where(Outbox.state == "sent")):
            name = str(row.params["touch"])
            wakes[name] = wakes.get(name, 0) + 1
    assert set(wakes.values()) <= {1}
    mails.stop()
    world.system.database.close()


def test_a_way_counts_only_after_its_code_and_one_takes_the_place_of_another(
    world: World, phone: Phone
):
    phone.choose("email", confirm=False)
    turn(world)
    assert phone.page.post("/settings/way/code", data={"code": "000000"}).status_code == 422
    with world.system.database.read() as session:
        assert contacts.counting(session, phone.sam.id) is None
    phone.choose("email")
    phone.choose("sms")
    with world.system.database.read() as session:
        counting = contacts.counting(session, phone.sam.id)
        assert counting is not None and counting.channel == "sms"
        assert NUMBER.encode() not in counting.address_sealed
    page = shown(phone.page.get("/settings").text)
    assert "…001" in page and NUMBER not in page
    to_the_morning(world, phone)
    let_pass(world, HOUR)
    assert (phone.woken("sms"), phone.woken("email")) == (1, 0)


def test_codes_are_few_and_end(world: World, phone: Phone):
    phone.choose("email", confirm=False)
    turn(world)
    code = re.search(r"\b\d{6}\b", phone.received("email")[-1])
    assert code
    for _ in range(5):
        phone.page.post("/settings/way/code", data={"code": "999999"})
    assert phone.page.post("/settings/way/code", data={"code": code[0]}).status_code == 422
    for _ in range(4):
        phone.choose("email", confirm=False)
    more = phone.page.post("/settings/way", data={"channel": "email", "address": "a@b.test"})
    assert more.status_code == 422 and "Wait an hour" in shown(more.text)


@pytest.mark.parametrize(
    ("channel", "address"),
    [("email", "nobody"), ("sms", "12"), ("push", "{}"), ("pagerduty", "k" * 32), ("", "x")],
)
def test_what_is_no_address_is_refused_in_words(phone: Phone, channel: str, address: str):
    answer = phone.page.post("/settings/way", data={"channel": channel, "address": address})
    assert answer.status_code == 422 and "Nothing was changed" in shown(answer.text)


def test_on_the_day_of_an_infusion_a_sign_can_be_stopped_but_not_chosen(world: World, phone: Phone):
    phone.choose("email")
    world.infusion(phone.sam, hours_ago=1)
    refused = phone.page.post("/settings/way", data={"channel": "sms", "address": NUMBER})
    assert refused.status_code == 422 and "from tomorrow on" in shown(refused.text)
    withdraw_all(world, phone)
    with world.system.database.read() as session:
        assert contacts.counting(session, phone.sam.id) is None


def test_an_alert_is_not_kept_waiting_by_many_wake_ups(world: World, phone: Phone):
    """However many patients are to be woken, whoever is on call is told first."""
    world.staff("Noor", "on_call", on_call=True)
    phone.choose("email")
    to_the_morning(world, phone)
    world.clock.advance(MINUTE)
    alert(world, world.patient("Kim Ito"), "emergency")
    first = queue.claim(world.system, "a-sender")
    assert first is not None and not first.to_patient
