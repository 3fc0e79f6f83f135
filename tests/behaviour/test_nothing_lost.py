"""A sign-in that ends in the middle of writing: what was written stands, and is sent afterwards."""

from __future__ import annotations

import html
import re

import pytest

from clinic.console.sign_in import access
from clinic.records.models import Annotation, Patient, Staff
from tests.behaviour.test_access_matrix import MATRIX
from tests.builders import World
from tests.desk import Browser, shown

NOTE = '  He saw <the> sea.\n\nAnd \u202ecalled\u202c it "home".\n'


@pytest.fixture
def robin(world: World) -> Staff:
    return world.staff("Robin")


@pytest.fixture
def sam(world: World, robin: Staff) -> Patient:
    return world.patient("Sam Rivera", robin)


def held(page: str) -> dict[str, str]:
    """What the form on the page sends, as a browser reads it."""
    fields = dict(re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', page, re.DOTALL))
    return {name: html.unescape(value) for name, value in fields.items()}


def action(page: str) -> str:
    found = re.search(r'<form class="form" method="post" action="([^"]+)">', page)
    assert found is not None
    return found[1]


def notes(world: World) -> int:
    with world.system.database.read() as session:
        return session.query(Annotation).count()


def test_a_note_is_sent_after_the_new_sign_in(world: World, robin: Staff, sam: Patient) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get(f"/console/patients/{sam.id}/review")
    world.clock.advance(access.IDLE)
    out = browser.post(f"/console/patients/{sam.id}/notes", {"text": NOTE})
    assert out.status_code == 401
    assert held(out.text) == {"text": NOTE}
    assert action(out.text) == f"/console/patients/{sam.id}/notes"
    # Not signed in yet: the same page again, with the same words.
    assert held(browser.post(action(out.text), held(out.text)).text) == {"text": NOTE}
    browser.sign_in(robin)
    asked = browser.post(action(out.text), held(out.text))
    assert asked.status_code == 403
    assert "You are signed in as Robin" in shown(asked.text)
    assert notes(world) == 0
    assert browser.post(action(asked.text), held(asked.text)).status_code == 303
    assert " ".join(NOTE.split()) in shown(browser.get(f"/console/patients/{sam.id}/review").text)


def test_whoever_signs_in_instead_sends_nothing_they_may_not(
    world: World, robin: Staff, sam: Patient
) -> None:
    browser = Browser(world).sign_in(robin)
    browser.get(f"/console/patients/{sam.id}/review")
    world.clock.advance(access.IDLE)
    out = browser.post(f"/console/patients/{sam.id}/notes", {"text": NOTE})
    browser.sign_in(world.staff("Ben"))
    asked = browser.post(action(out.text), held(out.text))
    assert "You are signed in as Ben" in shown(asked.text)
    refused = browser.post(action(asked.text), held(asked.text))
    assert refused.status_code == 404
    assert "called" in refused.text
    assert notes(world) == 0


def test_passwords_and_codes_are_never_given_back(world: World, robin: Staff) -> None:
    browser = Browser(world).sign_in(robin)
    world.clock.advance(access.IDLE)
    page = browser.post("/console/second-factor/phone", {"password": "a secret", "code": "123456"})
    assert page.status_code == 401
    assert "a secret" not in page.text
    assert "123456" not in page.text


FORMS = [
    row.partition(" ")[2]
    for row in MATRIX["routes"]
    if row.startswith("POST /console") and "sign-in" not in row and "invited" not in row
]


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_the_desk_gives_back_what_it_was_sent(world: World, path: str) -> None:
    fields = {"text": NOTE, "note": "Words of a note", "version": "3", "roles": ["a", "b"]}
    page = Browser(world).post(re.sub(r"{[^}]+}", "1", path), fields)
    assert page.status_code == 401
    assert held(page.text)["text"] == NOTE
    assert held(page.text)["version"] == "3"
    assert page.text.count('name="roles"') == 2
