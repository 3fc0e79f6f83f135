"""Words that show risk, in every situation the dialogue can be in."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SCREENER, Talk
from test_reflection import walk

from actions import safety, safety_screen
from bot import content
from bot.flows import flows
from bot.safety_plan import PARTS

RISK = "I want to kill myself tonight"
#: What is said after the card when the edge saw an emergency.
FIRST = ["safety.now", *SCREENER]
EMERGENCY = {"risk": "emergency", "categories": ("suicide",)}
#: Ordinary words while the conversation carries what was said before.
LASTING = {"risk": "none", "categories": ("suicide",), "lasting": "emergency"}

LASTING_BODY = {"risk": "none", "categories": ("medical",), "lasting": "emergency"}

#: Every question of the reflection, with the way to it.
PATHS = {
    **{step.name: () for step in flows()["reflection"].steps},
    "unwell": (("body", "unwell"),),
    "noticed": (("image", "nothing"),),
    "hoped": (("image", "nothing"),),
    "sits": (("image", "nothing"),),
    "distress": (("tone", "hard"),),
    "after": (("tone", "hard"), ("distress", "9")),
    "person": (("tone", "hard"), ("distress", "9")),
    "which": (("recap", "change"),),
}


def go(talk: Talk, step: str) -> None:
    for at, choice in PATHS[step]:
        walk(talk, at)
        talk.says(choice) if choice.isdigit() else talk.taps(choice)
    walk(talk, step)


def stored_words(talk: Talk) -> str:
    return str(talk.records)


@pytest.mark.parametrize("step", list(PATHS))
def test_risk_at_each_question_is_answered_as_risk_and_enters_no_record(
    talk: Talk, step: str
) -> None:
    go(talk, step)
    reply = talk.says(RISK, **EMERGENCY)
    assert reply.ids == FIRST
    assert reply.records == []
    assert RISK not in stored_words(talk)
    said = talk.says("hello", **LASTING)
    assert said.last == "measure.cssrs_screener.2", "no form goes on by itself"


@pytest.mark.parametrize("before", [[], ["hi"], ["zxcv qwer asdf"], ["hi", "who reads this?"]])
def test_risk_outside_a_reflection_is_answered_as_risk(talk: Talk, before: list[str]) -> None:
    for text in before:
        talk.says(text)
    assert talk.says(RISK, **EMERGENCY).ids == FIRST


def test_risk_after_a_long_silence_is_answered_as_risk(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says(RISK, after=9 * 24 * 3600, **EMERGENCY).ids == FIRST


@pytest.mark.parametrize("stage", ["infusion", "recovery", "evening", "maintenance", "onboarding"])
def test_risk_in_every_stage_is_answered_as_risk(talk: Talk, stage: str) -> None:
    talk.stage = stage
    assert talk.says(RISK, **EMERGENCY).ids == FIRST


def test_what_the_edge_missed_is_seen_here_and_gets_the_card(talk: Talk) -> None:
    walk(talk, "stayed")
    reply = talk.says(RISK, risk="none")
    assert reply.ids == ["safety.card", *FIRST]
    assert "911" in reply.text


def test_what_the_edge_saw_counts_even_in_harmless_words(talk: Talk) -> None:
    walk(talk, "stayed")
    assert talk.says("blue", risk="urgent", categories=("self_harm",)).ids == SCREENER
    assert "stayed" not in talk.parts()


def test_watch_asks_directly_and_never_the_same_twice_in_a_row(talk: Talk) -> None:
    said = [
        talk.says("what is the point", risk="watch", categories=("suicide",)).ids[0]
        for _ in range(6)
    ]
    assert said[0] == "safety.ask"
    assert all(first != second for first, second in pairwise(said))
    assert len(set(said)) == 3


def test_no_question_comes_twice_and_the_talk_never_ends(talk: Talk) -> None:
    said = [talk.says(RISK, **EMERGENCY).ids[-1] for _ in range(20)]
    assert all(first != second for first, second in pairwise(said))
    screener = [name for name in said if name.startswith("measure.")]
    assert len(screener) == len(set(screener)) == 7, "unclear counts as yes, so all are asked"
    assert {"safety.stay_company", "safety.stay_distance", "safety.plan_offer"} <= set(said)


@pytest.mark.parametrize(
    ("level", "category", "said"),
    [
        ("emergency", "medical", "safety.stay_medical"),
        ("urgent", "medical", "measure.medical_check.1"),
        ("watch", "medical", "measure.medical_check.1"),
        ("watch", "abuse", "safety.ask_safe"),
        ("watch", "harm_to_others", "safety.ask_safe"),
        ("urgent", "abuse", "safety.ask_danger"),
        ("emergency", "harm_to_others", "safety.ask_danger"),
    ],
)
def test_the_next_step_fits_what_it_is_about(
    talk: Talk, level: str, category: str, said: str
) -> None:
    assert talk.says("it happened again", risk=level, categories=(category,)).ids == [said]


ABUSE = {"risk": "urgent", "categories": ("abuse",)}
LASTING_ABUSE = {"risk": "none", "categories": ("abuse",), "lasting": "urgent"}


def test_whoever_tells_of_violence_is_asked_of_now_and_of_their_own_life_once(talk: Talk) -> None:
    said = [talk.says("he pushed me down the stairs", **ABUSE).last]
    said += [talk.says("it is quiet in the house", **LASTING_ABUSE).last for _ in range(9)]
    assert said[:2] == ["safety.ask_danger", "safety.ask_self"]
    assert not {"safety.ask_danger", "safety.ask_self"} & set(said[2:])
    assert all(first != second for first, second in pairwise(said))


def test_what_the_edge_has_asked_itself_is_not_asked_again(talk: Talk) -> None:
    risk = {"level": "urgent", "conversation_level": "urgent", "categories": ["abuse"]}
    asked = risk | {"asked": ["safety.ask_danger"]}
    turn = talk.turn({"kind": "text", "text": "he pushed me"})
    turn["context"]["risk"] = asked
    _, body, _ = talk.server.post(turn)
    assert [message["content"] for message in body["messages"]] == ["safety.ask_self"]


@pytest.mark.parametrize(
    ("answers", "last"),
    [
        (["no"], "safety.ask_self"),
        (["yes"], "safety.yes_next"),
        (["no", "no"], "safety.stay"),
        (["no", "yes"], "measure.cssrs_screener.1"),
        (["no", "not_sure"], "measure.cssrs_screener.1"),
    ],
)
def test_a_no_about_danger_leads_on_and_a_yes_about_oneself_to_the_screener(
    talk: Talk, answers: list[str], last: str
) -> None:
    talk.says("he pushed me down the stairs", **ABUSE)
    for choice in answers:
        said = talk.taps(choice, **LASTING_ABUSE)
    assert said.last == last


def test_a_no_after_the_alert_was_closed_opens_nothing_again(talk: Talk) -> None:
    talk.says("he pushed me down the stairs", **ABUSE)
    assert talk.taps("no").ids == ["safety.no_next"]


def test_after_a_relapse_calling_comes_first_and_then_the_direct_question(talk: Talk) -> None:
    level = {"risk": "emergency", "categories": ("substance",)}
    said = [talk.says("I took xanax and can't stay awake", **level).last]
    lasting = {"risk": "none", "categories": ("substance",), "lasting": "emergency"}
    said += [talk.says("the sofa is soft", **lasting).last for _ in range(5)]
    assert said[:2] == ["safety.stay_medical", "safety.ask_self"]
    assert said.count("safety.ask_self") == 1


def test_signs_of_the_body_alone_lead_to_no_question_about_ones_life(talk: Talk) -> None:
    said = [talk.says("my chest", **LASTING_BODY | {"risk": "emergency"}).last]
    said += [talk.says("it is worse", **LASTING_BODY).last for _ in range(5)]
    assert "safety.ask_self" not in said


@pytest.mark.parametrize("choice", ["yes", "not_sure", "no"])
def test_the_answer_to_the_direct_question_is_taken(talk: Talk, choice: str) -> None:
    walk(talk, "stayed")
    talk.says("what is the point", risk="watch", categories=("suicide",))
    level = "none" if choice == "no" else "urgent"
    said = ["safety.no_next"] if choice == "no" else SCREENER
    assert talk.taps(choice, risk=level).ids == said


@pytest.mark.parametrize("words", ["yes", "Not sure", "sometimes", "no"])
def test_a_typed_answer_is_taken_and_a_yes_reaches_a_person(talk: Talk, words: str) -> None:
    talk.says("what is the point", risk="watch", categories=("suicide",))
    reply = talk.says(words)
    assert reply.ids == (["safety.no_next"] if words == "no" else SCREENER)
    assert reply.tasks() == ([] if words == "no" else [("human_request", "urgent")])


def test_after_a_no_the_reflection_can_be_taken_up_where_it_was(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("what is the point", risk="watch", categories=("suicide",))
    talk.taps("no")
    assert talk.taps("go_on").ids == ["reflection.go_on", "reflection.stayed"]
    assert talk.parts()["image"] == ("answered", "a warm light over the sea")


def test_a_safety_question_answered_in_the_middle_of_a_reflection_ends_it(talk: Talk) -> None:
    walk(talk, "stayed")
    talk.says("is this normal?")
    for number, choice in enumerate(["no", "yes", "none", "short", "no"], 2):
        assert talk.taps(choice).ids == [f"measure.medical_check.{number}"]
    reply = talk.taps("no")
    assert reply.ids == ["faq.usual_days", "safety.self_care"]
    assert reply.tasks() == [("other", "routine")]
    assert talk.taps("go_on").ids == ["reflection.go_on", "reflection.stayed"]


def test_taps_that_count_higher_for_this_patient_are_answered_by_what_they_count(
    talk: Talk,
) -> None:
    """The edge raises them by the medical history; the answers alone would have been lower."""
    talk.says("is this normal?")
    talk.taps("no"), talk.taps("yes")
    medical = {"categories": ("medical",)}
    assert talk.taps("more", risk="emergency", **medical).ids == ["safety.stay_medical"]


def test_six_calm_taps_of_somebody_with_a_history_are_not_soothed(talk: Talk) -> None:
    talk.says("is this normal?")
    for choice in ("no", "yes", "none", "short", "no"):
        talk.taps(choice)
    reply = talk.taps("no", risk="urgent", categories=("medical",))
    assert reply.ids == ["safety.same_day"]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("preparation", ["faq.usual_during"]),
        ("evening", ["faq.usual_evening"]),
        ("day_2", ["faq.usual_days"]),
        ("maintenance", []),
    ],
)
def test_what_is_usual_is_said_by_stage_and_only_after_the_red_flags(
    talk: Talk, stage: str, said: list[str]
) -> None:
    talk.stage = stage
    reply = talk.says("is this normal?")
    for choice in ("no", "yes", "none", "short", "no", "no"):
        assert not [one for one in reply.ids if one.startswith("faq.")]
        reply = talk.taps(choice)
    assert reply.ids == [*said, "safety.self_care"]


def test_what_is_usual_is_not_said_to_somebody_with_a_red_flag(talk: Talk) -> None:
    talk.stage = "evening"
    reply = talk.says("is this normal?")
    for choice in ("no", "yes", "more", "hours", "no", "no"):
        reply = talk.taps(choice)
        assert not [one for one in reply.ids if one.startswith("faq.")]


# ---- The screener ----


def test_after_the_screener_come_company_distance_and_a_plan(talk: Talk) -> None:
    talk.says(RISK, **EMERGENCY)
    for choice in ("yes", "yes", "no", "yes", "no"):
        talk.taps(choice, **EMERGENCY)
    assert talk.taps("no", **EMERGENCY).ids == ["safety.screen_done", "safety.stay_company"]
    assert talk.says("ok", **EMERGENCY).ids == ["safety.stay_distance"]
    assert talk.says("ok", **EMERGENCY).ids == ["safety.plan_offer"]


def test_a_person_with_a_plan_is_reminded_of_their_own_words(talk: Talk) -> None:
    talk.plan = {"coping": "walk the dog by the river"}
    talk.says(RISK, **EMERGENCY)
    for choice in ("yes", "no", "no"):
        talk.taps(choice, **EMERGENCY)
    said = [talk.says("ok", **EMERGENCY) for _ in range(2)]
    assert said[-1].ids == ["safety.plan_remind"]
    assert "walk the dog by the river" in said[-1].text


def test_typed_answers_walk_the_screener(talk: Talk) -> None:
    talk.says(RISK, **EMERGENCY)
    assert talk.types("no", **LASTING).ids == ["measure.cssrs_screener.2"]
    assert talk.types("Nope.", **LASTING).ids == ["measure.cssrs_screener.6"]
    assert talk.types("yes", **LASTING).ids == ["measure.cssrs_screener.6a"]


def test_an_unclear_answer_counts_as_yes_and_the_next_question_comes(talk: Talk) -> None:
    talk.says(RISK, **EMERGENCY)
    reply = talk.says("it is complicated", **LASTING)
    assert reply.ids == ["safety.screen_heard", "measure.cssrs_screener.2"]
    counted = {"instrument": "cssrs_screener", "item": "1", "value": 1}
    assert [r["data"] for r in reply.records] == [counted]


def test_a_request_in_the_middle_is_answered_and_counts_as_nothing_yet(talk: Talk) -> None:
    talk.says(RISK, **EMERGENCY)
    reply = talk.says("who reads this?", **LASTING)
    assert reply.last == "conversation.who_reads"
    assert [r for r in reply.records if r["kind"] == "instrument_answer"] == []


def test_a_finished_screener_is_not_asked_again(talk: Talk) -> None:
    talk.says(RISK, **EMERGENCY)
    for choice in ("no", "no", "no"):
        last = talk.taps(choice, **LASTING)
    assert last.ids == ["safety.screen_done", "safety.stay_company"]
    assert not talk.says(RISK, **EMERGENCY).last.startswith("measure.")


def test_item_nine_of_the_phq9_leads_to_the_screener(talk: Talk) -> None:
    answers = {str(n): 0 for n in range(1, 9)}
    talk.measures["phq9"] = {"state": "draft", "asked": [], "answers": answers, "hours": 0.0}
    reply = talk.says("my mood is low", risk="urgent", categories=("suicide",))
    assert reply.ids == SCREENER


# ---- The body ----


def test_the_body_is_asked_in_six_taps_and_danger_ends_them(talk: Talk) -> None:
    talk.says("my heart is racing", risk="watch", categories=("medical",))
    said = talk.taps("yes", risk="emergency", categories=("medical",))
    assert said.ids == ["safety.stay_medical"]
    assert "911" in said.text
    assert "drive" in said.text


def test_an_emergency_of_the_body_in_words_is_called_in_before_any_question(talk: Talk) -> None:
    level = {"risk": "emergency", "categories": ("medical",)}
    first = talk.says("there is a pressure in my chest", **level)
    assert first.ids == ["safety.stay_medical"]
    assert "911" in first.text
    said = [talk.says("maybe it is nothing", **LASTING_BODY).last for _ in range(3)]
    assert len({*said, first.last}) == 4


def test_tier_two_is_a_call_back_today(talk: Talk) -> None:
    level = {"risk": "urgent", "categories": ("medical",)}
    talk.says("I threw up twice", **level)
    for choice in ("no", "yes", "more", "short", "no"):
        talk.taps(choice, **level)
    reply = talk.taps("no", **level)
    assert reply.ids == ["safety.same_day"]
    assert "Harbor Clinic" in reply.text


def test_a_thought_of_harm_among_the_six_leads_to_the_screener(talk: Talk) -> None:
    level = {"risk": "urgent", "categories": ("medical",)}
    talk.says("I threw up twice", **level)
    for choice in ("no", "yes", "none", "short", "no"):
        talk.taps(choice, **level)
    reply = talk.taps("yes", risk="urgent", categories=("medical", "suicide"))
    assert reply.ids == SCREENER


# ---- Somebody else ----


def test_a_worry_about_a_friend_is_about_helping_them(talk: Talk) -> None:
    watch = {"risk": "watch", "categories": ("suicide",)}
    reply = talk.says("my friend wants to kill herself", **watch)
    assert reply.ids == ["safety.ask_friend"]
    assert "988" in reply.text
    assert talk.taps("no").ids == ["safety.friend_next"]


# ---- The safety plan ----


def test_a_plan_is_written_part_by_part_in_the_patients_words(talk: Talk) -> None:
    assert talk.says("i want to make a safety plan").ids == [
        "safety.plan_intro",
        "safety.plan_warning_signs",
    ]
    words = {
        "warning_signs": "I stop answering messages",
        "coping": "slow breathing",
        "places": "the library",
        "people": "call my sister",
        "professionals": "talk to Dr. Ames",
        "environment": "my brother keeps the key",
    }
    for answer in words.values():
        last = talk.says(answer)
    assert last.ids == ["safety.plan_done"]
    assert talk.plan == words


def test_a_part_can_be_skipped_and_the_plan_left_and_taken_up(talk: Talk) -> None:
    talk.says("my safety plan")
    assert talk.taps("skip").ids == ["safety.plan_coping"]
    talk.says("music")
    assert talk.taps("stop").ids == ["safety.plan_stopped"]
    assert talk.plan == {"coping": "music"}
    assert talk.taps("go_on").ids == ["safety.plan_warning_signs"]


def test_a_plan_is_shown_and_can_be_changed(talk: Talk) -> None:
    talk.plan = {"coping": "walk the dog", "people": "Jo, 555 0100"}
    shown = talk.says("show me my safety plan")
    assert shown.ids == ["safety.plan_line", "safety.plan_line", "safety.plan_done"]
    assert "What I can do on my own: walk the dog" in shown.text
    assert talk.taps("change").last == "safety.plan_warning_signs"


def test_risk_in_the_middle_of_a_plan_is_answered_as_risk(talk: Talk) -> None:
    talk.says("my safety plan")
    assert talk.says(RISK, **EMERGENCY).ids == FIRST
    assert talk.plan == {}


def test_a_plan_can_be_written_while_an_alert_is_open(talk: Talk) -> None:
    talk.says("my safety plan", **LASTING)
    talk.says("I stop sleeping", **LASTING)
    assert talk.plan == {"warning_signs": "I stop sleeping"}


def test_a_gentle_worry_in_a_plan_is_kept_and_asked_about(talk: Talk) -> None:
    talk.says("my safety plan")
    reply = talk.says("I feel like a burden", risk="watch", categories=("suicide",))
    assert reply.ids == ["safety.ask"]
    assert talk.plan == {"warning_signs": "I feel like a burden"}


def test_a_person_can_be_asked_for_in_the_middle_of_a_plan(talk: Talk) -> None:
    talk.says("my safety plan")
    assert talk.taps("human").last == "conversation.human"


# ---- Rules of the house ----


def test_every_form_ignores_the_safety_intents() -> None:
    forms = yaml.safe_load((ROOT / "domain.yml").read_text())["forms"]
    for name, form in forms.items():
        assert {"safety_risk", "safety_answer"} <= set(form["ignored_intents"]), name


def test_every_safety_item_has_one_wording() -> None:
    items = [item for item in content.registry() if item.id.startswith("safety.")]
    assert items
    assert all(len(item.variants) == 1 for item in items)


def test_every_safety_item_that_is_said_exists() -> None:
    said = (
        *safety.QUESTIONS,
        *safety.THEN,
        *safety.STAY_OTHERS,
        *safety_screen.STAY_MEDICAL,
        *safety_screen.STAY_SAME_DAY,
        *(f"safety.plan_{part}" for part in PARTS),
        *(f"plan.{part}" for part in PARTS),
    )
    assert all(name in content.registry() for name in said)


@pytest.mark.parametrize("name", safety.QUESTIONS)
def test_the_direct_questions_raise_on_yes_and_unsure_and_complete_on_no(name: str) -> None:
    item = content.registry().item(name)
    raises = {choice.id: choice.raises for choice in item.choices}
    assert raises["yes"] in ("urgent", "emergency")
    assert raises["not_sure"] == "urgent"
    assert raises["no"] is None
    assert [choice.id for choice in item.choices if choice.completes_screen] == ["no"]


BANNED = {"ConversationPaused", "FollowupAction", "ReminderScheduled", "ReminderCancelled"}


def names(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name.split(".")[-1])
    return found


def test_the_banned_events_are_nowhere_used() -> None:
    files = [*ROOT.glob("actions/**/*.py"), *ROOT.glob("bot/*.py"), *ROOT.glob("bot/rasa/*.py")]
    assert len(files) > 10
    for path in files:
        assert not names(path) & BANNED, path
    for path in [*ROOT.glob("data/rules/*.yml"), *ROOT.glob("data/stories/*.yml")]:
        text = path.read_text()
        assert not any(banned in text for banned in ("action_pause", "followup", "reminder")), path


def test_the_check_for_banned_events_finds_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from rasa_sdk import events\nx = events.FollowupAction('a')\n")
    assert names(bad) & BANNED


def test_actions_have_no_clock_no_network_and_no_database() -> None:
    banned = {"time", "socket", "requests", "httpx", "aiohttp", "urllib", "sqlalchemy", "sqlite3"}
    for path in ROOT.glob("actions/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            assert not {module.split(".")[0] for module in modules} & banned, path
        assert "now" not in names(path), f"{path}: the time comes from the turn"
