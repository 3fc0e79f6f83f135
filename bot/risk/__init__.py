"""Does this message show risk? Words in, a level with its reasons out.

    normalise -> find the rules' phrases -> judge each (assertion) -> weigh signs together
              -> a second opinion where no rule spoke -> the conversation's sticky state

``assess`` is pure (no clock, network or database), bounded in time and never raises. The rules are
data in ``data/risk/<locale>``; ``docs/clinical/risk.md`` explains them to a clinician.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from bot.risk import opinion, rules
from bot.risk.detect import Found, evidence, find
from bot.risk.levels import Assessment, Context, Evidence, Level, State, failed
from bot.risk.rules import RuleError, RuleSet
from bot.risk.state import ASKED_ENOUGH, in_crisis, next_level, next_state

__all__ = [
    "Assessment",
    "Context",
    "Evidence",
    "Level",
    "RuleError",
    "RuleSet",
    "State",
    "assess",
    "failed",
    "load_rules",
    "next_level",
    "next_state",
    "rules_version",
    "ruleset",
]

ROOT = Path(__file__).resolve().parents[2] / "data" / "risk"

_NOBODY = State()
_NOWHERE = Context()
#: Seconds. What a message needs before then is compiled for it.
_WARM_AFTER = 2.0
_lock = threading.Lock()
_loaded: dict[str, RuleSet] = {}


def load_rules(path: Path = ROOT / "en") -> RuleSet:
    """Read and check a directory of rules. Raises RuleError naming file, line and rule."""
    return rules.load(path)


def ruleset(locale: str = "en") -> RuleSet:
    """The rules shipped with the product, read once a process. Raises RuleError."""
    if locale not in _loaded:
        with _lock:
            if locale not in _loaded:
                _loaded[locale] = load_rules(ROOT / locale)
                _warm(_loaded[locale])
    return _loaded[locale]


def _warm(read: RuleSet) -> None:
    """Compile in the background, and not at once: a start wants its processor time for itself."""
    later = threading.Timer(_WARM_AFTER, read.compile)
    later.daemon = True
    later.start()


def rules_version(locale: str = "en") -> str:
    """Identifies the rule files in use, e.g. "en-3f2a91c0"."""
    return ruleset(locale).name


def assess(
    text: str,
    state: State = _NOBODY,
    context: Context = _NOWHERE,
    using: RuleSet | None = None,
) -> Assessment:
    """What one message means, alone and in its conversation. Never raises.

    ``using``: other rules than the shipped ones.
    """
    try:
        return _assess(text, state, context, using or ruleset())
    except Exception:  # the last line of defence: whatever broke, a human looks (I4)
        return replace(failed(), conversation_level=max(Level.urgent, state.level))


def _assess(text: str, state: State, context: Context, using: RuleSet) -> Assessment:
    signs, watches = _earlier(using, state, context)
    found = find(using, text, context, signs, in_crisis(state))
    reasons = evidence(found)
    notes: tuple[str, ...] = ()
    score, broken = None, False
    try:
        score, doubt = _second_opinion(using, found, state, context)
    except Exception:  # what the rules found stands; a human looks at the rest (I4)
        broken, notes = True, ("unscreened",)
    else:
        reasons = reasons or doubt
    level = max((item.level for item in reasons), default=Level.none)
    if broken:
        level = max(level, Level.urgent)
    conversation = max(level, state.level)
    if level is Level.watch and watches + 1 >= ASKED_ENOUGH:
        conversation = max(conversation, Level.urgent)
        notes = (*notes, "asked enough")
    return Assessment(
        level=level,
        conversation_level=conversation,
        categories=tuple(dict.fromkeys(item.category for item in reasons)),
        evidence=reasons,
        score=score,
        rules=using.name,
        unscreened=broken,
        notes=notes,
        signs=tuple(sorted(found.signs)),
    )


def _second_opinion(
    using: RuleSet, found: Found, state: State, context: Context
) -> tuple[float | None, tuple[Evidence, ...]]:
    """The highest of the classifiers' probabilities, and what to show when one is enough to ask.

    One that heeds the rules is silent while a conversation shows a risk of another kind: a guess
    about the body would lead away from the questions that are being asked.
    """
    text = found.reading.text
    if not using.opinions or len(text.words) < opinion.FEWEST:
        return None, ()

    def elsewhere(one: opinion.Opinion) -> bool:
        return state.level > Level.none and one.category not in state.categories

    said = [(one(text), one) for one in using.opinions]
    sure = [
        (some, one)
        for some, one in said
        if some.probability >= one.asks_from(context.hours_since_infusion)
        and not (one.heeds_rules and (elsewhere(one) or found.judged_harmless(one.category)))
    ]
    shown = tuple(
        Evidence(
            *text.span(some.first, some.last),
            one.id,
            one.version,
            one.category,
            Level.watch,
            one.reason,
        )
        for some, one in sure
    )
    return max(some.probability for some, _ in sure or said), shown


def _earlier(using: RuleSet, state: State, context: Context) -> tuple[frozenset[str], int]:
    """Signs of the earlier messages and how many were a watch, read again when not carried."""
    if state.signs or state.watches or not state.history:
        return frozenset(state.signs), state.watches
    signs: frozenset[str] = frozenset()
    watches = 0
    for message in state.history:
        found = find(using, message, context)
        signs |= found.signs
        watches += max((item.level for item in evidence(found)), default=0) == Level.watch
    # A screen or a human has lowered the conversation since: counting starts anew.
    return signs, watches if state.level > Level.none else 0


def look(text: str, state: State = _NOBODY, context: Context = _NOWHERE) -> Found:
    """Everything found in a text, for explaining."""
    signs, _ = _earlier(ruleset(), state, context)
    return find(ruleset(), text, context, signs, in_crisis(state))
