"""Many messages at once, as JSON lines, and one message explained in words.

``screen`` serves ``afterglow screen``; ``explain`` serves ``afterglow screen --explain``. A line
that cannot be read gives a line that says so: one bad message never stops the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from bot.risk import Context, Level, State, assess, look, next_state, opinion, ruleset
from bot.risk.assertion import AXES
from bot.risk.detect import Finding, Found

_AXES_IN_WORDS = {
    "denied": "denied",
    "past": "long past",
    "settled": "seen to, or told as an old tale",
    "expected": "went as announced, or was always so",
    "narrated": "a moment of a tale in the past",
    "other": "about or said by somebody else",
    "advice": "about somebody who is consoled or advised",
    "supposed": "only supposed",
    "imagery": "inside the infusion or a dream",
    "fiction": "from a story, film or song",
    "joking": "with laughter around it",
    "idiom": "a figure of speech",
}


def screen(lines: Iterable[str]) -> Iterator[str]:
    """Assess each JSON line ``{"id", "text", "hours_since_infusion"?, "history"?}``.

    With ``history`` (earlier patient messages, oldest first) the level is the conversation's: they
    are replayed through the state, so a denial after a disclosure stays a disclosure. ``rules``
    names the rule files; ``unscreened`` says that the screen failed on the text, which counts as
    urgent until a human looks.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield json.dumps(_screened(number, line), ensure_ascii=False)


def _screened(number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {"error": f"line {number}: not JSON"}
    problem = _problem(row)
    if problem:
        return {"error": f"line {number}: {problem}"} | (
            {"id": row["id"]} if isinstance(row, dict) and "id" in row else {}
        )
    context = Context(hours_since_infusion=row.get("hours_since_infusion"))
    state = _after(row.get("history") or ())
    text = row["text"]
    found = assess(text, state, context)
    categories = found.categories
    if found.conversation_level > found.level:
        categories = tuple(dict.fromkeys((*categories, *state.categories)))
    return {
        "id": row["id"],
        "level": found.conversation_level.name,
        "categories": list(categories),
        "evidence": [
            {
                "start": e.start,
                "end": e.end,
                "rule": e.rule,
                "version": e.version,
                "level": e.level.name,
                "reason": e.reason,
            }
            for e in found.evidence
        ],
        "score": found.score,
        "rules": found.rules,
        "unscreened": found.unscreened,
    }


def _after(history: Iterable[str]) -> State:
    """What a conversation carries after these messages, oldest first."""
    state = State()
    for message in history:
        state = next_state(state, assess(message, state), message)
    return state


def _problem(row: Any) -> str | None:
    if not isinstance(row, dict):
        return "not an object"
    if "id" not in row:
        return "id is missing"
    if not isinstance(row.get("text"), str):
        return "text is missing or not a text"
    hours = row.get("hours_since_infusion")
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, (int, float))):
        return "hours_since_infusion is not a number"
    history = row.get("history")
    if history is not None and not (
        isinstance(history, list) and all(isinstance(item, str) for item in history)
    ):
        return "history is not a list of texts"
    return None


def explain(
    text: str, hours_since_infusion: float | None = None, history: Iterable[str] = ()
) -> str:
    """The way from a text to its level, for a clinician to read.

    ``history``: earlier messages of the conversation, oldest first.
    """
    context = Context(hours_since_infusion=hours_since_infusion)
    state = _after(history)
    found = look(text, state, context)
    result = assess(text, state, context)
    lines = ["As read:", *_sentences(found), "", "Phrases found:"]
    lines += [_place(found, finding) for finding in found.findings] or ["  none"]
    for together in found.together:
        lines.append(f"  together: {together.id} v{together.version} -> {together.level.name}")
        lines.append(f"    {together.reason}")
    if result.score is not None:
        asked = any(opinion.guessed(item.rule) for item in result.evidence)
        asks = ": asks" if asked else ""
        lines.append(f"  second opinion: {result.score:.2f}{asks}")
    meant = f" ({', '.join(result.categories)})" if result.level > Level.none else ""
    lines += ["", f"Outcome: {result.level.name}{meant}"]
    if state.history:
        lines.append(
            f"Conversation: {state.level.name} before, {result.conversation_level.name} now"
        )
    lines.append(f"Rules: {ruleset().name}")
    if result.unscreened:
        lines.append("The detector failed on this text; it counts as urgent until a human looks.")
    return "\n".join(lines)


def _sentences(found: Found) -> list[str]:
    sentences: dict[int, list[str]] = {}
    for word, number in zip(found.reading.text.words, found.reading.text.sentence, strict=True):
        sentences.setdefault(number, []).append(word)
    return [f"  {number + 1}. {' '.join(words)}" for number, words in sentences.items()]


def _place(found: Found, finding: Finding) -> str:
    rule = finding.rule
    words = " ".join(found.reading.text.words[finding.first : finding.last])
    how = [_AXES_IN_WORDS[axis] for axis in AXES if axis in finding.axes and axis in rule.lowers]
    if finding.level is Level.none and not how:
        outcome = f"a sign ({rule.sign}) that only weighs with others"
    elif how:
        outcome = f"{finding.level.name}, lowered from {finding.unlowered.name}: {', '.join(how)}"
    else:
        outcome = f"{finding.level.name}: counts as it is written"
    return (
        f'  "{words}" (sentence {found.reading.text.sentence[finding.first] + 1})\n'
        f"    {rule.id} v{rule.version} -> {outcome}\n"
        f"    {rule.reason}"
    )
