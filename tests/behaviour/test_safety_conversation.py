"""The safety conversation at the edge: it alone keeps, weighs and acts on structured answers.

The assistant is down in most of these: everything here has to hold without it (invariant I4).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot import measures
from bot.third_person import about_another
from clinic import infusions, people
from clinic.conversation import handoff
from clinic.records.models import Conversation, Escalation, Message, Record, RiskAssessment
from tests.behaviour.conftest import Edge
from tests.behaviour.peer import says

RISK = "I want to kill myself tonight"
PASSIVE = "I wish I was dead"
DIZZY = "I am so dizzy and sick since the infusion"
SCREENER = "measure.cssrs_screener"


@pytest.fixture
def alone(edge: Edge) -> Edge:
    """The edge without its assistant."""
    edge.peer.act = lambda _turn: 500
    return edge


def kept(edge: Edge, name: str = "cssrs_screener") -> dict[str, Any]:
    """The newest administration of a measure, with the state of its record."""
    with edge.world.system.database.read() as session:
        record = session.scalars(
            select(Record)
            .where(Record.kind == "measure", Record.key.startswith(name))
            .order_by(Record.created_at.desc())
        ).first()
        assert record is not None
        data: dict[str, Any] = edge.world.system.vault(session).data(record)
        return data | {"state": record.state}


def alert(edge: Edge) -> Escalation:
    with edge.world.system.database.read() as session:
        return session.scalars(select(Escalation)).one()


def level(edge: Edge) -> str:
    with edge.world.system.database.read() as session:
        return session.get_one(Conversation, edge.conversation).risk_level


def test_after_words_of_danger_comes_the_card_and_then_the_screener(alone: Edge):
    received = alone.say(RISK)
    assert [reply["content"] for reply in received["replies"]] == ["safety.card"]
    assert alone.contents() == ["safety.card", f"{SCREENER}.1"]
    assert alert(alone).level == "emergency"


def test_the_screener_is_walked_by_taps_and_kept_for_the_clinician(alone: Edge):
    alone.say(PASSIVE)
    for choice in ("yes", "yes", "no", "no", "no", "no"):
        alone.tap(choice)
    found = kept(alone)
    assert found["answers"] == {"1": 1, "2": 1, "3": 0, "4": 0, "5": 0, "6": 0}
    assert found["state"] == "complete"
    assert found["score"] == {"value": None, "band": "low"}
    again = measures.score(measures.measures()["cssrs_screener"], found["answers"])
    assert (again.value, again.band) == (found["score"]["value"], found["score"]["band"])
    assert level(alone) == "urgent", "self-report never lowers what words have raised"
    questions = [name for name in alone.contents() if name.startswith(SCREENER)]
    assert len(questions) == len(set(questions)) == 6


def test_a_yes_to_intent_raises_the_alert_in_the_same_transaction(alone: Edge):
    alone.say(PASSIVE)
    assert alert(alone).level == "urgent"
    for choice in ("yes", "yes", "no"):
        alone.tap(choice)
    alone.tap("yes")
    assert alert(alone).level == "emergency"
    with alone.world.system.database.read() as session:
        last = session.scalars(
            select(RiskAssessment).join(Message).order_by(Message.seq.desc())
        ).first()
        assert (last.level, last.rules) == ("emergency", "answers")


# Between people, and after a relapse: no questionnaire asks about the writer's own life there.

PUSHED = "my husband pushed me down the stairs yesterday"
ASKED = ("safety.ask_danger", "safety.ask_self")


def test_whoever_tells_of_violence_is_asked_of_now_and_of_their_own_life(alone: Edge):
    alone.say(PUSHED)
    assert alone.contents() == ["safety.card_danger", "safety.ask_danger"]
    for words in ("he does not like that I come here", "it is quiet now", "he sleeps", "I wait"):
        alone.say(words)
    asked = [name for name in alone.contents() if name in ASKED]
    assert asked == ["safety.ask_danger", "safety.ask_self"]


def test_danger_now_is_an_emergency_and_a_no_closes_nothing(alone: Edge):
    alone.say(PUSHED)
    alone.tap("no")
    assert (alert(alone).state, level(alone)) == ("open", "urgent")
    assert alone.contents()[-1] == "safety.ask_self"


def test_a_yes_to_danger_now_calls_at_once(alone: Edge):
    alone.say(PUSHED)
    alone.tap("yes")
    assert (alert(alone).level, level(alone)) == ("emergency", "emergency")


def test_a_yes_about_their_own_life_leads_to_the_screener_to_its_end(alone: Edge):
    alone.say(PUSHED)
    alone.tap("no")
    alone.tap("not_sure")
    assert alone.contents()[-1] == f"{SCREENER}.1"
    alone.say("it is complicated")
    assert alone.contents()[-1] == f"{SCREENER}.2"
    assert set(alert(alone).categories) == {"abuse", "suicide"}


def test_the_assistant_is_told_which_direct_questions_stand_there(edge: Edge):
    edge.peer.act = lambda _turn: 500
    edge.say(PUSHED)
    heard: list[list[str]] = []

    def listens(turn: dict[str, Any]) -> dict[str, Any]:
        heard.append(turn["context"]["risk"]["asked"])
        return says(turn, "safety.ask_self")

    edge.peer.act = listens
    edge.say("he sleeps")
    edge.say("I wait")
    assert heard == [["safety.ask_danger"], ["safety.ask_danger", "safety.ask_self"]]


def test_a_new_alert_asks_anew(alone: Edge):
    alone.say(PUSHED)
    first = alert(alone)
    with alone.world.system.database.write() as session:
        found = session.get_one(Escalation, first.id)
        found.state, found.next_at, found.disposition = "resolved", None, "spoke_safe"
        found.resolved_at = alone.world.clock.now()
        conversation = session.get_one(Conversation, alone.conversation)
        conversation.risk_level, conversation.risk_categories = "none", []
    alone.world.clock.advance(timedelta(days=3))
    alone.say("he pushed me down the stairs again last night")
    assert alone.contents()[-1] == "safety.ask_danger"


def test_what_was_taken_is_called_in_and_then_asked_about_directly(alone: Edge):
    alone.say("I took some xanax after the infusion and I can't stay awake")
    assert alone.contents() == ["safety.card_medical", "safety.stay_medical"]
    alone.say("I just wanted it quiet")
    alone.say("the sofa is soft")
    assert alone.contents()[2:] == ["safety.ask_self", "safety.stay_medical"]


@pytest.mark.parametrize(
    ("typed", "value", "unclear"),
    [("Yes.", 1, []), ("not sure", 1, []), ("No", 0, []), ("it comes and goes at night", 1, ["1"])],
)
def test_typed_answers_count_and_an_unclear_one_counts_as_yes(
    alone: Edge, typed: str, value: int, unclear: list[str]
):
    alone.say(PASSIVE)
    alone.say(typed)
    found = kept(alone)
    assert (found["answers"], found["unclear"]) == ({"1": value}, unclear)
    assert alone.contents()[-1] == f"{SCREENER}.2"


def test_an_unclear_answer_about_intent_is_an_emergency(alone: Edge):
    alone.say(PASSIVE)
    for choice in ("yes", "yes", "no"):
        alone.tap(choice)
    assert alone.contents()[-1] == f"{SCREENER}.4"
    alone.say("I would rather not say")
    assert (alert(alone).level, level(alone)) == ("emergency", "emergency")


def test_words_the_assistant_could_not_read_as_an_answer_are_counted_once(edge: Edge):
    def unclear(turn: dict[str, Any]) -> dict[str, Any]:
        record = {
            "kind": "instrument_answer",
            "key": "k",
            "data": {"instrument": "cssrs_screener", "item": "1", "value": 1},
        }
        return says(turn, f"{SCREENER}.2", records=(record,))

    edge.peer.act = lambda turn: says(turn, f"{SCREENER}.1")
    edge.say(PASSIVE)
    edge.peer.act = unclear
    edge.say("hm")
    edge.say("hm")
    found = kept(edge)
    assert (found["answers"], found["unclear"]) == ({"1": 1}, ["1"])


def test_an_answer_nobody_asked_for_is_not_kept(edge: Edge):
    record = {
        "kind": "instrument_answer",
        "key": "k",
        "data": {"instrument": "cssrs_screener", "item": "4", "value": 1},
    }
    edge.peer.act = lambda turn: says(turn, f"{SCREENER}.1", records=(record,))
    edge.say(PASSIVE)
    assert kept(edge)["answers"] == {}
    assert alert(edge).level == "urgent"


def test_the_assistant_is_told_what_was_asked_and_answered(edge: Edge):
    edge.peer.act = lambda turn: says(turn, f"{SCREENER}.1")
    edge.say(PASSIVE)
    edge.peer.act = lambda turn: says(turn, f"{SCREENER}.2")
    edge.tap("no")
    told = edge.peer.turns[-1]["context"]["measures"]["cssrs_screener"]
    assert told == {"state": "draft", "asked": ["1"], "answers": {"1": 0}, "hours": 0.0}


def test_a_finished_screener_is_not_begun_again_the_same_day(alone: Edge):
    alone.say(PASSIVE)
    for _ in range(3):
        alone.tap("no")
    alone.world.clock.advance(timedelta(hours=2))
    alone.say(PASSIVE)
    assert [n for n in alone.contents() if n.startswith(SCREENER)][-1] == f"{SCREENER}.6"
    alone.world.clock.advance(timedelta(hours=25))
    alone.say(PASSIVE)
    assert alone.contents()[-1] == f"{SCREENER}.1"


def test_while_a_human_writes_a_typed_yes_is_theirs_to_read(alone: Edge):
    alone.say(PASSIVE)
    system = alone.world.system
    with system.database.write() as session:
        handoff.take(system, session, alone.conversation, alone.nurse)
    alone.say("yes")
    assert kept(alone)["answers"] == {}


# Somebody else.


@pytest.mark.parametrize(
    "text",
    [
        "my friend wants to kill herself",
        "My sister told me she wants to die",
        "my roommate says he is going to end it tonight",
        "I am worried about my mom, she talks about not wanting to be here anymore",
    ],
)
def test_a_worry_about_somebody_else_is_answered_as_one(alone: Edge, text: str):
    alone.say(text)
    (said,) = [m for m in alone.shown() if m["author"] != "patient"]
    assert said["content"] == "safety.ask_friend"
    assert "988" in said["text"]
    assert "stay with them" in said["text"]


def test_somebody_else_in_danger_now_gets_the_card_and_no_screener(alone: Edge):
    alone.say("my friend took a bunch of pills and wont wake up")
    assert alert(alone).level == "emergency"
    assert alone.contents() == ["safety.card", "safety.friend_now"]
    alone.say("ok they are coming")
    assert alone.contents()[-1] == "safety.friend_stay"
    alone.say("and now I want to die too")
    assert alone.contents()[-1] == f"{SCREENER}.1"


@pytest.mark.parametrize(
    "text",
    [
        "I want to kill myself",
        "my friend died and I want to die too",
        "my mom says I should kill myself",
        "my friend wants to kill herself and so do I",
    ],
)
def test_in_doubt_it_is_about_the_writer(text: str):
    assert not about_another(text)


# The body: six taps.


def test_a_worry_about_the_body_is_asked_about_in_taps(alone: Edge):
    alone.say(DIZZY)
    assert alone.contents()[-1] == "measure.medical_check.1"
    alone.tap("no")
    alone.tap("yes")
    assert kept(alone, "medical_check")["answers"] == {"1": 0, "2": 0}


@pytest.mark.parametrize(("choice", "wanted"), [("yes", "emergency"), ("not_sure", "emergency")])
def test_chest_pain_or_not_being_sure_calls_at_once(alone: Edge, choice: str, wanted: str):
    alone.say(DIZZY)
    alone.tap(choice)
    assert alert(alone).level == wanted
    assert "safety.card_medical" in alone.contents()
    assert kept(alone, "medical_check")["state"] == "complete"


def test_an_emergency_of_the_body_in_words_is_called_in_before_any_question(alone: Edge):
    alone.say("I have chest pain and I can't breathe")
    assert alone.contents() == ["safety.card_medical", "safety.stay_medical"]
    alone.say("maybe it is just gas")
    assert alone.contents()[-1] == "safety.stay_medical_company"


def test_six_times_nothing_completes_the_gentle_screen(edge: Edge):
    """With the assistant: without it the edge goes on only after danger."""
    edge.peer.act = lambda turn: says(turn, "measure.medical_check.1")
    edge.say("my heart is racing")
    taps = ["no", "yes", "none", "short", "no", "no"]
    for number, choice in enumerate(taps, 1):
        following = f"measure.medical_check.{number + 1}" if number < 6 else "safety.self_care"
        edge.peer.act = lambda turn, name=following: says(turn, name)
        edge.tap(choice)
    found = kept(edge, "medical_check")
    assert (found["state"], found["score"]["band"]) == ("complete", "tier_3")
    assert level(edge) == "none"


# PHQ-9, item 9 (domain.md 3.3).


def fill_phq9(edge: Edge, *values: int) -> None:
    for number, value in enumerate(values, 1):
        edge.peer.act = lambda turn, n=number: says(turn, f"measure.phq9.{n}")
        if number == 1:
            edge.say("my questionnaire")
            edge.world.clock.advance(timedelta(seconds=1))
        else:
            edge.peer.act = lambda turn, n=number: says(turn, f"measure.phq9.{n}")
        if number < len(values):
            edge.peer.act = lambda turn, n=number + 1: says(turn, f"measure.phq9.{n}")
        else:
            edge.peer.act = lambda turn: says(turn, "conversation.thanks")
        edge.tap(str(value))


def test_item_nine_above_zero_for_the_first_time_calls_the_same_day(edge: Edge):
    fill_phq9(edge, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    found = kept(edge, "phq9")
    assert (found["state"], found["score"]) == ("complete", {"value": 9, "band": "mild"})
    assert alert(edge).level == "urgent"
    assert alert(edge).categories == ["suicide"]
    assert alert(edge).reason == "measure.phq9.9.1"


def test_item_nine_as_before_asks_and_does_not_call(edge: Edge):
    fill_phq9(edge, 1, 1, 1, 1, 1, 1, 1, 1, 0)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).first() is None
    edge.world.clock.advance(timedelta(days=14))
    fill_phq9(edge, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    first = alert(edge)
    with edge.world.system.database.write() as session:
        found = session.get_one(Escalation, first.id)
        found.state, found.next_at, found.disposition = "resolved", None, "spoke_safe"
        found.resolved_at = edge.world.clock.now()
        conversation = session.get_one(Conversation, edge.conversation)
        conversation.risk_level, conversation.risk_categories = "none", []
    edge.world.clock.advance(timedelta(days=14))
    fill_phq9(edge, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    assert level(edge) == "watch"
    assert alert(edge).state == "resolved", "the same answer as last time calls nobody"


def one_item(edge: Edge, answer: str) -> None:
    edge.peer.act = lambda turn: says(turn, "measure.si.1")
    edge.say("my questions")
    edge.peer.act = lambda turn: says(turn, "conversation.thanks")
    edge.tap(answer)


def test_the_day_after_an_infusion_it_asks_about_thoughts_of_death_once(edge: Edge):
    """domain.md 3.2, S6: nobody has to find the words first."""
    assert due(edge) == ["si", "mood", "anxiety"]
    one_item(edge, "0")
    assert due(edge) == ["mood", "anxiety"]
    assert level(edge) == "none"


def test_a_finished_measure_carries_the_scores_before_it_and_the_newest_is_known(edge: Edge):
    """A list of hundreds of patients opens one row of each (docs/adr/0033)."""
    begun = edge.world.clock.now()
    for answer in ("6", "4", "5"):
        edge.peer.act = lambda turn: says(turn, "measure.mood.1")
        edge.say("my questions")
        edge.peer.act = lambda turn: says(turn, "conversation.thanks")
        edge.tap(answer)
        edge.world.clock.advance(timedelta(days=1))
    earlier = kept(edge, "mood")["earlier"]
    assert earlier["scores"] == [6, 4]
    assert [datetime.fromtimestamp(at, UTC) for at in earlier["at"]] == [
        begun.replace(microsecond=0),
        (begun + timedelta(days=1)).replace(microsecond=0),
    ]
    with edge.world.system.database.read() as session:
        rows = session.scalars(
            select(Record).where(Record.kind == "measure").order_by(Record.updated_at)
        ).all()
    assert [row.newest for row in rows] == [False, False, True]


def test_thoughts_of_death_on_the_day_after_call_the_same_day(edge: Edge):
    one_item(edge, "1")
    assert alert(edge).level == "urgent"
    assert alert(edge).reason == "measure.si.1.1"


def test_a_rise_of_five_from_the_best_is_a_task_for_the_clinic(edge: Edge):
    fill_phq9(edge, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    edge.world.clock.advance(timedelta(days=14))
    fill_phq9(edge, 2, 2, 2, 2, 2, 0, 0, 0, 0)
    with edge.world.system.database.read() as session:
        vault = edge.world.system.vault(session)
        tasks = [
            vault.data(r)["task"]
            for r in session.scalars(select(Record).where(Record.kind == "clinic_task"))
        ]
    assert tasks == ["relapse_watch"]


# Numbers that work where the patient is.


def in_country(edge: Edge, code: str | None) -> None:
    with edge.world.system.database.write() as session:
        session.get_one(Conversation, edge.conversation).patient.country = code


@pytest.mark.parametrize(
    ("country", "says_", "hrefs"),
    [
        (None, ["call or text 988", "911"], ["tel:911", "tel:988", "sms:988"]),
        ("GB", ["call 116 123", "999"], ["tel:999", "tel:116123"]),
        ("AU", ["call 13 11 14", "000"], ["tel:000", "tel:131114", "sms:0477131114"]),
        ("XX", ["call a local crisis line", "your local emergency number"], []),
    ],
)
def test_the_card_and_the_help_lines_name_numbers_that_work_there(
    alone: Edge, country: str | None, says_: list[str], hrefs: list[str]
):
    in_country(alone, country)
    alone.say(RISK)
    card = next(m["text"] for m in alone.shown() if m["content"] == "safety.card")
    assert all(words in card for words in says_)
    lines = [line["href"] for line in alone.state()["help"]["lines"]]
    assert lines == [*hrefs, "tel:+15550100", "/plan"]


# What is due, and who is told of it (domain.md 3.2, 3.3).


def due(edge: Edge) -> list[str]:
    """What the assistant was told is due, at the newest turn."""
    edge.peer.act = lambda turn: says(turn, "conversation.thanks")
    edge.say("hello")
    found: list[str] = edge.peer.turns[-1]["context"]["due_measures"]
    return found


def test_the_assistant_is_told_what_is_due_and_a_finished_one_is_not(edge: Edge):
    edge.world.clock.advance(timedelta(days=6))
    assert due(edge) == ["phq9", "gad7"]
    fill_phq9(edge, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    assert due(edge) == ["gad7"]
    edge.world.clock.advance(timedelta(days=13))
    assert due(edge) == ["gad7"]
    edge.world.clock.advance(timedelta(days=1))
    assert due(edge) == ["phq9", "gad7"]


def test_one_that_was_begun_is_still_due(edge: Edge):
    edge.world.clock.advance(timedelta(days=6))
    edge.peer.act = lambda turn: says(turn, "measure.phq9.1")
    edge.say("my questionnaire")
    edge.peer.act = lambda turn: says(turn, "measure.phq9.2")
    edge.tap("1")
    assert due(edge) == ["phq9", "gad7"]


def test_what_the_treatment_is_for_selects_its_own_measure(edge: Edge):
    edge.world.clock.advance(timedelta(days=6))
    with edge.world.system.database.write() as session:
        patient = session.get_one(Conversation, edge.conversation).patient
        infusions.set_indications(edge.world.system, session, patient, ["pain"])
    assert due(edge) == ["phq9", "gad7", "peg"]
    with edge.world.system.database.write() as session:
        patient = session.get_one(Conversation, edge.conversation).patient
        with pytest.raises(people.NotPossibleError, match="pain"):
            infusions.set_indications(edge.world.system, session, patient, ["gout"])


def test_item_nine_leads_to_the_screener_when_the_assistant_is_down(edge: Edge):
    edge.peer.act = lambda turn: says(turn, "measure.phq9.9")
    edge.say("my questionnaire")
    edge.peer.act = lambda _turn: 500
    edge.tap("1")
    assert edge.contents()[-2:] == ["safety.card", f"{SCREENER}.1"]
