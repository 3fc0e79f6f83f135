"""How many hours ago something was, read from typed words: "13", "8 hours ago", "7 pm".

Rounded down, and of two numbers the smaller counts: a clinic's rule on food is a least time. A
clock time that could be morning or evening is not guessed; the question is asked once more.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_NUMBER = rf"\d{{1,2}}(?:[.,]\d+)?|{'|'.join(_WORDS)}"
_NOW = re.compile(r"\b(just now|right now|this minute|min(?:ute)?s?|half an? hours?)\b", re.I)
_SPAN = re.compile(
    rf"(?<![\d:])({_NUMBER}|an?|couple(?: of)?)(?:\s*(?:-|to|or)\s*(?:{_NUMBER}))?"
    r"(?: and a half)?\s*(?:full |whole |or so )?(hours?|hrs?|h|days?)\b",
    re.I,
)
_CLOCK = re.compile(
    r"\b(?P<word>noon|midday|midnight)\b"
    r"|(?<![\d:.])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s*(?P<half>[ap])\.?m\b"
    r"|(?<![\d:.])(?P<hour2>\d{1,2}):(?P<minute2>\d\d)(?!\d)"
    rf"|\b(?:at|by|since)\s+(?P<hour3>\d{{1,2}}|{'|'.join(_WORDS)})\b(?!\s*[ap]\.?m|[:.]\d)"
    rf"|(?<![\d:.])(?P<hour4>\d{{1,2}}|{'|'.join(_WORDS)})"
    r"\s*(?:o'?clock\b|(?=(?:last|this|in the|yesterday)\b))",
    re.I,
)
_LATE = re.compile(r"\b(last night|evening|afternoon|dinner|supper|tonight)\b", re.I)
_EARLY = re.compile(r"\b(morning|breakfast)\b", re.I)
_YESTERDAY = re.compile(r"\b(yesterday|last night)\b", re.I)
#: Numbers and what people put around them, and nothing else: "about 12", "6 or 7".
_BARE = re.compile(
    rf"(?:(?:{_NUMBER}|about|around|roughly|maybe|like|or|to|i think|ago)\b[\s~.,-]*)+", re.I
)


def hours(text: str, moment: datetime, most: int) -> int | None:
    """Whole hours from then to ``moment``, by the patient's clock; None when it is not clear."""
    text = text.replace("\u2019", "'")
    found: int | None = None
    if _NOW.search(text):
        found = 0
    elif span := _SPAN.search(text):
        found = _length(span)
    elif clock := _CLOCK.search(text):
        found = _since(clock, text, moment)
    elif _BARE.fullmatch(text.strip()):
        found = min((int(_number(one)) for one in re.findall(_NUMBER, text, re.I)), default=None)
    return found if found is not None and found <= most else None


def _length(span: re.Match[str]) -> int:
    one = span[1].lower()
    number = 1.0 if one in ("a", "an") else 2.0 if one.startswith("couple") else _number(one)
    return int(number * 24) if span[2].lower().startswith("day") else int(number)


def _number(word: str) -> float:
    named = word.lower() in _WORDS
    return float(_WORDS.index(word.lower()) if named else word.replace(",", "."))


def _since(clock: re.Match[str], text: str, moment: datetime) -> int | None:
    """From the last time the clock showed this."""
    at = _time(clock, text)
    if at is None:
        return None
    then = datetime.combine(moment.date(), at, moment.tzinfo)
    # "Last night at 1" was today; "yesterday at 7 am" was not.
    before = _YESTERDAY.search(text) and (at.hour >= 5 or "yesterday" in text.lower())
    if then > moment or before:
        then -= timedelta(days=1)
    return int((moment - then) / timedelta(hours=1))


def _time(clock: re.Match[str], text: str) -> time | None:
    if word := clock["word"]:
        return time(0) if word.lower() == "midnight" else time(12)
    named = next(clock[n] for n in ("hour", "hour2", "hour3", "hour4") if clock[n])
    hour, minute = int(_number(named)), int(clock["minute"] or clock["minute2"] or 0)
    late = _late(clock["half"], hour, text)
    if hour > 23 or minute > 59 or (late is None and 0 < hour < 13):
        return None
    if late is not None and hour <= 12:
        hour = hour % 12 + (12 if late else 0)
    return time(hour, minute)


def _late(half: str | None, hour: int, text: str) -> bool | None:
    """Whether it is after noon; None where nothing says so."""
    if half:
        return half.lower() == "p"
    if _EARLY.search(text):
        return False
    return 5 <= hour <= 12 if _LATE.search(text) else None
