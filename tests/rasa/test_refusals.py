"""Medicine, dose, diagnosis, outlook and the truth of a memory: passed on, never answered."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT, Server, Talk

LINES = yaml.safe_load((ROOT / "tests/rasa/refusals.yml").read_text(encoding="utf-8"))
RED_FLAGS = LINES.pop("red_flags")
EVERY = [(kind, line) for kind, lines in LINES.items() for line in lines]
#: The only things that may be said to such a line, and the tasks it may become.
SAID = {
    "conversation.medication",
    "conversation.dose",
    "conversation.memory",
    "faq.diagnosis",
    "conversation.passed_on",
}
TASKS = {
    "medication": {"medication"},
    "dose": {"medication"},
    "diagnosis": {"question"},
    "prognosis": {"question"},
    "memory": {"therapist"},
}


@pytest.mark.parametrize("line", RED_FLAGS)
def test_what_may_be_a_red_flag_leads_to_the_safety_questions_first(talk: Talk, line: str) -> None:
    assert talk.says(line).ids[0].startswith("safety.")


def test_there_are_at_least_a_hundred_of_them_and_no_two_alike() -> None:
    assert len({line for _, line in EVERY}) == len(EVERY) >= 100


@pytest.mark.parametrize(("kind", "line"), EVERY)
def test_it_becomes_a_task_and_gets_no_answer(server: Server, kind: str, line: str) -> None:
    reply = Talk(server, f"refusal.{line}"[:100]).says(line)
    assert {task for task, _ in reply.tasks()} & TASKS[kind], reply.ids
    assert set(reply.ids) <= SAID


@pytest.mark.parametrize(("kind", "line"), EVERY[::6])
def test_in_the_middle_of_a_reflection_too_and_the_question_stands(
    server: Server, kind: str, line: str
) -> None:
    talk = Talk(server, f"refused.{line}"[:100])
    talk.says("I want to reflect")
    talk.taps("tired")
    reply = talk.says(line)
    assert {task for task, _ in reply.tasks()} & TASKS[kind], reply.ids
    assert reply.ids[0] in SAID
    assert reply.last.startswith("reflection.image")


@pytest.mark.parametrize("line", ["can i take ibuprofen", "should i come off prozac"])
def test_while_an_alert_is_open_it_is_passed_on_before_the_next_step(talk: Talk, line: str) -> None:
    talk.says("I want to die", risk="urgent", categories=("suicide",))
    reply = talk.says(line, lasting="urgent", categories=("suicide",))
    assert ("medication", "routine") in reply.tasks()
    assert reply.ids[0] == "conversation.passed_on"
    assert len(reply.ids) > 1
    assert reply.last.startswith(("safety.", "measure."))


def test_a_long_answer_with_a_question_about_a_medicine_is_kept_and_passed_on(talk: Talk) -> None:
    talk.says("I want to reflect")
    talk.taps("tired")
    told = (
        "I saw a wide sea under a grey sky and I was lying on the sand with my brother next to me. "
        "Should I stop my lexapro?"
    )
    reply = talk.says(told)
    assert ("medication", "routine") in reply.tasks()
    assert reply.ids[0] == "conversation.passed_on"
    assert talk.parts()["image"] == ("answered", told)


@pytest.mark.parametrize(
    "words", ["I took my lexapro and felt calm", "it was like a pill of light", "real peace"]
)
def test_words_about_it_that_ask_nothing_are_an_answer(talk: Talk, words: str) -> None:
    talk.says("I want to reflect")
    talk.taps("tired")
    assert talk.says(words).tasks() == []
    assert talk.parts()["image"] == ("answered", words)
