"""The rule files: their own examples hold, and a broken file is refused by name and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot import risk
from bot.risk import Level, RuleError, assess, load_rules
from bot.risk.patterns import PatternError, compile_pattern, parse_lists
from bot.risk.rules import Rule, Together

RULES = risk.ruleset()
EVERY: list[Rule | Together] = [*RULES.rules, *RULES.together]


def named(rules: list[Rule | Together]) -> list[object]:
    return [pytest.param(rule, id=rule.id) for rule in rules]


@pytest.mark.parametrize("rule", named(EVERY))
def test_what_a_rule_must_match(rule: Rule | Together) -> None:
    for text in rule.match:
        if rule.level is Level.none:
            assert any(f.rule is rule for f in risk.look(text).findings), text
        else:
            assert any(
                e.rule == rule.id and e.level >= rule.level for e in assess(text).evidence
            ), text


@pytest.mark.parametrize("rule", named(EVERY))
def test_what_a_rule_must_not_match(rule: Rule | Together) -> None:
    for text in rule.quiet:
        assert all(e.rule != rule.id for e in assess(text).evidence), text
        if rule.level is Level.none:
            assert all(f.rule is not rule for f in risk.look(text).findings), text


def test_every_pattern_compiles() -> None:
    """Patterns are compiled when first needed: none may fail then."""
    RULES.compile()


def test_every_rule_says_why_and_who_signed() -> None:
    for rule in EVERY:
        assert rule.match, rule.id
        assert rule.quiet, rule.id
        assert rule.source, rule.id
    assert {rule.id for rule in RULES.unsigned()} == {rule.id for rule in EVERY}


# --- broken files ----------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(risk.ROOT / "en", tmp_path / "en"))


def test_a_copy_of_the_rules_has_the_same_name(directory: Path) -> None:
    assert load_rules(directory).name == risk.rules_version()


GOOD = """
category: suicide
source: test
rules:
  - id: test.one
    version: 1
    level: watch
    reason: A reason.
    patterns: [blue elephant]
    match: [a blue elephant]
"""


def test_a_rule_can_be_added_without_code(directory: Path) -> None:
    (directory / "more.yml").write_text(GOOD, encoding="utf-8")
    rules = load_rules(directory)
    assert rules.name != risk.rules_version()
    assert any(rule.id == "test.one" for rule in rules.rules)


def test_what_a_file_lowers_holds_for_its_rules_unless_one_says_otherwise(directory: Path) -> None:
    two = GOOD.replace("source: test", "source: test\nlowers: {denied: none, past: urgent}")
    two += GOOD.partition("rules:\n")[2].replace("test.one", "test.two")
    two += "    lowers: {denied: urgent}\n"
    (directory / "more.yml").write_text(two, encoding="utf-8")
    rules = {rule.id: rule.lowers for rule in load_rules(directory).rules}
    assert rules["test.one"]["denied"] is Level.none
    assert rules["test.two"]["denied"] is Level.urgent
    assert rules["test.one"]["past"] is rules["test.two"]["past"] is Level.urgent
    assert rules["test.one"]["idiom"] is rules["suicide.thoughts"]["idiom"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("level: watch", "level: huge", "more.yml line 5: test.one: level is one of"),
        ("version: 1", "version: one", "more.yml line 5: test.one: version"),
        ("reason: A reason.", "reason: ''", "more.yml line 5: test.one: reason"),
        ("[blue elephant]", "['blue (elephant']", "more.yml line 5: test.one: 'blue (elephant'"),
        ("[blue elephant]", "['<nobody> x']", "unknown list <nobody>"),
        ("[blue elephant]", '["don\'t"]', "write normalised words"),
        ("[blue elephant]", "['... elephant']", "must begin with a word"),
        ("[blue elephant]", "['blue elephant ...']", "ends with a gap"),
        ("[blue elephant]", "[]", "expected a list of texts"),
        ("match: [a blue elephant]", "match: [no]", "put it in quotes"),
        ("category: suicide", "category: gloom", "category is one of"),
        ("    level: watch", "    level: watch\n    colour: red", "unknown keys ['colour']"),
        ("    level: watch", "    level: watch\n    level: none", "a key is given twice"),
        ("    level: watch", "    level: watch\n    lowers: {mood: none}", "unknown axes ['mood']"),
        ("    level: watch", "    level: watch\n    scope: page", "scope is one of"),
        ("    level: watch", "    level: watch\n    later: 4", "expected a mapping"),
        (
            "    level: watch",
            "    level: watch\n    later: {hours: 4, level: urgent, setting: morning}",
            "setting is one of after_effects_hours, driving_hours",
        ),
        ("id: test.one", "id: suicide.thoughts", "two rules have this id"),
        ("rules:", "rulez:", "rules is missing"),
        ("  - id: test.one", "  - id: [", "more.yml line"),
    ],
)
def test_a_broken_rule_is_refused(directory: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    (directory / "more.yml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load_rules(directory)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "name", ["spelling.yml", "assertion.yml", "lists.yml", "together.yml", "languages.yml"]
)
def test_a_missing_or_empty_file_is_refused(directory: Path, name: str) -> None:
    (directory / name).write_text("nothing: here\n", encoding="utf-8")
    with pytest.raises(RuleError, match=name):
        load_rules(directory)
    (directory / name).unlink()
    with pytest.raises(RuleError, match=f"{name} is missing"):
        load_rules(directory)


def test_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError):
        load_rules(tmp_path / "nowhere")


# --- the phrase language -------------------------------------------------------------------------


def found(pattern: str, text: str) -> list[str]:
    compiled = compile_pattern(pattern, parse_lists({"wish": ["want to", "hope to"]}))
    words = text.split()
    places: dict[str, list[int]] = {}
    at = []
    position = 0
    for index, word in enumerate(words):
        places.setdefault(word, []).append(index)
        at.append(position)
        position += len(word) + 1
    joined = text + " "
    return [joined[a:b].strip() for a, b in compiled.matches(joined, at, places)]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("i <wish> die", "i hope to die", ["i hope to die"]),
        ("i really? want", "i want and i really want", ["i want", "i really want"]),
        ("i .. die", "i will surely die", ["i will surely die"]),
        ("i .. die", "i will most surely die", []),
        ("i ... die", "i will , die", []),
        ("die", "diet died die", ["die"]),
        ("bp /1[89][0-9]/", "bp 185 bp 120", ["bp 185"]),
        ("(a|b) c", "a c b c c", ["a c", "b c"]),
    ],
)
def test_the_phrase_language(pattern: str, text: str, expected: list[str]) -> None:
    assert found(pattern, text) == expected


@pytest.mark.parametrize(
    "pattern", ["", "a)", "(a", "a||b", "?a", "<none> a", "Don't", ".. a", "a? b?"]
)
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern, {})
