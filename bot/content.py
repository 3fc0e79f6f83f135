"""The content registry: every sentence a patient can be shown, as data.

Files: ``data/content/<locale>/<topic>.yml``. Each item has an id, a version, a source, an approver
(``unsigned`` until a real clinician signs), the day by which it is to be read again, the stages it
is written for, one or more phrasings of the same meaning, and the buttons offered with it. What an
item does not say itself, its file says for all. Code never holds a sentence; it names an item.

A folder beside ``en`` is another language. It has the sentences somebody has translated, with the
ids they have in English; all else stays English. A translation says the same in other words: what
its buttons do, and when it is said, is the English item's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot import conditions, durations, flows, measures, stages, yaml_files
from bot.contract import STAGES
from bot.risk.levels import Level

#: Where the languages lie; a clinic may keep its own copy.
ROOT = Path(
    os.environ.get("AFTERGLOW_CONTENT")
    or Path(__file__).resolve().parent.parent / "data" / "content"
)
ENGLISH = "en"
#: Beside the sentences: how a message in that language is known (bot/spoken.py).
LANGUAGE = "language.yml"
UNSIGNED = "unsigned"

_PLACE = re.compile(r"\{([a-z_]+)\}")
_ITEM_KEYS = {
    *("id", "version", "source", "approver", "review", "stages", "text", "choices", "kind"),
    *("answers", "when", "dated", "asks", "breath"),
}
#: What a translation may say of an item, and of one of its buttons.
_TRANSLATED = {"id", "version", "source", "approver", "review", "stages", "text", "choices"}
_TRANSLATED_CHOICE = {"id", "title", "typed"}
#: What a file may say for all its items.
_FOR_ALL = ("source", "approver", "review", "stages")
#: Written for every stage.
ANY = "any"
_CHOICE_KEYS = {"id", "title", "payload", "raises", "completes_screen", "typed"}
_BREATH_KEYS = {"in", "out", "rounds"}
_KINDS = {"say", "ask", "card", "notice"}


class ContentError(ValueError):
    """The registry is broken: the text names the file, the item and what is wrong."""


@dataclass(frozen=True)
class Choice:
    """One button. ``raises`` is a risk level the answer itself means; ``typed`` are words that mean
    the same as the tap, when they are all that was written."""

    id: str
    title: str
    payload: str
    raises: str | None = None
    completes_screen: bool = False
    typed: tuple[str, ...] = ()
    #: What it is worth, when the item is a question of a measure.
    value: int | None = None
    #: Stands for a time that long or longer (measures.Option).
    from_hours: float | str | None = None


@dataclass(frozen=True)
class Item:
    """One thing the product can say, in one or more phrasings (``variants``)."""

    id: str
    version: int
    topic: str
    kind: str
    source: str
    approver: str
    #: The day by which somebody reads it again, whoever signed it.
    review: date
    variants: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    #: The stages it is written for; empty: every stage.
    stages: tuple[str, ...] = ()
    answers: str | None = None
    #: Said only when this holds (bot/conditions.py).
    when: Mapping[str, Any] = field(default_factory=dict)
    #: The day its facts were last compared with their source.
    dated: str | None = None
    #: Risk categories a safety question asks about: only these can its "no" lower.
    asks: tuple[str, ...] = ()
    #: (measure, item) when this is a question of a measure (bot/measures.py).
    measure: tuple[str, str] | None = None
    #: The pace it asks to breathe at, for the page: seconds ``in`` and ``out``, and ``rounds``.
    breath: Mapping[str, int] | None = None

    @property
    def values(self) -> frozenset[str]:
        """Names of the places to fill in."""
        texts = (*self.variants, *(choice.title for choice in self.choices))
        return frozenset(name for text in texts for name in _PLACE.findall(text))

    def choice(self, choice_id: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.id == choice_id), None)

    def choice_typed(self, text: str, limits: Mapping[str, float] | None = None) -> Choice | None:
        """The choice these words stand for, when they say nothing else ("Yes." is "yes", "5 hours"
        is "4 hours or more"). ``limits``: the clinic's own hours."""
        plain = " ".join(re.sub(r"[^\w\s]", "", text.replace("’", "'").lower()).split())
        same = next((choice for choice in self.choices if plain in choice.typed), None)
        return same or self._choice_lasting(durations.hours(text), limits or {})

    def _choice_lasting(self, hours: float | None, limits: Mapping[str, float]) -> Choice | None:
        known = stages.Settings().limits | dict(limits)
        starts = {
            choice: known[choice.from_hours]
            if isinstance(choice.from_hours, str)
            else choice.from_hours
            for choice in self.choices
            if choice.from_hours is not None
        }
        reached = [choice for choice in starts if hours is not None and starts[choice] <= hours]
        return max(reached, key=lambda choice: starts[choice], default=None)


class Registry:
    """All items of one locale, by id."""

    def __init__(self, items: Collection[Item]) -> None:
        self._items: dict[str, Item] = {}
        for item in items:
            if item.id in self._items:
                raise ContentError(f"{item.topic}: two items are called {item.id}")
            self._items[item.id] = item
        self._answers: dict[str, list[Item]] = {}
        for item in items:
            if item.answers:
                self._answers.setdefault(item.answers, []).append(item)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def item(self, item_id: str) -> Item:
        """The item called ``item_id``. Raises ContentError when there is none."""
        try:
            return self._items[item_id]
        except KeyError:
            raise ContentError(f"no content item is called {item_id}") from None

    def answer_to(self, intent: str, context: Mapping[str, Any]) -> Item | None:
        """What answers questions of this intent now: the first item whose condition holds."""
        fitting = (i for i in self._answers.get(intent, ()) if conditions.hold(i.when, context))
        return next(fitting, None)

    def render(
        self, item_id: str, variant: int = 0, values: Mapping[str, str] | None = None
    ) -> str:
        """The sentence, with the named places filled in.

        Filling is one pass over the template: braces in a value (a patient's own words) stay text.
        Raises ContentError for an unknown item or variant, or a missing value.
        """
        item = self.item(item_id)
        given = values or {}
        if not 0 <= variant < len(item.variants):
            raise ContentError(f"{item_id} has no variant {variant}")
        missing = item.values - set(given)
        if missing:
            raise ContentError(f"{item_id} needs a value for {', '.join(sorted(missing))}")
        return fill(item.variants[variant], given)

    def pick(self, item_id: str, seed: str, used: Collection[str] = ()) -> int:
        """Which phrasing to use: the same for the same seed, avoiding those in ``used``.

        ``used`` holds ``"item#variant"`` strings (look.md: no phrase repeats within seven days).
        """
        count = len(self.item(item_id).variants)
        fresh = [n for n in range(count) if f"{item_id}#{n}" not in used] or list(range(count))
        digest = hashlib.sha256(f"{seed}|{item_id}".encode()).digest()
        return fresh[int.from_bytes(digest[:4], "big") % len(fresh)]


def fill(text: str, given: Mapping[str, str]) -> str:
    """A sentence or a button's title with its named places filled in, in one pass."""
    return _PLACE.sub(lambda match: given[match.group(1)], text)


def load(root: Path | None = None, locale: str = ENGLISH) -> Registry:
    """Read and check a language: its own items, and the English ones it has no words for. Raises
    ContentError naming file and item."""
    root = root or ROOT
    found = _folder(root / ENGLISH)
    for name, (path, raw) in ({} if locale == ENGLISH else _folder(root / locale)).items():
        found[name] = (path, _translation(path, found[name][1], raw) if name in found else raw)
    return Registry([_item(path, raw) for path, raw in found.values()])


def locales(root: Path | None = None) -> tuple[str, ...]:
    """The languages there are besides English, by their codes."""
    folders = {path.parent.name for path in (root or ROOT).glob("*/*.yml")}
    return tuple(sorted(folders - {ENGLISH}))


@lru_cache(maxsize=8)
def registry(locale: str = ENGLISH) -> Registry:
    """The registry shipped with the product, read once a process, with the questions of the
    measures, whose wording is English."""
    asked = measures.measures().values()
    items = [_asking(measure, item) for measure in asked for item in measure.items]
    return Registry([*load(ROOT, locale), *items])


@lru_cache
def translated(locale: str) -> tuple[Item, ...]:
    """What a language has words of its own for, named with its code: ``es/safety.card``."""
    own = _folder(ROOT / locale)
    return tuple(
        replace(item, id=f"{locale}/{item.id}", topic=f"{locale}/{item.topic}")
        for item in registry(locale)
        if item.id in own
    )


def question(measure: str, item: str) -> str:
    """The id under which a measure's question stands in the registry."""
    return f"measure.{measure}.{item}"


def _folder(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Every item of a language as written, with what its file says for all."""
    files = sorted(path for path in folder.glob("*.yml") if path.name != LANGUAGE)
    if not files:
        raise ContentError(f"no content files in {folder}")
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for path in files:
        document = yaml_files.read(path)
        defaults = {"approver": UNSIGNED} | {k: document[k] for k in _FOR_ALL if k in document}
        for raw in document["items"]:
            name = str(raw.get("id"))
            _require(name not in found, path.stem, f"two items are called {name}")
            found[name] = (path, defaults | _stages_of(raw) | raw)
    return found


def _translation(path: Path, english: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The English item with other words: never with other buttons, or others behind them."""
    where = f"{path.parent.name}/{path.name}: {own['id']}"
    _require(set(own) <= _TRANSLATED, where, "a translation has words, and nothing that acts")
    titles = {choice["id"]: choice for choice in own.get("choices", [])}
    strange = any(set(choice) - _TRANSLATED_CHOICE for choice in titles.values())
    buttons = {choice["id"] for choice in english.get("choices", [])}
    _require(not strange and set(titles) <= buttons, where, "its buttons are the English ones")
    choices = [choice | titles.get(choice["id"], {}) for choice in english.get("choices", [])]
    return english | own | {"choices": choices, "stages": english["stages"]}


def _stages_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Where its condition or its dialogue puts it, when either does."""
    flow = flows.flows().get(str(raw.get("id")).partition(".")[0])
    found = raw.get("when", {}).get("stage") or (list(flow.stages) if flow else [])
    return {"stages": found} if found else {}


def _item(path: Path, raw: dict[str, Any]) -> Item:
    where = f"{path.name}: {raw.get('id', 'an item without id')}"
    _require(set(raw) <= _ITEM_KEYS, where, f"unknown keys {sorted(set(raw) - _ITEM_KEYS)}")
    for key in ("id", "version", "text", "source", "review", "stages"):
        _require(bool(raw.get(key)), where, f"{key} is missing")
    _require(isinstance(raw["review"], date), where, "review is a day")
    written_for = () if raw["stages"] == ANY else tuple(raw["stages"])
    _require(set(written_for) <= set(STAGES), where, "unknown stage")
    variants = raw["text"] if isinstance(raw["text"], list) else [raw["text"]]
    kind = raw.get("kind", "say")
    _require(kind in _KINDS, where, f"kind is one of {sorted(_KINDS)}")
    breath = raw.get("breath")
    _require(breath is None or set(breath) == _BREATH_KEYS, where, "breath has in, out and rounds")
    return Item(
        id=raw["id"],
        version=raw["version"],
        topic=path.stem,
        kind=kind,
        source=raw["source"],
        approver=raw["approver"],
        review=raw["review"],
        stages=written_for,
        variants=tuple(" ".join(text.split()) for text in variants),
        choices=tuple(_choice(where, choice) for choice in raw.get("choices", [])),
        answers=raw.get("answers"),
        when=raw.get("when", {}),
        dated=str(raw["dated"]) if "dated" in raw else None,
        asks=tuple(raw.get("asks", [])),
        breath=breath,
    )


def _asking(measure: measures.Measure, item: measures.Item) -> Item:
    return Item(
        id=question(measure.id, item.id),
        version=measure.version,
        topic="measure",
        kind="ask",
        source=measure.source,
        approver=measure.approver,
        review=measure.review,
        variants=(item.text,),
        choices=tuple(_option(measure, item, option) for option in item.scale),
        asks=item.asks,
        measure=(measure.id, item.id),
    )


def _option(measure: measures.Measure, item: measures.Item, option: measures.Option) -> Choice:
    means = measures.level_of(measure, {item.id: option.value})
    return Choice(
        id=option.id,
        title=option.title,
        payload=measure.payload,
        raises=means.name if means > Level.none else None,
        typed=option.typed,
        value=option.value,
        from_hours=option.from_hours,
    )


def _choice(where: str, raw: dict[str, Any]) -> Choice:
    _require(set(raw) <= _CHOICE_KEYS, where, f"unknown choice keys {set(raw) - _CHOICE_KEYS}")
    for key in ("id", "title", "payload"):
        _require(bool(raw.get(key)), where, f"a choice has no {key}")
    return Choice(**(raw | {"typed": tuple(raw.get("typed", []))}))


def _require(holds: bool, where: str, problem: str) -> None:
    if not holds:
        raise ContentError(f"{where}: {problem}")
