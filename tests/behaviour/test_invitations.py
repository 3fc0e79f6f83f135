"""Inviting a colleague: a link by mail, once, for some days; then they sign in by themselves."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta

import pytest

from clinic import invitations
from clinic.console.sign_in import access
from clinic.notify import Channels
from clinic.notify.email import sink
from clinic.outbox.queue import deliver_due
from clinic.records.models import Outbox, Staff, StaffContact, StaffInvitation
from tests.behaviour.test_console_sign_in import (
    PASSWORD,
    code,
    give_code,
    give_password,
    key_on_page,
    quick_hashes,
    signed_in,
)
from tests.builders import World
from tests.desk import Browser, audit, shown

assert quick_hashes
EMAIL = "kim@harbor.test"
FORM = {"name": "Kim Lee", "title": "Nurse", "email": EMAIL, "roles": ["on_call", "therapist"]}


@pytest.fixture
def admin(world: World) -> Browser:
    return Browser(world).sign_in(world.staff("Ada", "admin"))


def invite(admin: Browser, **changes: object) -> int:
    admin.get("/console/team/invite")
    return admin.post("/console/team/invitations", FORM | changes).status_code


def row(world: World) -> StaffInvitation:
    with world.system.database.read() as session:
        return session.query(StaffInvitation).order_by(StaffInvitation.created_at.desc()).first()


def link(world: World) -> str:
    return f"/console/invited/{invitations.link(world.system, row(world))}"


def join(world: World, browser: Browser, page: str, password: str = PASSWORD):
    browser.get(page)
    given = {"code": code(world, key_on_page(browser)), "password": password}
    return browser.post(page, given)


def mails(world: World) -> list[str]:
    server = sink.start(world.system.settings.home / "mail")
    try:
        deliver_due(world.system, Channels(world.system), "test")
    finally:
        server.stop()
    found = sorted((world.system.settings.home / "mail").glob("*.eml"))
    parsed = [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in found]
    return [f"{m['To']}\n{m.get_content()}" for m in parsed]


def test_the_mailed_link_leads_in(world: World, admin: Browser) -> None:
    assert invite(admin) == 303
    [mail] = mails(world)
    assert mail.startswith(EMAIL)
    found = re.search(r"http://testserver(/console/invited/\S+)", mail)
    assert found is not None
    browser = Browser(world)
    answer = join(world, browser, found[1])
    assert "Your recovery codes" in answer.text
    assert signed_in(browser)
    with world.system.database.read() as session:
        kim = session.query(Staff).filter(Staff.email == EMAIL).one()
        assert (kim.active, kim.roles) == (True, ["on_call", "therapist"])
        # The link reached the address: alerts may go there.
        [way] = session.query(StaffContact).filter(StaffContact.staff_id == kim.id)
        assert way.verified_at == world.clock.now()
    assert [one.actor for one in audit(world, "staff.join")] == [f"staff:{kim.id}"]
    world.clock.advance(timedelta(minutes=2))
    again = Browser(world)
    give_password(again, PASSWORD, EMAIL)
    with world.system.database.read() as session:
        from clinic.console.sign_in import proofs

        now = proofs.current_code(world.system, session.get_one(Staff, kim.id))
    assert give_code(again, now or "").status_code == 303


def test_links_that_open_nothing_all_look_the_same(world: World, admin: Browser) -> None:
    pages = []

    def look(page: str) -> None:
        for answer in (Browser(world).get(page), Browser(world).post(page, {"password": PASSWORD})):
            assert answer.status_code == 404
            pages.append(answer.text)

    look("/console/invited/made-up")
    invite(admin)
    used = link(world)
    join(world, Browser(world), used)
    look(used)
    invite(admin, email="over@harbor.test")
    over = link(world)
    world.clock.advance(invitations.LIFE)
    look(over)
    admin.sign_in(world.staff("Eve", "admin"))
    world.clock.advance(timedelta(seconds=1))
    invite(admin, email="back@harbor.test")
    withdrawn = link(world)
    admin.get("/console/team")
    assert admin.post(f"/console/team/invitations/{row(world).id}/withdraw").status_code == 303
    look(withdrawn)
    # A link whose second half belongs to another invitation.
    look(f"{used.partition('.')[0]}.{withdrawn.partition('.')[2]}")
    assert len(set(pages)) == 1


def test_only_what_was_meant_is_kept_of_a_half_done_start(world: World, admin: Browser) -> None:
    invite(admin)
    page, browser = link(world), Browser(world)
    short = join(world, browser, page, "short")
    assert short.status_code == 422
    assert "15 characters or more" in shown(short.text)
    browser.get(page)
    assert browser.post(page, {"code": "000000", "password": PASSWORD}).status_code == 422
    with world.system.database.read() as session:
        kim = session.query(Staff).filter(Staff.email == EMAIL).one()
        assert (kim.active, kim.password_hash, kim.totp_step) == (False, None, None)
    assert "Your recovery codes" in join(world, browser, page).text


def test_before_they_come_they_are_nobody(world: World, admin: Browser) -> None:
    invite(admin)
    page = shown(admin.get("/console/team").text)
    assert "Kim Lee Nurse on call, therapist kim@harbor.test Ada" in page
    with world.system.database.read() as session:
        kim = session.query(Staff).filter(Staff.email == EMAIL).one()
    assert admin.get(f"/console/team/{kim.id}").status_code == 404
    admin.get("/console/team")
    assert admin.post(f"/console/team/{kim.id}/return").status_code == 404
    assert access.begin(world.system, EMAIL, "") is None


def test_a_new_link_ends_the_earlier_one_and_its_mail(world: World, admin: Browser) -> None:
    invite(admin)
    first = link(world)
    world.clock.advance(timedelta(seconds=1))
    admin.get("/console/team")
    admin.post(f"/console/team/invitations/{row(world).id}/again")
    assert Browser(world).get(first).status_code == 404
    [mail] = mails(world)
    assert link(world) in mail
    with world.system.database.read() as session:
        assert sorted(one.state for one in session.query(Outbox)) == ["dropped", "sent"]


def test_no_link_is_stored(world: World, admin: Browser) -> None:
    invite(admin)
    secret = link(world).partition(".")[2]
    assert secret.encode() not in (world.system.settings.home / "clinic.db").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "Write the name"),
        ({"email": "no address"}, "Write an e-mail address"),
        ({"roles": ["wizard"]}, "Choose one role"),
        ({"email": "Ada@harbor.test"}, "They work here already"),
    ],
)
def test_a_refusal_says_why_beside_the_field_and_keeps_what_was_typed(
    world: World, admin: Browser, wrong: dict[str, object], says: str
) -> None:
    assert invite(admin, **wrong) == 422
    assert says in shown(admin.last)
    assert 'value="Nurse"' in admin.last
    with world.system.database.read() as session:
        assert session.query(StaffInvitation).count() == 0
