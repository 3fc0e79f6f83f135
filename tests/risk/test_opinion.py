"""The second opinions: they earn their place, only ever raise, and a broken one is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from phenomena import RULES_ALONE, cases, held, voices

from bot import risk
from bot.risk import Context, Level, RuleError, assess, load_rules, opinion, ruleset
from bot.risk.detect import find

VOICES = {name: voices(name) for name in ("risk", "quiet", "body", "body_quiet", "calm")}
SENTENCES = [message for case in [*cases(), *held()] for message in case.talk]
#: What nobody would find, and it asks.
UNSEEN = "I rehearsed the last line of me and I mean to be done before they get home"
BODY = "something keeps jabbing me under the ribs and I am clammy and dripping with sweat"
WORDING = "opinion.wording"


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


def test_it_finds_trouble_of_the_body_the_rules_miss() -> None:
    """Where nobody knows how long ago the infusion was, by two hands it has not learned from."""
    grave = [case.talk[0] for case in cases() if case.topic == "sixth_same_day"]
    missed = [text for text in grave if assess(text, using=RULES_ALONE).level is Level.none]
    assert len(missed) >= 40
    assert sum(assess(text).level is Level.watch for text in missed) >= 0.25 * len(missed)


@pytest.mark.parametrize("text", ["no chest pain, no trouble breathing", "no pain in my chest"])
def test_the_one_on_the_body_is_silent_where_a_rule_knew_the_words_as_denied(text: str) -> None:
    deaf = [replace(one, heeds_rules=False) for one in ruleset().opinions]
    assert assess(text, using=replace(ruleset(), opinions=tuple(deaf))).level is Level.watch
    assert assess(text).level is Level.none


def test_the_one_on_the_body_asks_sooner_after_an_infusion_and_the_other_does_not() -> None:
    wording, body = sorted(ruleset().opinions, key=lambda one: one.category == "medical")
    for hours, threshold in ((0, body.near), (72, body.near), (73, body.threshold)):
        assert body.asks_from(hours) == threshold
        assert wording.asks_from(hours) == wording.threshold
    assert body.asks_from(None) == body.threshold > (body.near or 1)


def test_what_somebody_tells_of_the_patient_is_not_silenced() -> None:
    told = "he is still dizzy when he stands up, my wife types for me"
    assert find(ruleset(), told, Context()).findings
    assert not find(ruleset(), told, Context()).judged_harmless("medical")


def test_it_asks_seldom_where_all_is_well() -> None:
    quiet = [case for case in [*cases(), *held()] if case.at_most is Level.none]
    silent = [case for case in quiet if case.level(RULES_ALONE) is Level.none]
    assert sum(case.level() > Level.none for case in silent) <= 0.03 * len(quiet)


def test_it_shows_the_passage_it_rests_on() -> None:
    alone = assess(UNSEEN)
    assert (alone.level, alone.evidence[0].rule) == (Level.watch, WORDING)
    around = "We planted beans and then it rained a little on the way home from the shop. " * 3
    inside = assess(around + UNSEEN + ". " + around)
    assert (inside.level, inside.evidence[0].rule) == (Level.watch, WORDING)
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
    for text in chain.from_iterable(VOICES.values()):
        assert re.sub(r"[^a-z ]", "", text.lower()) not in plain, text


def test_a_second_opinion_that_breaks_never_silences_the_rules() -> None:
    class Broken:
        threshold = 0.5

        def __call__(self, text: object) -> opinion.Said:
            raise ArithmeticError

    broken = replace(ruleset(), opinions=(*ruleset().opinions, Broken()))  # type: ignore[arg-type]
    found = assess("I am going to kill myself tonight", using=broken)
    assert (found.level, found.unscreened) == (Level.emergency, True)
    assert found.evidence[0].category == "suicide"
    nothing = assess("we had soup and then we walked home", using=broken)
    assert (nothing.level, nothing.unscreened) == (Level.urgent, True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("voices")
    return Path(shutil.copytree(risk.ROOT / "en", tmp_path / "en", ignore=ignore))


@pytest.mark.parametrize("name", ["opinion.json", "opinion_body.json"])
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"weights": "AAAA"}, "not the weights"),
        ({"sha256": "0" * 64}, "checksum"),
        ({"threshold": 1.5}, "threshold"),
        ({"near": 0.99}, "threshold"),
        ({"near": 0}, "threshold"),
        ({"slope": -1}, "slope"),
        ({"bias": "much"}, "not the weights"),
        ({"category": "weather"}, "category"),
        ({"id": "medical.chest"}, "begin opinion."),
    ],
)
def test_weights_that_are_not_ours_are_refused_by_name(
    directory: Path, name: str, change: dict[str, object], problem: str
) -> None:
    file = directory / name
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(RuleError, match=rf"{re.escape(name)}: .*{problem}"):
        load_rules(directory)


@pytest.mark.parametrize(("name", "text"), [("opinion.json", UNSEEN), ("opinion_body.json", BODY)])
def test_a_clinic_may_leave_one_out_and_keeps_the_other(
    directory: Path, name: str, text: str
) -> None:
    (directory / name).unlink()
    rules = load_rules(directory)
    (left,) = rules.opinions
    assert assess(text).level is Level.watch
    assert assess(text, using=rules).level is Level.none
    assert left.category in {"suicide", "medical"}
    assert rules.name != ruleset().name
