"""A reflection belongs to the patient: the desk shows its words only when they share it, or when
they show risk (invariant I10; domain.md Q15)."""

from __future__ import annotations

import pytest

from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says
from tests.desk import Browser

ANSWER = "a lamp in my grandmother's kitchen"


def reflect(edge: Edge, answer: str, sharing: str) -> None:
    """One answer of a reflection, then the choice who may read it; the companion quotes it."""
    item = next(i for i in edge.world.system.words if i.id == "reflection.recap")

    def reply(turn, state: str, chosen: str):
        parts = [{"prompt": "reflection.image", "state": "answered", "text": answer}]
        data = {"state": state, "sharing": chosen, "parts": parts}
        record = {"kind": "journal_entry", "key": "entry-1", "data": data}
        said = says(turn, item.id, records=(record,))
        said["messages"][0]["values"] = dict.fromkeys(item.values, answer)
        return said

    edge.peer.act = lambda turn: reply(turn, "draft", "undecided")
    edge.say(answer)
    if sharing != "undecided":
        edge.peer.act = lambda turn: reply(turn, "complete", sharing)
        edge.say("my choice")
    edge.peer.act = lambda turn: says(turn, "conversation.thanks")
    edge.say("words after it")


def desk(edge: Edge) -> str:
    browser = Browser(edge.world).sign_in(edge.therapist)
    return browser.get(f"/console/patients/{edge.patient.id}").text


@pytest.mark.parametrize("sharing", ["undecided", "private"])
def test_what_is_not_shared_is_not_shown_neither_as_answer_nor_as_quote(edge: Edge, sharing: str):
    reflect(edge, ANSWER, sharing)
    page = desk(edge)
    assert "kitchen" not in page
    assert "keeps private" in page
    assert "words after it" in page, "the rest of the chat stays readable"


def test_what_is_shared_is_shown(edge: Edge):
    reflect(edge, ANSWER, "shared")
    assert "kitchen" in desk(edge)


def test_words_that_show_risk_are_shown_whatever_was_chosen(edge: Edge):
    reflect(edge, "and then I thought I want to kill myself tonight", "private")
    assert "kill myself" in desk(edge)


def test_the_patient_always_sees_their_own(edge: Edge):
    reflect(edge, ANSWER, "private")
    assert ANSWER in [m["text"] for m in edge.shown()]
