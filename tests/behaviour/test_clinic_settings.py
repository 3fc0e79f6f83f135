"""The clinic's settings: checked, every version kept, in force at the next turn, nothing lost when
two change them at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bot import stages
from bot.content import registry
from clinic import clinic_settings, people, signatures
from clinic.conversation import whereabouts
from clinic.records.models import Clinic, SettingsVersion, Staff
from tests.behaviour.conftest import Edge
from tests.builders import World
from tests.desk import Browser, audit, in_order, shown

PAGE = "/console/settings"


@pytest.fixture
def ada(world: World) -> Browser:
    return Browser(world).sign_in(world.staff("Ada", "admin"))


def form(browser: Browser) -> dict[str, str]:
    """What the open page's form holds, as a browser would send it."""
    import html

    page = browser.last
    found = dict(re.findall(r'<input id="\w+" name="(\w+)" value="([^"]*)"', page))
    found |= dict(re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>([^<]*)</textarea>', page))
    found |= dict(re.findall(r'name="(base)" value="(-?\d+)"', page))
    why = re.search(r'<input id="why"[^>]*value="([^"]*)"', page)
    found["why"] = why[1] if why else ""
    return {name: html.unescape(value) for name, value in found.items()}


def save(browser: Browser, why: str = "We agreed on it.", **changes: str) -> int:
    browser.get(PAGE)
    return browser.post(PAGE, form(browser) | {"why": why} | changes).status_code


def set_now(world: World) -> dict[str, object]:
    with world.system.database.read() as session:
        return session.get_one(Clinic, 1).settings


def test_the_form_holds_every_setting(ada: Browser) -> None:
    ada.get(PAGE)
    assert set(form(ada)) == {*clinic_settings.FIELDS, "base", "why"}


def test_the_page_says_how_much_wording_waits_for_a_signature_or_a_review(world: World) -> None:
    ada, total = world.staff("Ada", "admin"), len(signatures.shown(world.system))
    page = Browser(world).sign_in(ada).get(PAGE).text
    assert f"{total} of {total} sentences are unsigned" in page
    assert "past their review date" not in page
    world.clock.advance(timedelta(days=2 * 365))
    page = Browser(world).sign_in(ada).get(PAGE).text
    assert f"{total} are past their review date" in page


def test_everything_the_clock_reads_can_be_set_and_no_other(world: World) -> None:
    names = set(stages.Settings.__dataclass_fields__) - {"after"}
    assert names <= set(clinic_settings.FIELDS)
    for default in (name for name in names if name):
        clinic_settings.check({default: getattr(stages.Settings(), default)})


def test_a_change_is_a_version_with_who_when_and_why(world: World, ada: Browser) -> None:
    assert save(ada, phone="+1 555 0123", driving_hours="36") == 303
    page = shown(ada.get(PAGE).text)
    assert "Version 2 , in force, Ada" in page
    assert "We agreed on it." in page
    assert in_order(page, ["Phone", "+1 555 0100", "+1 555 0123", "not set 36"])
    assert clinic_settings.BEFORE in page
    [row] = audit(world, "clinic.set")
    assert row.detail == {"version": 2, "settings": "phone driving_hours"}
    assert set_now(world) == {"phone": "+1 555 0123", "driving_hours": 36}


def test_going_back_is_a_new_version(world: World, ada: Browser) -> None:
    save(ada, phone="+1 555 0123")
    ada.get(PAGE)
    assert ada.post(f"{PAGE}/back", {"base": "2", "to": "1"}).status_code == 303
    assert set_now(world)["phone"] == "+1 555 0100"
    with world.system.database.read() as session:
        rows = session.query(SettingsVersion).order_by(SettingsVersion.number).all()
        assert [row.number for row in rows] == [1, 2, 3]
        assert rows[2].document == rows[0].document
        assert rows[2].why == "Back to version 1."


def test_what_the_page_does_not_know_is_left_alone(world: World, ada: Browser) -> None:
    with world.system.database.write() as session:
        clinic = session.get_one(Clinic, 1)
        clinic.settings = clinic.settings | {"fallback": ["somebody"], "demo": True}
    save(ada, phone="+1 555 0123")
    assert set_now(world)["fallback"] == ["somebody"]
    assert set_now(world)["demo"] is True


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("phone", "call us", "Write a phone number"),
        ("opening", "always", "is not like"),
        ("closed_on", "Christmas", "is not like"),
        ("country", "USA", "Write two letters"),
        ("driving_hours", "a day", "Write a number from 0.5 to 168."),
        ("driving_hours", "-1", "Write a number from 0.5 to 168."),
        ("driving_hours", "nan", "Write a number from 0.5 to 168."),
        ("after_effects_hours", "0.5", "Write a number from 1 to 4."),
        ("after_effects_hours", "5", "Write a number from 1 to 4."),
        ("planned", "6.5", "Write a whole number from 4 to 8."),
        ("planned", "3", "Write a whole number from 4 to 8."),
        ("planned", "9", "Write a whole number from 4 to 8."),
        ("window_hours", "12", "Write a number from 24 to 120."),
        ("window_hours", "121", "Write a number from 24 to 120."),
        ("break_glass_hours", "1000", "Write a number from 1 to 72."),
        ("fasting", "x" * 401, "at most 400 characters"),
        ("crisis_text", "741741", "Give the number to call too"),
        ("why", " ", "Say why"),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field_and_nothing_typed_is_lost(
    world: World, ada: Browser, name: str, value: str, says: str
) -> None:
    before = set_now(world)
    typed = {"music": "Bring <your> own.", "why": "Because."} | {name: value}
    assert save(ada, **typed) == 422
    page = ada.last
    beside = page[page.index(f'id="{name}-error"') :]
    assert says in shown(beside.partition("</p>")[0])
    assert form(ada) == form(ada) | typed
    assert set_now(world) == before


def test_two_at_once_the_second_is_told_and_loses_nothing(world: World, ada: Browser) -> None:
    eve = Browser(world).sign_in(world.staff("Eve", "admin"))
    ada.get(PAGE)
    mine = form(ada) | {"why": "Mine", "phone": "+1 555 0001", "music": "Bring your own."}
    assert save(eve, phone="+1 555 0002", planned="8") == 303
    assert ada.post(PAGE, mine).status_code == 409
    page = shown(ada.last)
    assert "Eve has changed the settings while you were writing." in page
    assert "Eve has set: +1 555 0002" in page
    held = form(ada)
    assert (held["phone"], held["planned"]) == ("+1 555 0001", "8")
    assert held["music"] == "Bring your own."
    assert held["why"] == "Mine"
    assert set_now(world)["phone"] == "+1 555 0002"
    assert ada.post(PAGE, held).status_code == 303
    assert set_now(world) == {"phone": "+1 555 0001", "music": "Bring your own.", "planned": 8}


def test_two_at_once_on_a_clinic_without_versions(world: World, ada: Browser) -> None:
    eve = Browser(world).sign_in(world.staff("Eve", "admin"))
    ada.get(PAGE)
    mine = form(ada) | {"why": "Mine", "music": "Bring your own."}
    save(eve, planned="8")
    assert ada.post(PAGE, mine).status_code == 409
    assert "has set:" not in ada.last
    assert ada.post(PAGE, form(ada)).status_code == 303
    assert set_now(world)["planned"] == 8


def test_nothing_changed_is_no_version(world: World, ada: Browser) -> None:
    assert save(ada) == 303
    with world.system.database.read() as session:
        assert session.query(SettingsVersion).count() == 0


def test_the_command_line_writes_versions_too(world: World, ada: Browser) -> None:
    with world.system.database.write() as session:
        people.change_setting(world.system, session, "planned", "8")
    page = shown(ada.get(PAGE).text)
    assert "Version 2 , in force, The command line" in page
    with world.system.database.write() as session:
        people.change_setting(world.system, session, "planned", "")
    assert "planned" not in set_now(world)


def test_it_holds_at_the_next_turn_without_a_restart(edge: Edge) -> None:
    ada = Browser(edge.world).sign_in(edge.world.staff("Ada", "admin"))
    edge.say("Hello.")
    assert edge.peer.turns[-1]["context"]["clinic"]["clinic_phone"] == "+1 555 0100"
    assert save(ada, phone="+1 555 0123", driving_hours="0.5", morning="1") == 303
    edge.world.clock.advance(timedelta(minutes=1))
    edge.say("And now?")
    assert edge.peer.turns[-1]["context"]["clinic"]["clinic_phone"] == "+1 555 0123"


#: Where sources contradict each other a clinic decides (domain.md 1.9): what it sets, what is
#: typed, what a patient asks then, and words of the answer.
DECIDED = {
    "eating on the day": ("fasting", "Nothing solid after 8.", "ask_eating_before", "after 8."),
    "driving": ("driving_hours", "36", "ask_driving", "36 hours without driving"),
    "after-effects": ("after_effects_hours", "2", "ask_side_effects", "more than 2 hours"),
    "window": ("window_hours", "48", "ask_window_72h", "The first 48 hours are thought"),
}
#: Nobody's to set: the companion is silent about them, in every clinic.
NEVER_SAID = {"not hallucinogenic": r"not (?:a )?hallucin", "benzodiazepines": r"benzo|lorazepam"}


@pytest.mark.parametrize("topic", DECIDED)
def test_what_sources_disagree_on_is_answered_as_the_clinic_has_set_it(
    edge: Edge, topic: str
) -> None:
    name, typed, asks, words = DECIDED[topic]
    ada = Browser(edge.world).sign_in(edge.world.staff("Ada", "admin"))

    def answer() -> str:
        edge.world.clock.advance(timedelta(minutes=1))
        edge.say("A question.")
        context = edge.peer.turns[-1]["context"]
        item = registry().answer_to(asks, context)
        assert item is not None
        return registry().render(item.id, 0, context["clinic"])

    assert words not in answer()
    assert save(ada, **{name: typed}) == 303
    assert words in answer()


def test_the_length_of_a_series_is_the_clinics_and_moves_the_stage(
    world: World, ada: Browser
) -> None:
    sam = world.patient()
    for day in (28, 23, 18, 13, 8):
        world.infusion(sam, hours_ago=24 * day)

    def stage() -> str:
        with world.system.database.read() as session:
            return whereabouts.place(session, sam.id, world.clock.now()).stage

    assert stage() == "between"
    assert save(ada, planned="5") == 303
    assert stage() == "end_of_induction"


@pytest.mark.parametrize("topic", NEVER_SAID)
def test_what_no_clinic_decides_is_said_by_no_sentence(topic: str) -> None:
    said = [text for item in registry() for text in item.variants]
    assert said
    assert not [text for text in said if re.search(NEVER_SAID[topic], text, re.IGNORECASE)]


def test_only_administrators_see_the_page(world: World, ada: Browser) -> None:
    assert "/console/settings" in ada.get("/console").text
    robin: Staff = world.staff("Robin")
    browser = Browser(world).sign_in(robin)
    assert "/console/settings" not in browser.get("/console").text
    assert browser.get(PAGE).status_code == 404
