"""Three questions to write from, the same for the same facts, each with a reason that is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.content import registry
from clinic.journal import prompts
from clinic.journal.prompts import PromptsError, offer

BANK = prompts.load()
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
DAY = timedelta(days=1)
STAGES = sorted({stage for prompt in BANK.prompts for stage in prompt.stages})


def ids(offers: list[prompts.Offer]) -> list[str]:
    return [one.prompt.id for one in offers]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("gentle", [False, True])
def test_every_stage_offers_three_of_three_domains(stage: str, gentle: bool):
    offers = offer(BANK, stage, {}, NOW, gentle=gentle)
    assert len({one.prompt.domain for one in offers}) == 3
    assert {one.why for one in offers} == {"stage"}


def test_every_question_and_reason_has_words():
    for prompt in BANK.prompts:
        assert prompt.content in registry()
        assert f"prompt.domain_{prompt.domain}" in registry()
    for why in ("intention", "new", "while", "stage"):
        assert f"prompt.why_{why}" in registry()


def test_the_same_facts_give_the_same_questions():
    answered = {"prompt.body_1": NOW - 3 * DAY}
    assert offer(BANK, "day_1", answered, NOW) == offer(BANK, "day_1", dict(answered), NOW)


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_comes_again_within_seven_days(stage: str):
    """Someone who answers a question every day never meets one twice in a week."""
    answered: dict[str, datetime] = {}
    for day in range(30):
        now = NOW + day * DAY
        for one in offer(BANK, stage, answered, now):
            before = answered.get(one.prompt.content)
            assert before is None or now - before > 7 * DAY
        taken = offer(BANK, stage, answered, now)
        if taken:
            answered[taken[0].prompt.content] = now


def test_domains_take_turns():
    answered: dict[str, datetime] = {}
    met = []
    for day in range(6):
        first = offer(BANK, "between", answered, NOW + day * DAY)[0].prompt
        met.append(first.domain)
        answered[first.content] = NOW + day * DAY
    assert len(set(met)) == 6


def test_an_intention_about_people_brings_a_question_about_people_first():
    first = offer(BANK, "day_1", {}, NOW, intention="To forgive my mother.")[0]
    assert (first.prompt.domain, first.why) == ("relationships", "intention")


def test_a_word_inside_another_word_is_not_an_intention():
    assert BANK.domains_of("a godsend, mindless") == set()


def test_after_hard_hours_nothing_challenges():
    for stage in STAGES:
        assert all(o.prompt.load == "care" for o in offer(BANK, stage, {}, NOW, gentle=True))
    assert any(o.prompt.load == "challenge" for o in offer(BANK, "between", {}, NOW))


def test_the_reason_says_what_is_so():
    answered = {"prompt.mind_1": NOW - 9 * DAY}
    reasons = {o.prompt.domain: o.why for o in offer(BANK, "evening", answered, NOW)}
    assert set(reasons.values()) == {"new"}
    all_but_one = {p.content: NOW - 20 * DAY for p in BANK.prompts if "evening" in p.stages}
    assert {o.why for o in offer(BANK, "evening", all_but_one, NOW)} == {"while"}


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("load: care, stages: [evening, day_1]}", "load: much, stages: [evening]}"),
        ("domain: mind, load: care", "domain: mood, load: care"),
        ("stages: [evening, day_1]", "stages: [tomorrow]"),
        ("id: mind_2", "id: mind_1"),
        ("again_days: 7", "again_day: 7"),
    ],
)
def test_a_broken_bank_is_refused(tmp_path: Path, line: str, instead: str):
    text = prompts.PATH.read_text(encoding="utf-8")
    assert line in text
    path = tmp_path / "prompts.yml"
    path.write_text(text.replace(line, instead, 1), encoding="utf-8")
    with pytest.raises(PromptsError):
        prompts.load(path)
