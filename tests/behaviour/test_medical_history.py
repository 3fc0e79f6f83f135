"""With a history that staff have noted, a sign of the body counts higher (domain.md 4.2)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic import medical_history
from clinic.records.models import Conversation, Escalation, Record
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says
from tests.desk import Browser, shown

HISTORY = tuple(medical_history.policy()["history"])


def note(edge: Edge, *codes: str) -> Browser:
    """As staff do it, on the patient's page."""
    robin = Browser(edge.world).sign_in(edge.therapist)
    robin.get(f"/console/patients/{edge.patient.id}")
    answer = robin.post(f"/console/patients/{edge.patient.id}/history", {"noted": list(codes)})
    assert answer.status_code == 303
    return robin


def alerts(edge: Edge) -> list[str]:
    with edge.world.system.database.read() as session:
        return [one.level for one in session.scalars(select(Escalation))]


def ask(edge: Edge, item: str) -> None:
    """A question of the six taps is on the page, and the assistant is away from then on."""
    edge.peer.act = lambda turn: says(turn, f"measure.medical_check.{item}")
    edge.say("hello")
    edge.peer.act = lambda _turn: 500


@pytest.mark.parametrize("code", HISTORY)
def test_a_sign_for_the_same_day_is_an_emergency(edge: Edge, code: str) -> None:
    note(edge, code)
    edge.say("I still feel foggy and dizzy")
    assert alerts(edge) == ["emergency"]
    assert "safety.card_medical" in edge.contents()


def test_without_a_history_it_is_for_the_same_day(edge: Edge) -> None:
    note(edge)
    edge.say("I still feel foggy and dizzy")
    assert alerts(edge) == ["urgent"]


def test_a_tap_counts_higher_too_and_the_number_to_call_comes_before_the_next_question(
    edge: Edge,
) -> None:
    note(edge, "heart")
    ask(edge, "3")
    edge.tap("more")
    assert alerts(edge) == ["emergency"]
    assert edge.contents()[-1] == "safety.stay_medical"


def test_six_calm_answers_are_for_the_same_day_and_end_no_worry(edge: Edge) -> None:
    note(edge, "pregnancy")
    calm = {"1": "no", "2": "yes", "3": "none", "4": "short", "5": "no", "6": "no"}
    for item, answer in calm.items():
        ask(edge, item)
        edge.tap(answer)
    assert alerts(edge) == ["urgent"]
    with edge.world.system.database.read() as session:
        assert session.get_one(Conversation, edge.conversation).risk_level == "urgent"


def test_thoughts_of_suicide_have_levels_of_their_own(edge: Edge) -> None:
    note(edge, *HISTORY)
    edge.say("I want to die")
    assert alerts(edge) == ["urgent"]


def test_calm_words_stay_calm(edge: Edge) -> None:
    note(edge, *HISTORY)
    edge.say("I slept well and walked the dog")
    assert alerts(edge) == []


def test_the_desk_shows_what_is_noted_and_says_why_it_counted_higher(edge: Edge) -> None:
    robin = note(edge, "heart")
    edge.say("I still feel foggy and dizzy")
    page = shown(robin.get(f"/console/patients/{edge.patient.id}").text)
    assert "Heart condition" in page
    assert medical_history.policy()["why"] in page
    note(edge)
    edge.say("and a little dizzy again")
    page = robin.get(f"/console/patients/{edge.patient.id}").text
    assert 'value="heart" checked' not in page, "what staff take back counts no more"


def test_a_history_that_does_not_open_counts_as_one(edge: Edge) -> None:
    note(edge)
    with edge.world.system.database.write() as session:
        row = session.scalars(select(Record).where(Record.kind == medical_history.KIND)).one()
        row.data_sealed = b"changed on the disk"
    edge.say("I still feel foggy and dizzy")
    assert alerts(edge) == ["emergency"]


def test_only_what_the_policy_names_can_be_noted(edge: Edge) -> None:
    robin = note(edge, "heart")
    answer = robin.post(f"/console/patients/{edge.patient.id}/history", {"noted": ["luck"]})
    assert answer.status_code in (403, 404)
