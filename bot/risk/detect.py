"""From a text to its findings: normalise, find the rules' phrases, judge each, weigh together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from bot.risk.assertion import Reading
from bot.risk.levels import Context, Evidence, Level
from bot.risk.rules import Rule, RuleSet, Together

#: How many places of one rule are reported; every place is judged.
_MOST_PLACES = 8


@dataclass(frozen=True)
class Finding:
    """One place where a rule's phrase stands, with what was made of it."""

    rule: Rule
    first: int
    last: int
    axes: frozenset[str]
    level: Level
    #: The level of the rule at that hour and in that conversation, had nothing lowered it.
    unlowered: Level
    #: Whether nothing lowered it: only then does its sign weigh together with others.
    full: bool


@dataclass(frozen=True)
class Found:
    reading: Reading
    findings: tuple[Finding, ...]
    together: tuple[Together, ...]

    @property
    def signs(self) -> frozenset[str]:
        return frozenset(finding.rule.sign for finding in self.findings if finding.full)

    def judged_harmless(self, category: str) -> bool:
        """Whether a phrase of this category stands here as denied, long past, imagery and so on.

        Not as somebody else's: whoever sits beside a patient speaks so.
        """
        return any(
            one.rule.category == category and (one.axes & set(one.rule.lowers)) - {"other"}
            for one in self.findings
        )


def find(
    rules: RuleSet,
    text: str,
    context: Context,
    earlier: Iterable[str] = (),
    in_crisis: bool = False,
) -> Found:
    """Everything the rules see in ``text``.

    ``earlier``: signs of earlier messages. ``in_crisis``: the conversation shows risk to life.
    """
    reading = Reading(rules.normalise(text), rules.grammar)
    places = [
        (rule, first, last)
        for rule, spans in _spans(rules, reading).items()
        for first, last in _meant(rule, spans, reading)
    ]
    widest = _Widest(places)
    findings = [
        _judged(
            rule,
            reading,
            (first, last),
            widest.around(rule.category, first, last),
            context,
            in_crisis,
        )
        for rule, first, last in places
    ]
    findings += _foreign(rules, reading, text)
    signs = _Signs(findings)
    together = tuple(t for t in rules.together if _weighs(t, signs, frozenset(earlier)))
    return Found(reading, tuple(findings), together)


def _spans(rules: RuleSet, reading: Reading) -> dict[Rule, set[tuple[int, int]]]:
    spans: dict[Rule, set[tuple[int, int]]] = {}
    tried: set[int] = set()
    for word in reading.places:
        for rule, pattern in rules.index.get(word, ()):
            if id(pattern) in tried:
                continue
            tried.add(id(pattern))
            matches = reading.places_of(pattern)
            if matches:
                spans.setdefault(rule, set()).update(matches)
    # In the order of the files, whatever the order of the words was.
    return {rule: spans[rule] for rule in rules.rules if rule in spans}


def _meant(rule: Rule, spans: set[tuple[int, int]], reading: Reading) -> list[tuple[int, int]]:
    """The spans where nothing (``unless``) shows that something else is meant."""
    otherwise = {
        index
        for pattern in rule.unless
        for begin, end in reading.matches(pattern)
        for index in range(begin, end)
    }
    return sorted(
        (first, last)
        for first, last in spans
        if otherwise.isdisjoint(range(first, last))
        and (rule.scope != "whole" or reading.is_all(first, last))
    )


def _foreign(rules: RuleSet, reading: Reading, text: str) -> list[Finding]:
    """A text clearly not in English, which the rules cannot read: a human should."""
    if not rules.languages.foreign(text, reading.text.words):
        return []
    rule = next(rule for rule in rules.rules if rule.id == rules.languages.rule)
    whole = (0, len(reading.text.words))
    return [Finding(rule, *whole, frozenset(), rule.level, rule.level, full=True)]


class _Widest:
    """For each word, the widest phrase of a category that covers it.

    "kill myself" inside "used to want to kill myself" is judged as the longer phrase is.
    """

    def __init__(self, places: list[tuple[Rule, int, int]]) -> None:
        self._cover: dict[tuple[str, int], tuple[int, int]] = {}
        for rule, first, last in sorted(places, key=lambda place: place[2] - place[1]):
            if rule.level >= Level.urgent:
                for index in range(first, last):
                    self._cover[rule.category, index] = (first, last)

    def around(self, category: str, first: int, last: int) -> tuple[int, int]:
        begin, end = self._cover.get((category, first), (first, last))
        return (begin, end) if begin <= first and last <= end else (first, last)


def _judged(
    rule: Rule,
    reading: Reading,
    place: tuple[int, int],
    judged_as: tuple[int, int],
    context: Context,
    in_crisis: bool,
) -> Finding:
    level = rule.level
    if in_crisis and rule.in_crisis is not None:
        level = max(level, rule.in_crisis)
    hours = context.hours_since_infusion
    if hours is not None:
        if rule.later is not None and rule.later.are_past(hours, context.limits):
            level = max(level, rule.later.level)
        if rule.early is not None and rule.early.are_not_over(hours, context.limits):
            level = max(level, rule.early.level)
    axes = reading.judge(*judged_as) if rule.lowers else frozenset()
    lowest = min((rule.lowers[axis] for axis in axes if axis in rule.lowers), default=level)
    lowered = bool(axes & set(rule.lowers))
    return Finding(rule, *place, axes, min(level, lowest), level, full=not lowered)


class _Signs:
    """The signs of a message that count, each with the words it stands in."""

    def __init__(self, findings: list[Finding]) -> None:
        self._places: dict[str, list[tuple[int, int]]] = {}
        for one in findings:
            if one.full:
                self._places.setdefault(one.rule.sign, []).append((one.first, one.last))

    def of(self, group: frozenset[str]) -> list[tuple[int, int]]:
        return [place for sign in group for place in self._places.get(sign, ())]


def _weighs(together: Together, signs: _Signs, earlier: frozenset[str]) -> bool:
    known = earlier if together.across else frozenset()
    held = [(signs.of(group), bool(group & known)) for group in together.groups]
    if not any(here for here, _ in held) or not all(here or before for here, before in held):
        return False
    new = [here for here, before in held if not before]
    return not together.apart or all(_apart(one, two) for one, two in combinations(new, 2))


def _apart(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> bool:
    """Does a place of the one end before a place of the other begins?"""
    return any(
        min(last for _, last in before) <= max(first for first, _ in after)
        for before, after in ((one, two), (two, one))
    )


def evidence(found: Found) -> tuple[Evidence, ...]:
    """What to show a clinician: the places that count, gravest first."""
    result: list[Evidence] = []
    counts: dict[str, int] = {}
    text = found.reading.text
    for finding in sorted(found.findings, key=lambda f: (-f.level, f.first, -f.last)):
        if finding.level is Level.none:
            continue
        rule = finding.rule
        counts[rule.id] = counts.get(rule.id, 0) + 1
        if counts[rule.id] <= _MOST_PLACES:
            start, end = text.span(finding.first, finding.last)
            result.append(
                Evidence(
                    start, end, rule.id, rule.version, rule.category, finding.level, rule.reason
                )
            )
    for together in found.together:
        start, end = _extent(found, together)
        result.append(
            Evidence(
                start,
                end,
                together.id,
                together.version,
                together.category,
                together.level,
                together.reason,
            )
        )
    return tuple(sorted(result, key=lambda e: -e.level))


def _extent(found: Found, together: Together) -> tuple[int, int]:
    """From the first to the last of the signs in this message that weigh together."""
    wanted = frozenset().union(*together.groups)
    parts = [f for f in found.findings if f.full and f.rule.sign in wanted]
    spans = [found.reading.text.span(f.first, f.last) for f in parts]
    return min(start for start, _ in spans), max(end for _, end in spans)
