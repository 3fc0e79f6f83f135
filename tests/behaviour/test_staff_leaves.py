"""Where one is signed in and how it ends; somebody who works here no longer is cut off at once."""

from __future__ import annotations

import re

import pytest

from clinic.conversation import handoff
from clinic.escalation import machine
from clinic.records.models import Conversation, Escalation, Staff
from tests.builders import World
from tests.desk import Browser, alert, audit, message


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def admin(world: World) -> Browser:
    return Browser(world).sign_in(world.staff("Ada", "admin"))


def leave(browser: Browser, person: Staff) -> int:
    browser.get("/console/team")
    return browser.post(f"/console/team/{person.id}/leave").status_code


def test_one_signs_out_somewhere_else(world: World, robin: Staff) -> None:
    here, there, third = (Browser(world).sign_in(robin) for _ in range(3))
    page = here.get("/console/team").text
    ends = re.findall(r'action="(/console/team/sessions/[0-9a-f]+/end)"', page)
    assert len(ends) == 2
    here.post(ends[0])
    signed_in = [b.get("/console").status_code == 200 for b in (here, there, third)]
    assert signed_in.count(True) == 2
    assert signed_in[0]
    here.get("/console/team")
    here.post("/console/team/sessions/others/end")
    assert [b.get("/console").status_code for b in (here, there, third)] == [200, 303, 303]


def test_whoever_leaves_is_out_at_once_and_cannot_come_back_by_themselves(
    world: World, robin: Staff, admin: Browser
) -> None:
    page = Browser(world).sign_in(robin)
    assert page.get("/console").status_code == 200
    assert leave(admin, robin) == 303
    assert page.get("/console").status_code == 303
    live = page.get("/console/queue", {"HX-Request": "true"})
    assert live.status_code == 401
    assert [row.subject for row in audit(world, "staff.leave")] == [f"staff:{robin.id}"]


def test_what_they_held_calls_again_and_the_companion_is_back(
    world: World, robin: Staff, admin: Browser
) -> None:
    sam = world.patient(therapist=robin)
    alert_id = alert(world, sam)
    message(world, sam, "Is anybody there?")
    conversation_id = world.conversation(sam)
    with world.system.database.write() as session:
        machine.acknowledge(world.system, session, alert_id, robin)
        handoff.take(world.system, session, conversation_id, robin)
    leave(admin, robin)
    with world.system.database.read() as session:
        assert session.get_one(Escalation, alert_id).state == "open"
        assert session.get_one(Conversation, conversation_id).mode == "bot"


def test_somebody_who_is_back_can_sign_in_again(world: World, robin: Staff, admin: Browser) -> None:
    leave(admin, robin)
    admin.get("/console/team")
    admin.post(f"/console/team/{robin.id}/return")
    assert Browser(world).sign_in(robin).get("/console").status_code == 200


def test_nobody_sends_themselves_away_and_only_an_administrator_anybody(
    world: World, robin: Staff
) -> None:
    ada = world.staff("Ada", "admin")
    assert leave(Browser(world).sign_in(ada), ada) == 404
    page = Browser(world).sign_in(robin)
    assert "ada@harbor.test" not in page.get("/console/team").text
    assert leave(page, ada) == 404
