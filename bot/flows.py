"""The guided dialogues as data: what is asked, in which order, when, and what is kept.

Files: ``data/flows/<flow>.yml``. A flow is a list of steps; a step asks the content item
``<flow>.<step>``. The assistant walks them (actions/dialogue.py); this module reads and checks them
and knows no patient.

A step's keys:

- ``takes``: words, choice, tags (a choice of any number), number, hours_ago (a number, or a time of
  day), decision (yes or no), sharing, recap, which, or done (a tap).
- ``when`` / ``unless``: conditions, all of them / none of them. ``{tone: [hard, mixed]}`` looks at
  an earlier answer, ``{distress: {least: 7}}`` and ``{after: {not_below: before}}`` at numbers;
  ``stage``, ``known``, ``setting``, ``risk`` at the turn's context.
- ``read``: for typed words, a pattern for each value of a choice.
- ``track``: the variable of the check-in this answers (bot/variables.py).
- ``record``: the kind of record the words become; ``remember``: the name they are kept under.
- ``then``: by value, what is said and which clinic task is made.
- ``consent``: the scope that a yes or no is kept for.
- ``first``: items said before the question; ``quote``: earlier steps whose words it quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot import conditions, contract, variables, yaml_files
from bot.conditions import Answers

ROOT = Path(__file__).resolve().parent.parent / "data" / "flows"
TAKES = (
    *("words", "choice", "tags", "number", "hours_ago"),
    *("decision", "sharing", "recap", "which", "done"),
)
#: Records whose data is the words themselves.
TEXTS = ("intention", "parked_decision", "small_step", "team_question", "win", "stressor")


class FlowError(ValueError):
    """A flow is broken: the text names the file, the step and what is wrong."""


@dataclass(frozen=True)
class Reaction:
    """What an answer leads to besides the next question."""

    say: tuple[str, ...] = ()
    task: str | None = None
    urgency: str = "routine"
    #: Nothing more is asked.
    end: bool = False


@dataclass(frozen=True)
class Step:
    """One question."""

    name: str
    takes: str = "words"
    when: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)
    read: tuple[tuple[str, re.Pattern[str]], ...] = ()
    track: str | None = None
    record: str | None = None
    remember: str | None = None
    consent: str | None = None
    then: Mapping[str, Reaction] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    quote: tuple[str, ...] = ()
    #: The item asked, where it depends on an earlier answer: its value ends the item's name.
    by: str | None = None
    most: int = 10
    #: An answer that is not one of the choices is asked for once more.
    insist: bool = False
    #: "Nothing happened" opens the quiet branch here.
    may_be_nothing: bool = False
    #: A greeting or thanks is an answer here ("one kind line": "thank you").
    any_words: bool = False
    #: Part of the entry the patient keeps.
    kept: bool = True

    def wanted(self, answers: Answers, context: Mapping[str, Any]) -> bool:
        """Whether this is asked, given the answers so far and the turn's context."""
        return conditions.hold(self.when, context, answers) and not any(
            conditions.hold({name: value}, context, answers) for name, value in self.unless.items()
        )


@dataclass(frozen=True)
class Flow:
    """One dialogue. ``entry``: its words make a journal entry the patient may share."""

    name: str
    steps: tuple[Step, ...]
    #: Offered in these stages, in the order of ``rank``.
    stages: tuple[str, ...] = ()
    rank: int = 0
    #: infusion, once, day or always: how long a finished one is not offered again.
    again: str = "infusion"
    entry: bool = False
    needs_infusion: bool = False
    #: Only before a first infusion or while another one is planned.
    needs_next: bool = False
    #: At its end the safety plan is offered, when there is none yet.
    then_plan: bool = False
    #: The dialogue that is offered at its end.
    leads_to: str = ""
    #: Intents that begin it by themselves.
    intents: tuple[str, ...] = ()
    #: The step that the words which began it already answer.
    seed: str | None = None
    #: The item that offers it; ``<flow>.offer`` when not named.
    offer: str = ""

    @property
    def kept(self) -> bool:
        """Whether one that was left is offered again later; an exercise or a question is not."""
        return self.entry or self.again != "always"

    def step(self, name: str) -> Step:
        """Raises KeyError when there is none."""
        return self._by_name[name]

    @property
    def _by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}


@lru_cache(maxsize=1)
def flows() -> dict[str, Flow]:
    """The flows shipped with the product, read once a process."""
    return load(ROOT)


def load(root: Path) -> dict[str, Flow]:
    """Read and check every flow. Raises FlowError naming file and step."""
    found = [_flow(path) for path in sorted(root.glob("*.yml"))]
    names = {"", *(flow.name for flow in found)}
    for flow in found:
        _require(flow.leads_to in names, f"{flow.name}.yml", "leads to no dialogue")
    return {flow.name: flow for flow in sorted(found, key=lambda flow: (flow.rank, flow.name))}


def offered(stage: str) -> list[Flow]:
    """The flows of a stage, first things first."""
    return [flow for flow in flows().values() if stage in flow.stages]


def of_intent(intent: str, stage: str) -> Flow | None:
    """The flow an intent begins; the one made for this stage before any other."""
    found = [flow for flow in flows().values() if intent in flow.intents]
    fitting = [flow for flow in found if stage in flow.stages]
    return next(iter(fitting or found), None)


def _flow(path: Path) -> Flow:
    document = yaml_files.read(path)
    where = path.name
    steps = tuple(_step(where, raw) for raw in document.pop("steps"))
    try:
        flow = Flow(
            name=document.pop("flow"),
            steps=steps,
            stages=tuple(document.pop("stages", ())),
            intents=tuple(document.pop("intents", ())),
            **document,
        )
    except (KeyError, TypeError) as error:
        raise FlowError(f"{where}: {error}") from None
    _require(flow.name == path.stem, where, "the flow is not called as its file")
    _require(set(flow.stages) <= set(contract.STAGES), where, "unknown stage")
    _require(flow.again in ("infusion", "once", "day", "always"), where, "unknown `again`")
    names = [step.name for step in steps]
    _require(len(set(names)) == len(names), where, "two steps have one name")
    for number, step in enumerate(steps):
        earlier = set(names[:number]) | {"tone"}
        for condition in (step.when, step.unless):
            unknown = set(condition) - earlier - set(conditions.CONTEXT)
            _require(not unknown, f"{where}: {step.name}", f"looks ahead at {sorted(unknown)}")
    return flow


def _step(where: str, raw: dict[str, Any]) -> Step:
    raw = dict(raw)
    where = f"{where}: {raw.get('name', 'a step without name')}"
    raw["read"] = tuple(
        (str(value), re.compile(pattern, re.IGNORECASE))
        for value, pattern in (raw.pop("read", None) or {}).items()
    )
    raw["then"] = {
        str(value): _reaction(one) for value, one in (raw.pop("then", None) or {}).items()
    }
    for name in ("first", "quote"):
        raw[name] = tuple(raw.get(name, ()))
    try:
        step = Step(**raw)
    except TypeError as error:
        raise FlowError(f"{where}: {error}") from None
    _require(step.takes in TAKES, where, f"takes is one of {TAKES}")
    _require(step.consent is None or step.takes == "decision", where, "consent is a yes or a no")
    _require(step.track is None or step.track in variables.VARIABLES, where, "unknown variable")
    _require(step.record is None or step.record in TEXTS, where, f"record is one of {TEXTS}")
    return step


def _reaction(raw: dict[str, Any]) -> Reaction:
    said = raw.get("say", ())
    return Reaction(**(raw | {"say": (said,) if isinstance(said, str) else tuple(said)}))


def _require(holds: bool, where: str, problem: str) -> None:
    if not holds:
        raise FlowError(f"{where}: {problem}")
