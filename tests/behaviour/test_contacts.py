"""A way to be reached counts once a code that was sent there came back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from clinic import people
from clinic.escalation import on_call
from clinic.escalation.engine import Engine
from clinic.notify import contacts
from clinic.notify.email import sink
from clinic.records.models import Outbox, Staff, StaffContact
from tests.builders import World
from tests.desk import Browser as Desk
from tests.desk import alert, audit, heartbeat, shown
from tests.providers import Browser, Providers, providers

NUMBER = "+15550177001"
PAGE = "/console/reach"


@pytest.fixture
def all_providers() -> Iterator[Providers]:
    with providers() as started:
        yield started


@pytest.fixture
def world(tmp_path: Path, all_providers: Providers) -> Iterator[World]:
    made = World.make(tmp_path, **all_providers.settings())
    all_providers.push.now = all_providers.receiver.now = made.clock.now
    heartbeat(made)
    yield made
    made.system.database.close()


@pytest.fixture
def noor(world: World) -> Staff:
    """A nurse whom nobody can reach yet."""
    person = world.staff("Noor", "on_call")
    with world.system.database.write() as session:
        for contact in session.scalars(select(StaffContact)):
            contact.verified_at, contact.removed_at = None, world.clock.now()
    return person


@pytest.fixture
def desk(world: World, noor: Staff) -> Desk:
    return Desk(world).sign_in(noor)


def deliver(world: World) -> None:
    Engine(world.system).cycle()


def counting(world: World, person: Staff) -> list[str]:
    with world.system.database.read() as session:
        return [contact.channel for contact in on_call.contacts(session, person.id)]


def add(desk: Desk, channel: str, address: str) -> int:
    desk.get(PAGE)
    return desk.post(PAGE, {"channel": channel, "address": address}).status_code


def enter(desk: Desk, code: str) -> int:
    desk.get(PAGE)
    return desk.post(f"{PAGE}/code", {"code": code}).status_code


def digits(text: str) -> str:
    found = re.search(r"\b\d{6}\b", text)
    assert found, text
    return found[0]


def code_in_mail(world: World) -> str:
    mails = sorted((world.system.settings.home / "mail").glob("*.eml"))
    return digits(mails[-1].read_text().partition("\n\n")[2])


@pytest.fixture
def mail_server(world: World) -> Iterator[None]:
    controller = sink.start(world.system.settings.home / "mail")
    yield
    controller.stop()


WAYS: dict[str, tuple[Callable[[Providers, Browser], str], Callable[..., str]]] = {
    "email": (lambda *_: "noor@home.test", lambda world, *_: code_in_mail(world)),
    "sms": (lambda *_: "+1 (555) 017-7001", lambda _w, p, _b: p.twilio.texts[-1].body),
    "push": (lambda _p, b: b.subscription, lambda _w, _p, b: b.shown[-1]["body"]),
    "pagerduty": (lambda p, _b: p.pagerduty.key, lambda _w, p, _b: p.pagerduty.summaries[-1]),
    "webhook": (
        lambda p, _b: f"{p.receiver.url}/alerts",
        lambda _w, p, _b: list(p.receiver.taken.values())[-1]["data"]["text"],
    ),
    "apprise": (lambda *_: "team", lambda _w, p, _b: p.room.posts[-1]["message"]),
}


@pytest.mark.parametrize("channel", WAYS)
def test_a_way_counts_after_its_code_came_back_through_it(
    world: World,
    desk: Desk,
    noor: Staff,
    all_providers: Providers,
    mail_server: None,
    channel: str,
):
    browser = Browser(all_providers.push)
    address, read = WAYS[channel]
    assert add(desk, channel, address(all_providers, browser)) == 303
    assert counting(world, noor) == []
    deliver(world)
    code = digits(read(world, all_providers, browser))
    assert enter(desk, code) == 303
    assert counting(world, noor) == [channel]
    (confirmed,) = audit(world, "contact.verified")
    assert confirmed.actor == f"staff:{noor.id}"
    assert address(all_providers, browser) not in str(confirmed.detail)


@pytest.fixture
def sent(world: World, desk: Desk, all_providers: Providers) -> str:
    """A code that was sent to Noor's phone."""
    add(desk, "sms", NUMBER)
    deliver(world)
    return digits(all_providers.twilio.texts[-1].body)


def test_a_code_works_once_and_for_its_own_way_only(world: World, desk: Desk, noor: Staff, sent):
    with world.system.database.read() as session:
        other = contacts.waiting(session, world.staff("Robin").id)
    with world.system.database.write() as session:
        assert contacts.confirm(world.system, session, other, sent, "test") is None
    assert enter(desk, sent) == 303
    assert enter(desk, sent) == 422
    assert counting(world, noor) == ["sms"]


def test_a_code_lives_ten_minutes(world: World, desk: Desk, noor: Staff, sent: str):
    world.clock.advance(timedelta(minutes=10))
    assert enter(desk, sent) == 422
    assert counting(world, noor) == []


def test_five_wrong_entries_end_a_code(world: World, desk: Desk, noor: Staff, sent: str):
    wrong = f"{(int(sent) + 1) % 1_000_000:06d}"
    for _ in range(contacts.TRIES):
        assert enter(desk, wrong) == 422
    assert enter(desk, sent) == 422
    assert counting(world, noor) == []
    assert len(audit(world, "contact.refused")) == contacts.TRIES + 1


def test_four_wrong_entries_do_not(world: World, desk: Desk, noor: Staff, sent: str):
    wrong = f"{(int(sent) + 1) % 1_000_000:06d}"
    for _ in range(contacts.TRIES - 1):
        enter(desk, wrong)
    assert enter(desk, f" {sent[:3]} {sent[3:]} ") == 303
    assert counting(world, noor) == ["sms"]


def test_a_fresh_code_ends_the_one_before(
    world: World, desk: Desk, noor: Staff, sent: str, all_providers: Providers
):
    with world.system.database.read() as session:
        (waiting,) = contacts.waiting(session, noor.id)
    desk.get(PAGE)
    assert desk.post(f"{PAGE}/{waiting.id}/code").status_code == 303
    deliver(world)
    fresh = digits(all_providers.twilio.texts[-1].body)
    assert fresh != sent
    assert enter(desk, sent) == 422
    assert enter(desk, fresh) == 303


def test_six_codes_in_an_hour_are_one_too_many(
    world: World, desk: Desk, noor: Staff, all_providers: Providers
):
    for number in range(contacts.SENDS):
        assert add(desk, "sms", f"+155501770{number:02d}") == 303
    assert add(desk, "sms", "+15550177099") == 409
    assert "Too many codes" in shown(desk.last)
    deliver(world)
    assert len(all_providers.twilio.texts) == contacts.SENDS
    world.clock.advance(timedelta(hours=1))
    heartbeat(world)
    desk.sign_in(noor)
    assert add(desk, "sms", "+15550177099") == 303


def test_the_limit_on_codes_touches_no_alert(
    world: World, desk: Desk, noor: Staff, all_providers: Providers
):
    """Codes wait behind every alert, and a person who used them all up is called all the same."""
    for number in range(contacts.SENDS + 1):
        add(desk, "sms", f"+155501770{number:02d}")
    with world.system.database.write() as session:
        people.add_contact(world.system, session, noor, "sms", "+15550166000")
        people.put_on_call(world.system, session, session.merge(noor))
        priorities = set(session.scalars(select(Outbox.priority)))
    alert(world, world.patient(), "urgent")
    with world.system.database.read() as session:
        row = session.scalars(select(Outbox).where(Outbox.escalation_id.is_not(None))).one()
    assert row.priority < min(priorities)
    deliver(world)
    assert all_providers.twilio.texts[0].to == "+15550166000"


def test_a_code_that_could_not_be_sent_in_time_is_not_sent_late(
    world: World, desk: Desk, all_providers: Providers
):
    add(desk, "sms", NUMBER)
    world.clock.advance(timedelta(minutes=11))
    deliver(world)
    assert all_providers.twilio.texts == []


def test_the_database_never_holds_a_code(world: World, sent: str):
    with world.system.database.read() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT params FROM outbox UNION ALL SELECT nonce FROM contact_code"
        )
        assert sent not in str(rows.all())


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", "noor"),
        ("email", "noor@home.test\nBcc: all@home.test"),
        ("sms", "555 0142"),
        ("sms", "+1"),
        ("pagerduty", "short"),
        ("webhook", "https://elsewhere.test/"),
        ("apprise", "json://elsewhere.test"),
        ("push", "{}"),
        ("carrier_pigeon", "loft 4"),
        ("", ""),
    ],
)
def test_what_is_no_address_is_refused_in_words(world: World, desk: Desk, channel, address):
    assert add(desk, channel, address) == 409
    assert "That did not work" in shown(desk.last)
    with world.system.database.read() as session:
        added = select(StaffContact).where(StaffContact.address == address)
        assert session.scalars(added).all() == []


def test_nobody_changes_anothers_ways(world: World, noor: Staff, desk: Desk, sent: str):
    with world.system.database.read() as session:
        (waiting,) = contacts.waiting(session, noor.id)
    robin = Desk(world).sign_in(world.staff("Robin"))
    robin.get(PAGE)
    assert NUMBER not in robin.last
    for act in ("remove", "code"):
        robin.get(PAGE)
        assert robin.post(f"{PAGE}/{waiting.id}/{act}").status_code == 404
    assert enter(robin, sent) == 422
    assert Desk(world).get(PAGE).status_code == 303, "and nobody without signing in"


def test_a_form_from_elsewhere_changes_nothing(world: World, noor: Staff, desk: Desk):
    response = desk.post(PAGE, {"csrf": "x", "channel": "sms", "address": NUMBER})
    assert response.status_code == 403
    with world.system.database.read() as session:
        assert contacts.of(session, noor.id) == []


def test_a_removed_way_is_gone_and_can_come_back_with_a_new_code(
    world: World, desk: Desk, noor: Staff, sent: str, all_providers: Providers
):
    enter(desk, sent)
    with world.system.database.read() as session:
        (contact,) = contacts.of(session, noor.id)
    desk.get(PAGE)
    assert desk.post(f"{PAGE}/{contact.id}/remove").status_code == 303
    assert counting(world, noor) == []
    assert add(desk, "sms", NUMBER) == 303
    assert counting(world, noor) == []
    deliver(world)
    assert enter(desk, digits(all_providers.twilio.texts[-1].body)) == 303
    assert counting(world, noor) == ["sms"]


def test_who_is_on_call_keeps_one_way(world: World, desk: Desk, noor: Staff, sent: str):
    enter(desk, sent)
    with world.system.database.write() as session:
        people.put_on_call(world.system, session, session.merge(noor))
        (contact,) = contacts.of(session, noor.id)
    desk.get(PAGE)
    refused = desk.post(f"{PAGE}/{contact.id}/remove")
    assert refused.status_code == 409
    assert "only way to reach you" in shown(refused.text)
    assert counting(world, noor) == ["sms"]


def test_the_page_tells_of_a_way_that_failed(world: World, desk: Desk, noor: Staff, sent: str):
    enter(desk, sent)
    with world.system.database.write() as session:
        (contact,) = contacts.of(session, noor.id)
        contact.failing_since, contact.failing = world.clock.now(), "twilio 30003"
    page = shown(desk.get(PAGE).text)
    assert "The last message did not arrive" in page


def test_secrets_of_a_way_are_not_on_the_page(world: World, desk: Desk, all_providers: Providers):
    browser = Browser(all_providers.push)
    add(desk, "pagerduty", all_providers.pagerduty.key)
    add(desk, "push", browser.subscription)
    page = desk.get(PAGE).text
    assert all_providers.pagerduty.key not in page
    assert browser.name not in page


def test_the_worker_is_served_where_it_may_serve_the_console(desk: Desk):
    worker = desk.get("/console/worker.js")
    assert worker.status_code == 200
    assert "showNotification" in worker.text
    assert worker.headers["content-type"].startswith("text/javascript")


def test_a_clinic_is_set_up_from_the_command_line_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from clinic.cli import app

    mail = sink.start(tmp_path / "mail")
    monkeypatch.setenv("AFTERGLOW_HOME", str(tmp_path))
    run = CliRunner()

    def ag(*words: str) -> str:
        result = run.invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return result.output

    try:
        ag("clinic", "found", "Harbor", "--timezone", "America/New_York")
        added = ag("staff", "add", "Noor", "noor@harbor.test", "--role", "on_call", "--on-call")
        assert "One-time password" in added
        assert "waits for its code" in ag("contact", "list")
        (kept,) = (tmp_path / "mail").glob("*.eml")
        assert run.invoke(app, ["contact", "verify", "noor@harbor.test", "000"]).exit_code == 2
        ag("contact", "verify", "noor@harbor.test", digits(kept.read_text().partition("\n\n")[2]))
        listed = ag("contact", "list")
        assert "counts" in listed
        ag("contact", "remove", listed.split()[0])
        assert ag("contact", "list") == ""
    finally:
        mail.stop()


def test_the_doctor_looks_at_every_channel(world: World, all_providers: Providers):
    from clinic.doctor import examine

    found = {f.name: f.mark for f in examine(world.system.settings)}
    names = {name for name in found if name.startswith("channel ")}
    assert names == {f"channel {name}" for name in WAYS}
    assert found["channel sms"] == found["channel pagerduty"] == found["channel push"] == "ok"
    all_providers.twilio.act.append(all_providers.twilio.error(401, 20003))
    assert {f.name: f.mark for f in examine(world.system.settings)}["channel sms"] == "MEND"
