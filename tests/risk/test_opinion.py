"""The second opinion: it earns its place, only ever raises, and a broken one is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from phenomena import RULES_ALONE, cases, held

from bot import risk
from bot.risk import Level, RuleError, assess, load_rules, opinion, ruleset

VOICES = {
    name: [
        line
        for line in (risk.ROOT / "en" / "voices" / f"{name}.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for name in ("risk", "quiet")
}
SENTENCES = [message for case in [*cases(), *held()] for message in case.talk]
#: What nobody would find, and it asks.
UNSEEN = "I rehearsed the last line of me and I mean to be done before they get home"


def test_it_only_raises_and_only_to_watch() -> None:
    for text in SENTENCES[::7]:
        rules, both = assess(text, using=RULES_ALONE), assess(text)
        if rules.level > Level.none:
            assert (both.level, both.evidence) == (rules.level, rules.evidence)
        else:
            assert both.level <= Level.watch
        assert rules.score is None
        assert both.score is None or 0 < both.score < 1


def test_it_finds_veiled_words_the_rules_miss() -> None:
    veiled = [case for case in held() if case.topic == "indirect" and case.at_least > Level.none]
    rules = sum(case.level(RULES_ALONE) >= Level.watch for case in veiled)
    both = sum(case.level() >= Level.watch for case in veiled)
    assert both >= rules + 0.05 * len(veiled)


def test_it_asks_seldom_where_all_is_well() -> None:
    quiet = [case for case in [*cases(), *held()] if case.at_most is Level.none]
    silent = [case for case in quiet if case.level(RULES_ALONE) is Level.none]
    assert sum(case.level() > Level.none for case in silent) <= 0.03 * len(quiet)


def test_it_shows_the_passage_it_rests_on() -> None:
    alone = assess(UNSEEN)
    assert (alone.level, alone.evidence[0].rule) == (Level.watch, opinion.ID)
    around = "We planted beans and then it rained a little on the way home from the shop. " * 3
    inside = assess(around + UNSEEN + ". " + around)
    assert (inside.level, inside.evidence[0].rule) == (Level.watch, opinion.ID)
    assert inside.evidence[0].start <= len(around) < inside.evidence[0].end


def test_a_page_around_it_does_not_hide_what_it_finds_alone() -> None:
    """Three in ten; version 1 found hardly any of its own inside a page again."""
    around = "We planted beans and then it rained a little on the way home from the shop. " * 4
    found = [
        case.talk[0]
        for case in held()
        if case.at_least > Level.none
        and len(case.talk) == 1
        and case.level(RULES_ALONE) is Level.none
        and case.level() is Level.watch
    ]
    inside = [assess(f"{around}{text}. {around}").level >= Level.watch for text in found]
    assert len(inside) >= 30
    assert sum(inside) >= 0.3 * len(inside)


def test_there_are_enough_voices_and_none_is_a_test_sentence() -> None:
    plain = {re.sub(r"[^a-z ]", "", text.lower()) for text in SENTENCES}
    assert sum(map(len, VOICES.values())) >= 2_000
    for text in (*VOICES["risk"], *VOICES["quiet"]):
        assert re.sub(r"[^a-z ]", "", text.lower()) not in plain, text


def test_a_second_opinion_that_breaks_never_silences_the_rules() -> None:
    class Broken:
        threshold = 0.5

        def __call__(self, text: object) -> opinion.Said:
            raise ArithmeticError

    broken = replace(ruleset(), opinion=Broken())  # type: ignore[arg-type]
    found = assess("I am going to kill myself tonight", using=broken)
    assert (found.level, found.unscreened) == (Level.emergency, True)
    assert found.evidence[0].category == "suicide"
    nothing = assess("we had soup and then we walked home", using=broken)
    assert (nothing.level, nothing.unscreened) == (Level.urgent, True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("voices")
    return Path(shutil.copytree(risk.ROOT / "en", tmp_path / "en", ignore=ignore))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"weights": "AAAA"}, "not the weights"),
        ({"sha256": "0" * 64}, "checksum"),
        ({"threshold": 1.5}, "threshold"),
        ({"slope": -1}, "slope"),
        ({"bias": "much"}, "not the weights"),
    ],
)
def test_weights_that_are_not_ours_are_refused_by_name(
    directory: Path, change: dict[str, object], problem: str
) -> None:
    file = directory / "opinion.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(RuleError, match=rf"opinion\.json: .*{problem}"):
        load_rules(directory)


def test_a_clinic_may_leave_it_out(directory: Path) -> None:
    (directory / "opinion.json").unlink()
    rules = load_rules(directory)
    assert rules.opinion is None
    assert assess(UNSEEN, using=rules).level is Level.none
    assert rules.name != ruleset().name
