"""One turn as an action sees it: the patient's message, its context, and what was said before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.content import Registry, fill, registry
from bot.heard import wish

#: Put before typed text that starts with a slash, so that Rasa never reads it as a command.
GUARD = "\u2060"

#: The contract's longest key; a turn's id alone may be as long.
MAX_KEY = 120

#: Ready to show when no clinic has set them, as in ``rasa shell``. Never a guessed number.
CLINIC = {
    "clinic_name": "your clinic",
    "emergency_number": "your local emergency number",
    "crisis_line": "your local crisis line",
    "crisis_text": "",
    "crisis_how": "call",
    "reads_within": "the time it has set",
    "clinic_open": "has its own hours",
    "after_effects": "4 hours",
}
#: What a turn is taken for when it brings no context, as in ``rasa shell``.
CONTEXT: dict[str, Any] = {
    "now": "2026-01-02T10:00:00+00:00",
    "stage": "day_1",
    "hours_since_infusion": 24.0,
    "infusion_number": 1,
    "risk": {"level": "none", "conversation_level": "none"},
}

#: So many sentences back is lately.
LATELY = 12

#: Anything that says something: not only blanks, zero-width marks, dots and dashes. ":(" does.
VISIBLE = re.compile(r"[^\s\u200b-\u200f\u2060\ufeff.…,;·!?¿¡'\"`´_*~–—-]")

#: What words alone never change: danger, its answers, a person (bot/heard.py).
UNTOUCHED = (
    *("safety_risk", "safety_answer", "safety_plan", "measure_answer", "measure_start"),
    *("talk_to_human", "under_age"),
)
#: Questions about ketamine itself, which may name other medicines.
GENERAL = ("ask_what_is_ketamine", "ask_used_for", "ask_mechanism")
SURE = 0.6


@dataclass(frozen=True)
class Turn:
    """What one message says and where it stands."""

    id: str
    #: text, choice or open. The title of a button typed out is a choice too.
    kind: str
    #: The patient's words; for a tap, the button's title. Empty when there is nothing to see.
    text: str
    intent: str
    confidence: float
    #: What a tap carries, such as {"urgency": "routine"}.
    payload: Mapping[str, str]
    context: Mapping[str, Any]
    #: Content shown before this turn, oldest first, as "item#variant".
    shown: tuple[str, ...] = ()
    #: The turn before this one: its time and stage.
    before: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it was written, be it a button's title: the edge knows the meaning of taps alone.
    typed: bool = True
    #: What it surely asks, also where danger or an open alert has taken the intent's place.
    wish: str = ""
    #: Whether words alone have settled the intent, against the classifier.
    heard: bool = False
    #: What else the same message asks (bot/rasa/channel.py).
    also: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        stage: str = self.context["stage"]
        return stage

    @property
    def asked(self) -> str:
        """The last thing shown, by id; empty at the beginning."""
        return self.shown[-1].split("#")[0] if self.shown else ""

    @property
    def minor(self) -> bool:
        """Whether they said that they are under 18, and nobody of the clinic has settled it."""
        return bool((self.context.get("known") or {}).get("under_age"))

    @property
    def measure(self) -> tuple[str, str] | None:
        """(measure, item) when the last thing shown was a question of a measure."""
        return self.registry.item(self.asked).measure if self.asked in self.registry else None

    def said_lately(self, item_id: str) -> bool:
        """Whether this was among the last things said."""
        return any(name.split("#")[0] == item_id for name in self.shown[-LATELY:])

    @property
    def risk(self) -> Mapping[str, Any]:
        risk: Mapping[str, Any] = self.context["risk"]
        return risk

    @property
    def seconds_since_before(self) -> float | None:
        """Seconds since the turn before this one, None when there was none."""
        if "now" not in self.before:
            return None
        return (_time(self.context["now"]) - _time(self.before["now"])).total_seconds()

    @property
    def registry(self) -> Registry:
        return registry(self.context.get("locale", "en")[:2])


def read(tracker: Tracker) -> Turn:
    """The turn that is being answered.

    Read from the events: a form makes ``tracker.latest_message`` forget what it has consumed.
    """
    users = _users(tracker)
    event = next(users, {})
    before = next(users, None)
    turn = _turn(event)
    message = turn.get("message") or {}
    parsed = event.get("parse_data") or {}
    raw = event.get("text") or ""
    tapped = raw.startswith("/")
    shown = tuple(_shown(tracker, before_event=event))
    text = message.get("text") or (_title(raw, shown) if tapped else raw)
    text = text.strip().lstrip(GUARD)
    intent = _Intent.of(parsed)
    guessed = _guess(parsed, intent)
    asks = tuple(turn.get("also") or ())
    heard = (
        None if tapped or (guessed.name in GENERAL and guessed.sure) else wish(text, _stage(turn))
    )
    if heard is None and asks and guessed.name not in asks:
        heard = asks[0]
    if heard and intent.name not in UNTOUCHED:
        intent = _Intent(heard, 1.0)
    return Turn(
        id=turn.get("id") or event.get("message_id") or "turn",
        kind=_kind(message.get("kind") or "text", tapped),
        text=text if VISIBLE.search(text) else "",
        intent=intent.name,
        confidence=intent.confidence,
        payload={e["entity"]: str(e["value"]) for e in parsed.get("entities") or []},
        context={**CONTEXT, **(turn.get("context") or {})},
        shown=shown,
        before=(_turn(before).get("context") or CONTEXT) if before else {},
        typed=(message.get("kind") or "text") == "text",
        wish=heard or (guessed.name if guessed.sure else ""),
        heard=intent.name == heard,
        also=tuple(name for name in asks if name != intent.name),
    )


def say(dispatcher: CollectingDispatcher, turn: Turn, item_id: str, **values: str) -> None:
    """Say one item of the content registry, in a phrasing not used lately."""
    items = turn.registry
    item = items.item(item_id)
    # The clinic's own words win: "music" is its rule, whatever the patient heard.
    carried = {**(turn.context.get("known") or {}), **(turn.context.get("clinic") or {})}
    known = {**CLINIC, **carried, **values}
    filled = {name: known[name] for name in sorted(item.values)}
    said = [*turn.shown, *_said(dispatcher)]
    variant = items.pick(item_id, turn.id, _used(turn, said, item_id, len(item.variants)))
    dispatcher.utter_message(
        text=items.render(item_id, variant, filled),
        buttons=[{"title": fill(c.title, filled), "payload": c.payload} for c in item.choices],
        content={"content": item_id, "version": item.version, "variant": variant, "values": filled},
    )


def least_said(items: Sequence[str], turn: Turn) -> str:
    """The first of these not said yet; when all were, the one said longest ago."""
    said = [name.split("#")[0] for name in turn.shown]
    last = {item: len(said) - 1 - said[::-1].index(item) for item in items if item in said}
    return min(items, key=lambda item: last.get(item, -1))


def note(dispatcher: CollectingDispatcher, kind: str, key: str, data: Mapping[str, Any]) -> None:
    """Hand a record to the clinic service (bot/contract.py, RECORDS). The same key replaces."""
    if len(key) > MAX_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    dispatcher.utter_message(record={"kind": kind, "key": key, "data": dict(data)})


def task(
    dispatcher: CollectingDispatcher,
    turn: Turn,
    what: str,
    urgency: str = "routine",
    quoted: bool = True,
) -> None:
    """Put something on the clinic's list, with the patient's words unless they are a bare "no"."""
    data = {"task": what, "urgency": urgency}
    if quoted and turn.kind == "text" and turn.text:
        data["text"] = turn.text
    note(dispatcher, "clinic_task", f"{what}-{turn.id}", data)


def keep(dispatcher: CollectingDispatcher, turn: Turn) -> None:
    """Save the patient's words as a note of their own, outside any reflection."""
    part = {"prompt": turn.asked or "conversation.heard", "state": "answered", "text": turn.text}
    entry = {
        "state": "draft",
        "sharing": "undecided",
        "stage": turn.stage,
        "infusion_number": turn.context["infusion_number"],
        "parts": [part],
    }
    note(dispatcher, "journal_entry", f"note-{turn.id}", entry)


@dataclass(frozen=True)
class _Intent:
    name: str = ""
    confidence: float = 0.0

    @classmethod
    def of(cls, parsed: Mapping[str, Any]) -> _Intent:
        found = parsed.get("intent") or {}
        return cls(found.get("name") or "", float(found.get("confidence") or 0.0))

    @property
    def sure(self) -> bool:
        return self.confidence >= SURE


def _guess(parsed: Mapping[str, Any], intent: _Intent) -> _Intent:
    """What the classifier made of the words, where danger has taken the intent's place."""
    if intent.name != "safety_risk":
        return intent
    ranked = (_Intent.of({"intent": one}) for one in parsed.get("intent_ranking") or ())
    return next((one for one in ranked if one.sure and one.name != "nlu_fallback"), _Intent())


def _stage(turn: Mapping[str, Any]) -> str:
    return str({**CONTEXT, **(turn.get("context") or {})}["stage"])


def _users(tracker: Tracker) -> Iterator[dict[str, Any]]:
    return (event for event in reversed(tracker.events) if event.get("event") == "user")


def _turn(event: Mapping[str, Any]) -> dict[str, Any]:
    turn: dict[str, Any] = (event.get("metadata") or {}).get("turn") or {}
    return turn


def _kind(said: str, tapped: bool) -> str:
    """The title of a button typed out is a tap, too (bot/rasa/channel.py)."""
    return "choice" if tapped and said == "text" else said


def _shown(tracker: Tracker, before_event: Mapping[str, Any]) -> Iterator[str]:
    for event in tracker.events:
        if event is before_event:
            return
        content = (event.get("metadata") or {}).get("content")
        if event.get("event") == "bot" and content:
            yield f"{content['content']}#{content['variant']}"


def _said(dispatcher: CollectingDispatcher) -> Iterator[str]:
    for message in dispatcher.messages:
        if message.get("content"):
            yield f"{message['content']['content']}#{message['content']['variant']}"


def _used(turn: Turn, said: list[str], item_id: str, count: int) -> set[str]:
    used = {*(turn.context.get("phrases_used") or ()), *said}
    if all(f"{item_id}#{number}" in used for number in range(count)):
        # Every phrasing was used: at least not the same one twice in a row.
        used = set([name for name in said if name.startswith(f"{item_id}#")][-1:])
    return used


def _title(payload: str, shown: tuple[str, ...]) -> str:
    """The title of the button with this payload, where only the payload is known (rasa shell)."""
    items = registry()
    asked = shown[-1].split("#")[0] if shown else ""
    choices = items.item(asked).choices if asked in items else ()
    found = next((choice.title for choice in choices if choice.payload == payload), None)
    if found:
        return found
    _, _, carried = payload.partition("{")
    try:
        return str(json.loads("{" + carried).get("value", "")) if carried else ""
    except ValueError:
        return ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
