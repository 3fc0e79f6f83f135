"""An administrator resets a colleague's sign-in: after a fresh proof, at once, and only they get in
again, by a link that works once."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest

from clinic import invitations, people
from clinic.console.sign_in import proofs, recovery, setting_up
from clinic.console.staff import staffing
from clinic.escalation import on_call
from clinic.notify import contacts
from clinic.records.models import Staff, StaffInvitation
from tests.behaviour.test_console_sign_in import PASSWORD, give_password, quick_hashes, signed_in
from tests.behaviour.test_invitations import join, link, mails
from tests.builders import World
from tests.desk import Browser, audit, authenticator, shown

assert quick_hashes


@pytest.fixture
def ada(world: World) -> Staff:
    return world.staff("Ada", "admin")


@pytest.fixture
def phone(world: World, ada: Staff) -> pyotp.TOTP:
    """The administrator's."""
    return authenticator(world, ada)


@pytest.fixture
def admin(world: World, ada: Staff, phone: pyotp.TOTP) -> Browser:
    return Browser(world).sign_in(ada)


@pytest.fixture
def robin(world: World) -> Staff:
    """On call, with password, phone and codes on paper."""
    person = world.staff("Robin", "on_call", on_call=True)
    authenticator(world, person)
    with world.system.database.write() as session:
        row = session.get_one(Staff, person.id)
        row.password_hash = proofs.hasher().hash(PASSWORD)
        recovery.renew(world.system, session, person.id)
    return row


def reset(world: World, admin: Browser, phone: pyotp.TOTP, person: Staff) -> int:
    # Any page has the form's token, also when this one is not there.
    admin.get("/console/team")
    page = f"/console/team/{person.id}/reset"
    return admin.post(page, {"code": phone.at(world.clock.now())}).status_code


def now(world: World, person: Staff) -> Staff:
    with world.system.database.read() as session:
        return session.get_one(Staff, person.id)


def test_it_is_said_first_what_it_means(world: World, admin: Browser, robin: Staff) -> None:
    assert f"/console/team/{robin.id}/reset" in admin.get(f"/console/team/{robin.id}").text
    page = shown(admin.get(f"/console/team/{robin.id}/reset").text)
    assert "they are signed out everywhere" in page
    assert "robin@harbor.test" in page


def test_everything_they_signed_in_with_ends_at_once(
    world: World, ada: Staff, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    inside = Browser(world).sign_in(robin)
    assert signed_in(inside)
    assert reset(world, admin, phone, robin) == 303
    assert not signed_in(inside)
    assert give_password(Browser(world), PASSWORD, robin.email).status_code == 422
    person = now(world, robin)
    assert (person.password_hash, person.totp_sealed, person.totp_step) == (None, None, None)
    with world.system.database.read() as session:
        assert recovery.left(session, robin.id).count == 0
    [row] = audit(world, "staff.reset_sign_in")
    assert (row.actor, row.subject) == (f"staff:{ada.id}", f"staff:{robin.id}")
    assert "Ada Sign-in reset" in shown(admin.get(f"/console/team/{robin.id}").text)


def test_the_mailed_link_lets_them_choose_anew_and_works_once(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    reset(world, admin, phone, robin)
    [mail] = mails(world)
    assert mail.startswith("robin@harbor.test")
    opens = link(world)
    assert f"http://testserver{opens}" in mail
    browser = Browser(world)
    assert "Welcome back" in browser.get(opens).text
    assert "Your recovery codes" in join(world, browser, opens).text
    assert signed_in(browser)
    assert Browser(world).get(opens).status_code == 404
    assert len(audit(world, "staff.renewed")) == 1
    assert audit(world, "staff.join") == []


def test_they_stay_a_colleague_who_is_called(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    reset(world, admin, phone, robin)
    with world.system.database.read() as session:
        assert [one.id for one in on_call.reachable(session, world.clock.now())] == [robin.id]
    team = shown(admin.get("/console/team").text)
    assert "Robin" in team
    # Not as somebody who is to come, whose invitation could be withdrawn.
    assert invited(world) == []
    assert admin.get(f"/console/team/{robin.id}").status_code == 200


def invited(world: World) -> list[StaffInvitation]:
    with world.system.database.read() as session:
        return invitations.all_open(session)


def test_without_a_fresh_proof_nothing_happens(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    page = f"/console/team/{robin.id}/reset"
    admin.get(page)
    for code in ("", "000000"):
        assert admin.post(page, {"code": code}).status_code == 422
    used = phone.at(world.clock.now())
    assert admin.post(page, {"code": used}).status_code == 303
    with world.system.database.write() as session:
        session.get_one(Staff, robin.id).password_hash = "kept"
    admin.get(page)
    assert admin.post(page, {"code": used}).status_code == 422
    assert now(world, robin).password_hash == "kept"
    assert len(audit(world, "staff.reset_sign_in")) == 1


def test_not_ones_own_and_nobody_who_left(
    world: World, ada: Staff, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    assert reset(world, admin, phone, ada) == 404
    with world.system.database.write() as session:
        session.get_one(Staff, robin.id).active = False
    assert reset(world, admin, phone, robin) == 404
    assert audit(world, "staff.reset_sign_in") == []


def test_a_second_reset_ends_the_first_link_and_so_does_one_by_command(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    reset(world, admin, phone, robin)
    first = link(world)
    world.clock.advance(timedelta(minutes=1))
    reset(world, admin, phone, robin)
    second = link(world)
    assert Browser(world).get(first).status_code == 404
    assert Browser(world).get(second).status_code == 200
    with world.system.database.write() as session:
        setting_up.reset_sign_in(world.system, session, robin.email)
    assert Browser(world).get(second).status_code == 404


def test_whoever_leaves_meanwhile_does_not_come_back_by_the_link(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    reset(world, admin, phone, robin)
    opens, browser = link(world), Browser(world)
    browser.get(opens)
    with world.system.database.write() as session:
        person = session.get_one(Staff, robin.id)
        staffing.let_go(world.system, session, person, "system", sure=True)
    assert Browser(world).get(opens).status_code == 404
    assert browser.post(opens, {"code": "000000", "password": PASSWORD}).status_code == 404
    assert not now(world, robin).active
    # Neither are they taken for somebody who never came.
    assert admin.get(f"/console/team/{robin.id}").status_code == 200


def test_a_way_they_took_back_is_not_used_for_alerts_again(
    world: World, admin: Browser, phone: pyotp.TOTP, robin: Staff
) -> None:
    with world.system.database.write() as session:
        person = session.get_one(Staff, robin.id)
        people.add_contact(world.system, session, person, "email", "night@harbor.test")
        for contact in on_call.contacts(session, robin.id):
            if contact.address == robin.email:
                contacts.remove(world.system, session, contact, "system")
    reset(world, admin, phone, robin)
    [mail] = mails(world)
    assert mail.startswith("robin@harbor.test")
    join(world, Browser(world), link(world))
    with world.system.database.read() as session:
        found = [one.address for one in on_call.contacts(session, robin.id)]
    assert found == ["night@harbor.test"]
