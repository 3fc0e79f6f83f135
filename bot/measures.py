"""Measures as data: what is asked, what an answer is worth, what a score means.

Files: ``data/measures/<id>.yml``, one a measure; ``disabled.yml`` names those that are not offered
and why. Everything here is pure: answers in (``{item: value}``), scores and alerts out. Where a
score is stored, it can be computed again from the answers and must come out the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot import yaml_files
from bot.risk.levels import Level
from bot.stages import LIMITS

ROOT = Path(__file__).resolve().parent.parent / "data" / "measures"
DISABLED = "disabled.yml"

Answers = Mapping[str, int]

_SCORING = {"sum", "mean", "triage"}
_KEYS = {
    "id", "name", "title", "version", "source", "licence", "approver", "review", "loinc", "stem",
    "scale", "items", "scoring", "bands", "cut_off", "change", "remission", "alerts", "payload",
    "unclear", "again_hours", "completes", "stops", "early", "response",
}  # fmt: skip
_ITEM_KEYS = {"id", "text", "loinc", "asks", "ask_when", "scale", "stem", "unclear"}


class MeasureError(ValueError):
    """A measure's file cannot be used; the text names file and place."""


@dataclass(frozen=True)
class Option:
    """One answer: what the button says, what it is worth, words that mean the same."""

    id: str
    title: str
    value: int
    typed: tuple[str, ...] = ()
    loinc: str | None = None
    #: Stands for a time that long or longer: hours, or the clinic's limit (bot/stages.py, LIMITS).
    from_hours: float | str | None = None


@dataclass(frozen=True)
class Item:
    """One question. ``ask_when`` is the skip logic: items and the least value they must have."""

    id: str
    text: str
    scale: tuple[Option, ...]
    loinc: str | None = None
    #: Kinds of risk it asks about (bot.contract.RISK_CATEGORIES).
    asks: tuple[str, ...] = ()
    ask_when: Mapping[str, int] = field(default_factory=dict)
    #: What words that are no answer count as; None: they count as nothing.
    unclear: int | None = None

    @property
    def highest(self) -> int:
        return max(option.value for option in self.scale)

    @property
    def lowest(self) -> int:
        return min(option.value for option in self.scale)


@dataclass(frozen=True)
class Band:
    """A range of scores: from ``start`` upwards, or (triage) any of these items at this value."""

    name: str
    label: str
    start: float | None = None
    any: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What answers ask of people: a level of risk, another measure, or a task for the clinic."""

    source: str
    item: str | None = None
    at_least: int | None = None
    #: How much more than in the last finished one (none before counts as 0).
    rise: int | None = None
    total_rise_from_best: int | None = None
    #: This total or more, after one below ``Measure.remission``.
    after_remission: int | None = None
    level: Level = Level.none
    then: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class Measure:
    id: str
    name: str
    title: str
    version: int
    source: str
    licence: str
    approver: str
    #: The day by which somebody reads it again.
    review: date
    items: tuple[Item, ...]
    scoring: str
    bands: tuple[Band, ...] = ()
    rules: tuple[Rule, ...] = ()
    loinc: Mapping[str, str] = field(default_factory=dict)
    cut_off: float | None = None
    #: Smallest change that means something; None when none is published.
    change: float | None = None
    remission: float | None = None
    #: The share of the baseline that is gone in a response; None when none is published.
    response: float | None = None
    #: Where ``remission`` and ``response`` come from.
    sources: Mapping[str, str] = field(default_factory=dict)
    #: The share of the first score that is gone after so many infusions, in those who respond.
    early: Mapping[str, Any] = field(default_factory=dict)
    payload: str = "/measure_answer"
    #: A finished one is not begun again within this many hours.
    again_hours: float = 0
    #: The band that completes a gentle screen (invariant I5).
    completes: str | None = None
    #: From this level on, nothing more is asked.
    stops: Level | None = None

    def item(self, item_id: str) -> Item:
        found = next((item for item in self.items if item.id == item_id), None)
        if found is None:
            raise MeasureError(f"{self.id} has no item {item_id}")
        return found


@dataclass(frozen=True)
class Score:
    """``value`` is None while an item is missing, and always for triage; so is ``band``."""

    value: float | None
    band: str | None
    label: str | None
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing


def applies(item: Item, answers: Answers) -> bool:
    """Whether the skip logic lets this item be asked."""
    return all(answers.get(other, 0) >= least for other, least in item.ask_when.items())


def next_item(measure: Measure, answers: Answers) -> Item | None:
    """The first question still to be asked; None when there is none."""
    if measure.stops is not None and level_of(measure, answers) >= measure.stops:
        return None
    return next(
        (item for item in measure.items if item.id not in answers and applies(item, answers)), None
    )


def score(measure: Measure, answers: Answers) -> Score:
    """What the answers add up to. Raises MeasureError for an item or value it does not have."""
    for item_id, value in answers.items():
        if value not in {option.value for option in measure.item(item_id).scale}:
            raise MeasureError(f"{measure.id}.{item_id} cannot be {value}")
    missing: tuple[str, ...] = ()
    if next_item(measure, answers) is not None:
        missing = tuple(
            item.id for item in measure.items if item.id not in answers and applies(item, answers)
        )
    if missing:
        return Score(None, None, None, missing)
    if measure.scoring == "triage":
        band = next(b for b in measure.bands if not b.any or _reaches(b.any, answers))
        return Score(None, band.name, band.label, ())
    total: float = sum(answers.values())
    if measure.scoring == "mean":
        total = round(total / len(answers), 2)
    reached = [b for b in measure.bands if b.start is not None and total >= b.start]
    band_or_none = max(reached, key=lambda b: b.start or 0) if reached else None
    name = band_or_none.name if band_or_none else None
    return Score(total, name, band_or_none.label if band_or_none else None, ())


def changed(measure: Measure, before: float, after: float) -> str:
    """ "same" within the smallest meaningful change, else "up" or "down" (domain.md 3.3)."""
    if measure.change is None or abs(after - before) < measure.change:
        return "same"
    return "up" if after > before else "down"


def little_response(measure: Measure, scores: Sequence[float], infusions: int) -> bool:
    """Whether the newest of the ``scores`` (oldest first) has fallen less than it should have after
    so many infusions. False while there is nothing to compare, and where nothing was to fall."""
    if not measure.early or infusions < measure.early["infusions"] or len(scores) < 2:
        return False
    first, last = scores[0], scores[-1]
    return first > 0 and first - last < measure.early["drop"] * first


def level_of(measure: Measure, answers: Answers) -> Level:
    """The level of risk the answers mean by themselves, whatever was answered before."""
    return max(
        (rule.level for rule in measure.rules if rule.at_least is not None and _at(rule, answers)),
        default=Level.none,
    )


def due_rules(measure: Measure, answers: Answers, earlier: Sequence[Answers]) -> list[Rule]:
    """The rules that hold now. ``earlier``: answers of the finished ones, oldest first."""
    return [rule for rule in measure.rules if _holds(measure, rule, answers, earlier)]


@lru_cache(maxsize=1)
def measures() -> Mapping[str, Measure]:
    """All measures shipped, by id, read once a process. Raises MeasureError."""
    return {path.stem: load(path) for path in sorted(ROOT.glob("*.yml")) if path.name != DISABLED}


@lru_cache(maxsize=1)
def disabled() -> Mapping[str, str]:
    """Measures that are known and not offered, with the reason."""
    document = _read(ROOT / DISABLED)
    return {entry["id"]: entry["reason"] for entry in document["disabled"]}


def load(path: Path) -> Measure:
    """Read and check one measure. Raises MeasureError naming the file."""
    raw = _read(path)
    try:
        return _measure(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise MeasureError(f"{path.name}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml_files.read(path)
    return document


def _measure(raw: dict[str, Any]) -> Measure:
    _require(set(raw) <= _KEYS, f"unknown keys {sorted(set(raw) - _KEYS)}")
    _require(isinstance(raw["review"], date), "review is a day")
    _require(raw["scoring"] in _SCORING, f"scoring is one of {sorted(_SCORING)}")
    items = tuple(_item(raw, entry) for entry in raw["items"])
    ids = [item.id for item in items]
    _require(len(set(ids)) == len(ids), "two items have the same id")
    for number, item in enumerate(items):
        _require(set(item.ask_when) <= set(ids[:number]), f"{item.id} waits for a later item")
    bands = tuple(
        Band(band["name"], band["label"], band.get("from"), band.get("any", {}))
        for band in raw["bands"]
    )
    if raw["scoring"] == "triage":
        _require(bool(bands) and not bands[-1].any, "the last band has to fit everything")
    rules = tuple(_rule(entry) for entry in raw["alerts"])
    _require(all(rule.item is None or rule.item in ids for rule in rules), "alert on no item")
    return Measure(
        id=raw["id"],
        name=raw["name"],
        title=raw["title"],
        version=raw["version"],
        source=raw["source"],
        licence=raw["licence"],
        approver=raw["approver"],
        review=raw["review"],
        items=items,
        scoring=raw["scoring"],
        bands=bands,
        rules=rules,
        loinc=raw.get("loinc", {}),
        cut_off=raw.get("cut_off", {}).get("at_least"),
        change=raw.get("change", {}).get("points"),
        remission=raw.get("remission", {}).get("below"),
        response=raw.get("response", {}).get("drop"),
        sources={name: raw[name]["source"] for name in ("response", "remission") if name in raw},
        early=raw.get("early", {}),
        payload=raw.get("payload", "/measure_answer"),
        again_hours=raw.get("again_hours", 0),
        completes=raw.get("completes"),
        stops=Level.of(raw["stops"]) if "stops" in raw else None,
    )


def _item(measure: dict[str, Any], raw: dict[str, Any]) -> Item:
    _require(set(raw) <= _ITEM_KEYS, f"unknown item keys {sorted(set(raw) - _ITEM_KEYS)}")
    stem = raw.get("stem", measure.get("stem", ""))
    return Item(
        id=raw["id"],
        text=f"{stem} {raw['text']}".strip(),
        scale=tuple(_option(entry) for entry in raw.get("scale", measure["scale"])),
        loinc=raw.get("loinc"),
        asks=tuple(raw.get("asks", ())),
        ask_when=raw.get("ask_when", {}),
        unclear=raw.get("unclear", measure.get("unclear")),
    )


def _option(raw: dict[str, Any]) -> Option:
    typed = {raw["title"].lower().replace("'", ""), *raw.get("typed", ())}
    if raw["id"].isdigit():
        typed.add(raw["id"])
    start = raw.get("from_hours")
    _require(not isinstance(start, str) or start in LIMITS, f"no limit is called {start}")
    return Option(
        raw["id"], raw["title"], raw["value"], tuple(sorted(typed)), raw.get("loinc"), start
    )


def _rule(raw: dict[str, Any]) -> Rule:
    return Rule(**(raw | {"level": Level.of(raw.get("level", "none"))}))


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise MeasureError(problem)


def _reaches(wanted: Mapping[str, int], answers: Answers) -> bool:
    return any(answers.get(item, 0) >= least for item, least in wanted.items())


def _at(rule: Rule, answers: Answers) -> bool:
    return answers.get(rule.item or "", -1) >= (rule.at_least or 0)


def _holds(measure: Measure, rule: Rule, answers: Answers, earlier: Sequence[Answers]) -> bool:
    if rule.at_least is not None:
        return _at(rule, answers)
    if rule.rise is not None and rule.item is not None:
        before = earlier[-1].get(rule.item, 0) if earlier else 0
        return rule.item in answers and answers[rule.item] - before >= rule.rise
    now = score(measure, answers).value
    totals = [t for t in (score(measure, each).value for each in earlier) if t is not None]
    if now is None or not totals:
        return False
    if rule.total_rise_from_best is not None:
        return now - min(totals) >= rule.total_rise_from_best
    if rule.after_remission is not None and measure.remission is not None:
        return min(totals) < measure.remission and now >= rule.after_remission
    return False
