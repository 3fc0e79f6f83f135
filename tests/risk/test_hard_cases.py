"""There are enough examples of every hard case, and none was learned from or copied into a rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from phenomena import FOLDER, HELD, Case, cases, grouped, held, voices

from bot.risk import ROOT, Level, ruleset

#: The hard cases (research on risk language, 5), found by the key ``case`` of a group of sentences.
HARD = (
    "abuse",
    "ambivalence",
    "another language",
    "bullets",
    "code-switch",
    "denial",
    "denial after disclosure",
    "displaced",
    "emoji",
    "goodbye",
    "harm to others",
    "hypothetical",
    "idiom",
    "indirect",
    "infusion imagery",
    "long entry",
    "means at hand",
    "medical",
    "method questions",
    "obfuscation",
    "passive",
    "past and present",
    "pseudo-negation",
    "psychosis and mania",
    "quotes and fiction",
    "self-harm",
    "somebody else",
    "substance",
    "sudden silence",
    "topic laundering",
    "voice garble",
)
LANGUAGES = ("es", "fr", "de", "pt", "zh", "hi")
#: So many words in a row are no coincidence; a shorter sentence may not stand there as a whole.
LONG, WHOLE = 9, 7

EVERY = [*cases(), *held(), *grouped(Path(__file__).parent / "sentences.yml")]


def plain(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("\u2019", ""))


def runs(text: str, size: int) -> Iterator[str]:
    words = plain(text)
    yield from (" ".join(words[i : i + size]) for i in range(len(words) - size + 1))


def learned() -> Iterator[str]:
    """What the second opinion learned from, and every rule's own examples."""
    for path in (ROOT / "en" / "voices").glob("*.txt"):
        yield from voices(path.stem)
    for rule in (*ruleset().rules, *ruleset().together):
        yield from (*rule.match, *rule.quiet)


def different(name: str) -> set[tuple[str, ...]]:
    """The examples of a case, each counted once however it is spaced, cased or punctuated."""
    return {
        tuple(" ".join(plain(said)) or said for said in case.talk)
        for case in EVERY
        if case.case == name
    }


@pytest.mark.parametrize("name", HARD)
def test_every_hard_case_has_forty_examples(name: str) -> None:
    assert len(different(name)) >= 40


def test_no_group_names_a_case_nobody_counts() -> None:
    assert {case.case for case in EVERY} - {""} == set(HARD)


def test_there_are_150_minimal_pairs_of_infusion_imagery() -> None:
    """The same image with and without a waking wish, each written out."""
    written = yaml.safe_load((FOLDER / "infusion_pairs.yml").read_text(encoding="utf-8"))["written"]
    pairs = {tuple(line.split(" || ")) for line in written.strip().splitlines()}
    for path in sorted((*FOLDER.glob("*_pairs.yml"), *HELD.glob("*pairs.yml"))):
        if path.name == "infusion_pairs.yml" or path.name.startswith("fourth"):
            continue
        risky, quiet = (
            [case.talk[0] for case in grouped(path) if (case.at_least > Level.none) is grave]
            for grave in (True, False)
        )
        assert len(risky) == len(quiet), path.name
        pairs |= set(zip(risky, quiet, strict=True))
    assert len(pairs) >= 150


def test_a_clause_hides_in_more_than_ten_different_entries() -> None:
    given = yaml.safe_load((FOLDER / "entries.yml").read_text(encoding="utf-8"))
    hosts = {*given["around"], *given["also"]}
    assert len(hosts) >= 10
    assert all(len(plain(host)) >= 30 for host in given["also"])


def test_six_languages_have_a_dozen_sentences_each() -> None:
    counts: Counter[str] = Counter()
    for group in yaml.safe_load((FOLDER / "fifth_languages.yml").read_text(encoding="utf-8")):
        counts[group["language"]] += len(group["lines"].splitlines()) * ("at_least" in group)
    assert set(counts) == set(LANGUAGES)
    assert min(counts.values()) >= 12


def test_no_held_sentence_was_learned_from_or_stands_in_a_rule() -> None:
    """Otherwise the held figures would measure memory."""
    texts = list(learned())
    assert len(texts) > 5_000
    known = {run for text in texts for size in range(WHOLE, LONG + 1) for run in runs(text, size)}
    single = [case.talk[0] for case in held() if len(case.talk) == 1]
    for said in single:
        size = min(LONG, len(plain(said)))
        if size >= WHOLE:
            assert known.isdisjoint(runs(said, size)), said


def _of(name: str) -> list[Case]:
    return [case for case in EVERY if case.case == name]


def test_what_must_rise_and_what_must_stay_quiet_stand_side_by_side() -> None:
    """Where silence is as easy to get wrong as alarm."""
    for name in ("bullets", "emoji", "goodbye", "hypothetical", "past and present"):
        quiet = sum(case.at_most <= Level.watch for case in _of(name))
        assert quiet >= 8, name
        assert len(_of(name)) - quiet >= 25, name
