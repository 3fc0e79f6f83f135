"""Rules as data: what is looked for, how grave it is, and the reason a clinician reads.

A directory holds one language: ``spelling.yml`` (normalise.py), ``assertion.yml`` (assertion.py),
``lists.yml`` (named phrases), ``together.yml`` (what weighs more together), and rule files, one a
topic. ``opinion*.json`` (opinion.py) may stand beside them. Everything is checked when it is read;
anything wrong raises RuleError naming the file, the line and the rule, and the service does not
start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.contract import RISK_CATEGORIES
from bot.risk import opinion, patterns
from bot.risk.assertion import AXES, CUES, WORDS, Grammar
from bot.risk.language import Languages
from bot.risk.levels import Level
from bot.risk.normalise import Normaliser
from bot.risk.patterns import Node, Pattern, PatternError, compile_pattern, parse_lists
from bot.risk.spelling import spelling
from bot.stages import LIMITS

SPECIAL = ("spelling.yml", "assertion.yml", "lists.yml", "together.yml", "languages.yml")
OPINIONS = "opinion*.json"
SCOPES = ("clause", "message", "whole")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE = "__line__"


class RuleError(ValueError):
    """A rule file cannot be used. The text names the file, the line and the rule."""


@dataclass(frozen=True)
class Hours:
    """Another level past (later) or within (early) so many hours since the infusion. What a clinic
    has set instead (``setting``) counts where it is the stricter."""

    hours: float
    level: Level
    setting: str | None = None

    def are_past(self, since: float, limits: Mapping[str, float]) -> bool:
        return since > min(self.hours, limits.get(self.setting or "", self.hours))

    def are_not_over(self, since: float, limits: Mapping[str, float]) -> bool:
        return since <= max(self.hours, limits.get(self.setting or "", self.hours))


@dataclass(frozen=True, eq=False)
class Rule:
    id: str
    version: int
    category: str
    level: Level
    #: What it is a sign of; together.yml weighs signs.
    sign: str
    #: clause: the assertion axes apply. message: only those the rule itself names in lowers.
    #: whole: as clause, but only where nothing else is said ("tonight", "too late").
    scope: str
    reason: str
    source: str
    approver: str
    patterns: tuple[Pattern, ...]
    #: Axis -> the most the rule may still mean.
    lowers: Mapping[str, Level]
    later: Hours | None
    early: Hours | None
    #: Its level once the conversation shows risk to life: "I'm going to do it".
    in_crisis: Level | None
    #: Phrases that, where they overlap a match, show that something else is meant.
    unless: tuple[Pattern, ...]
    match: tuple[str, ...]
    quiet: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Together:
    """Signs that weigh more together than alone."""

    id: str
    version: int
    category: str
    level: Level
    #: One sign of each group must be there.
    groups: tuple[frozenset[str], ...]
    #: Whether signs of earlier messages count (at least one must be new).
    across: bool
    #: Whether the signs must stand in different words of the message.
    apart: bool
    reason: str
    source: str
    approver: str
    match: tuple[str, ...]
    quiet: tuple[str, ...]


@dataclass(frozen=True)
class RuleSet:
    """One language, ready to use."""

    name: str
    rules: tuple[Rule, ...]
    together: tuple[Together, ...]
    normalise: Normaliser
    grammar: Grammar
    #: Word -> patterns that may match a text with it.
    index: Mapping[str, tuple[tuple[Rule, Pattern], ...]]
    #: How other languages are known, and the rule that then counts.
    languages: Languages
    #: Classifiers that may raise what no rule found: those whose file a clinic left there.
    opinions: tuple[opinion.Opinion, ...]

    def compile(self) -> None:
        """Compile every pattern now; otherwise each is compiled when a text first needs it."""
        for pattern in _all_patterns(self.grammar, self.rules):
            _ = pattern.regex

    def unsigned(self) -> list[Rule | Together]:
        """Rules no clinician has signed yet."""
        both: list[Rule | Together] = [*self.rules, *self.together]
        return [rule for rule in both if rule.approver == "unsigned"]


def load(directory: Path) -> RuleSet:
    """Read and check one language. Raises RuleError."""
    files = sorted(directory.glob("*.yml"))
    for name in SPECIAL:
        if not (directory / name).is_file():
            raise RuleError(f"{name} is missing in {directory}")
    digest = hashlib.sha256()
    documents: dict[str, dict[str, Any]] = {}
    for path in files:
        raw = path.read_bytes()
        digest.update(path.name.encode() + b"\0" + raw)
        documents[path.name] = _read(path, raw)
    weights = sorted(directory.glob(OPINIONS))
    for path in weights:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    lists = _lists(documents["lists.yml"])
    grammar, lowers = _assertion(documents["assertion.yml"], lists)
    rules: list[Rule] = []
    for path in files:
        if path.name not in SPECIAL:
            rules += _rules(path.name, documents[path.name], lists, lowers)
    if not rules:
        raise RuleError(f"there is no rule in {directory}")
    together = _together("together.yml", documents["together.yml"], {r.sign for r in rules})
    _unique([*rules, *together])
    sources = [pattern.source for pattern in _all_patterns(grammar, rules)]
    sources += [
        text for texts in _plain(documents["lists.yml"], "lists.yml").values() for text in texts
    ]
    vocabulary = patterns.words_of(sources).union(*grammar.words.values())
    return RuleSet(
        name=f"{directory.name}-{digest.hexdigest()[:8]}",
        rules=tuple(rules),
        together=tuple(together),
        normalise=_normaliser(documents["spelling.yml"], vocabulary),
        grammar=grammar,
        index=_index(rules),
        languages=_languages(documents["languages.yml"], rules),
        opinions=tuple(map(_opinion, weights)),
    )


def _opinion(path: Path) -> opinion.Opinion:
    try:
        return opinion.load(path.read_bytes())
    except ValueError as error:
        raise RuleError(f"{path.name}: {error}") from None


def _read(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        document = yaml.load(raw, _WithLines)  # noqa: S506 (a safe loader that notes lines)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise RuleError(f"{path.name}{line}: {problem}") from None
    if not isinstance(document, dict):
        raise RuleError(f"{path.name} line 1: expected a mapping")
    return document


class _WithLines(_Loader):  # type: ignore[misc]
    """A safe YAML loader: mappings carry their line, and a key given twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len({key.value for key, _ in node.value}) != len(node.value):
            raise yaml.MarkedYAMLError(problem="a key is given twice", problem_mark=node.start_mark)
        mapping[_LINE] = node.start_mark.line + 1
        return mapping


def _plain(mapping: Any, where: str) -> dict[str, Any]:
    if not isinstance(mapping, dict):
        raise RuleError(f"{where}: expected a mapping")
    return {key: value for key, value in mapping.items() if key != _LINE}


def _all_patterns(grammar: Grammar, rules: Iterable[Rule]) -> list[Pattern]:
    cues = [pattern for cues in grammar.cues.values() for pattern in cues]
    return cues + [pattern for rule in rules for pattern in rule.patterns + rule.unless]


def _normaliser(document: dict[str, Any], vocabulary: set[str]) -> Normaliser:
    name = "spelling.yml"
    for key in ("expansions", "lexicon", "phrases", "emoji", "real"):
        if not document.get(key):
            raise RuleError(f"{name} line 1: {key} is missing")
    expansions = _plain(document["expansions"], name)
    heard = _plain(document.get("heard") or {}, f"{name}: heard")
    return Normaliser(
        spelling(
            {str(key): str(value) for key, value in expansions.items()},
            [str(word) for word in document["lexicon"]],
            str(document["real"]).split(),
            document["phrases"],
            {str(k): str(v) for k, v in _plain(document["emoji"], name).items()},
            {str(k): str(v) for k, v in heard.items()},
            vocabulary,
        )
    )


def _languages(document: dict[str, Any], rules: list[Rule]) -> Languages:
    name = "languages.yml"
    words = _plain(document.get("words"), f"{name}: words")
    if "english" not in words or len(words) < 2:
        raise RuleError(f"{name}: words: english and at least one other language are needed")
    rule = str(document.get("rule"))
    if not any(found.id == rule for found in rules):
        raise RuleError(f"{name}: rule: there is no rule {rule}")
    known = {language: frozenset(str(text).split()) for language, text in words.items()}
    english = known.pop("english")
    nothing = english | frozenset(str(document.get("shared", "")).split())
    telling = {language: said - nothing for language, said in known.items()}
    return Languages(english, telling, rule)


def _lists(document: dict[str, Any]) -> dict[str, Node]:
    sources = _plain(document, "lists.yml")
    for name, phrases in sources.items():
        _texts(f"lists.yml: {name}", phrases)
    try:
        return parse_lists(sources)
    except PatternError as error:
        raise RuleError(f"lists.yml: {error}") from None


def _assertion(
    document: dict[str, Any], lists: Mapping[str, Node]
) -> tuple[Grammar, dict[str, dict[str, Level]]]:
    name = "assertion.yml"
    cues = _plain(document.get("cues"), f"{name}: cues")
    words = _plain(document.get("words"), f"{name}: words")
    for key in CUES:
        _texts(f"{name}: cues: {key}", cues.get(key))
    for key in WORDS:
        if not words.get(key):
            raise RuleError(f"{name}: words: {key} is missing")
    lowers = {
        category: _levels(f"{name}: lowers: {category}", levels)
        for category, levels in _plain(document.get("lowers"), f"{name}: lowers").items()
    }
    missing = set(RISK_CATEGORIES) - set(lowers)
    if missing:
        raise RuleError(f"{name}: lowers: {sorted(missing)} is missing")
    grammar = Grammar(
        cues={
            key: tuple(_pattern(f"{name}: cues: {key}", source, lists) for source in cues[key])
            for key in CUES
        },
        words={key: frozenset(str(words[key]).split()) for key in WORDS},
    )
    return grammar, lowers


_KEYS = {"id", "version", "category", "level", "sign", "scope", "reason", "source", "approver"} | {
    "patterns", "lowers", "later", "early", "in_crisis", "unless", "match", "not",
    _LINE}  # fmt: skip
_TOGETHER_KEYS = {"id", "version", "category", "level", "all", "across", "apart", "reason"} | {
    "source", "approver", "match", "not", _LINE}  # fmt: skip


def _rules(
    name: str,
    document: dict[str, Any],
    lists: Mapping[str, Node],
    lowers: Mapping[str, Mapping[str, Level]],
) -> list[Rule]:
    result = []
    # What every rule of the file lowers, unless it says otherwise for itself.
    shared = _levels(f"{name}: lowers", document.get("lowers") or {})
    for where, raw in _records(name, document, _KEYS):
        category = _category(where, raw)
        for key in ("patterns", "match"):
            _texts(f"{where}: {key}", raw.get(key))
        scope = raw.get("scope", "clause")
        if scope not in SCOPES:
            raise RuleError(f"{where}: scope is one of {', '.join(SCOPES)}")
        own = _levels(f"{where}: lowers", raw.get("lowers") or {})
        result.append(
            Rule(
                id=raw["id"],
                version=raw["version"],
                category=category,
                level=_level(where, raw["level"]),
                sign=raw.get("sign", category),
                scope=scope,
                reason=raw["reason"],
                source=raw["source"],
                approver=raw["approver"],
                patterns=tuple(_pattern(where, source, lists) for source in raw["patterns"]),
                lowers=own if scope == "message" else {**lowers[category], **shared, **own},
                later=_hours(where, raw.get("later")),
                early=_hours(where, raw.get("early")),
                in_crisis=_level(where, raw["in_crisis"]) if "in_crisis" in raw else None,
                unless=tuple(_pattern(where, source, lists) for source in raw.get("unless") or ()),
                match=tuple(raw["match"]),
                quiet=tuple(raw.get("not") or ()),
            )
        )
    return result


def _together(name: str, document: dict[str, Any], signs: set[str]) -> list[Together]:
    result = []
    for where, raw in _records(name, document, _TOGETHER_KEYS):
        groups = raw.get("all")
        if not isinstance(groups, list) or len(groups) < 2:
            raise RuleError(f"{where}: all lists two or more groups of signs")
        for group in groups:
            _texts(f"{where}: all", group)
            unknown = set(group) - signs
            if unknown:
                raise RuleError(f"{where}: no rule has the sign {sorted(unknown)}")
        result.append(
            Together(
                id=raw["id"],
                version=raw["version"],
                category=_category(where, raw),
                level=_level(where, raw["level"]),
                groups=tuple(frozenset(group) for group in groups),
                across=bool(raw.get("across", False)),
                apart=bool(raw.get("apart", False)),
                reason=raw["reason"],
                source=raw["source"],
                approver=raw["approver"],
                match=tuple(raw.get("match") or ()),
                quiet=tuple(raw.get("not") or ()),
            )
        )
    return result


def _records(
    name: str, document: dict[str, Any], keys: set[str]
) -> list[tuple[str, dict[str, Any]]]:
    defaults = {key: document.get(key) for key in ("source", "category")} | {
        "approver": document.get("approver", "unsigned")
    }
    if not isinstance(document.get("rules"), list):
        raise RuleError(f"{name} line 1: rules is missing")
    result = []
    for number, given in enumerate(document["rules"], 1):
        if not isinstance(given, dict):
            raise RuleError(f"{name}: rule {number} is not a mapping")
        where = f"{name} line {given[_LINE]}: {given.get('id', 'a rule without id')}"
        if set(given) - keys:
            raise RuleError(f"{where}: unknown keys {sorted(set(given) - keys)}")
        raw = {**{k: v for k, v in defaults.items() if v is not None}, **given}
        for key in ("id", "reason", "source", "approver", "level"):
            if not isinstance(raw.get(key), str) or not raw[key].strip():
                raise RuleError(f"{where}: {key} is missing or not a text")
        if not isinstance(raw.get("version"), int) or raw["version"] < 1:
            raise RuleError(f"{where}: version is missing or not a number from 1")
        for key in ("match", "not", "unless"):
            if raw.get(key) is not None:
                _texts(f"{where}: {key}", raw[key])
        result.append((where, raw))
    return result


def _category(where: str, raw: Mapping[str, Any]) -> str:
    category = raw.get("category")
    if category not in RISK_CATEGORIES:
        raise RuleError(f"{where}: category is one of {', '.join(RISK_CATEGORIES)}")
    return str(category)


def _level(where: str, name: Any) -> Level:
    try:
        return Level.of(name)
    except KeyError:
        raise RuleError(f"{where}: level is one of none, watch, urgent, emergency") from None


def _levels(where: str, raw: Any) -> dict[str, Level]:
    levels = _plain(raw, where)
    if set(levels) - set(AXES):
        raise RuleError(f"{where}: unknown axes {sorted(set(levels) - set(AXES))}")
    return {axis: _level(where, name) for axis, name in levels.items()}


def _hours(where: str, raw: Any) -> Hours | None:
    if raw is None:
        return None
    given = _plain(raw, f"{where}: hours")
    known = set(given) - {"setting"} == {"hours", "level"}
    if not known or not isinstance(given["hours"], (int, float)):
        raise RuleError(f"{where}: later and early have hours (a number) and level")
    setting = given.get("setting")
    if setting is not None and setting not in LIMITS:
        raise RuleError(f"{where}: the hours' setting is one of {', '.join(LIMITS)}")
    return Hours(float(given["hours"]), _level(where, given["level"]), setting)


def _pattern(where: str, source: str, lists: Mapping[str, Node]) -> Pattern:
    try:
        return compile_pattern(source, lists)
    except PatternError as error:
        raise RuleError(f"{where}: {error}") from None


def _texts(where: str, value: Any) -> None:
    if not isinstance(value, list) or not value:
        raise RuleError(f"{where}: expected a list of texts")
    for text in value:
        if not isinstance(text, str) or not text.strip():
            # YAML reads a bare yes, no or 911 as something else.
            raise RuleError(f"{where}: {text!r} is not a text; put it in quotes")


def _unique(rules: list[Rule | Together]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise RuleError(f"{rule.id}: two rules have this id")
        seen.add(rule.id)


def _index(rules: list[Rule]) -> dict[str, tuple[tuple[Rule, Pattern], ...]]:
    index: dict[str, list[tuple[Rule, Pattern]]] = {}
    for rule in rules:
        for pattern in rule.patterns:
            for word in pattern.anchors:
                index.setdefault(word, []).append((rule, pattern))
    return {word: tuple(entries) for word, entries in index.items()}
