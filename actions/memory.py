"""Which dialogues were begun, how far they are, and which are finished: one slot for all.

The slot is disposable. What must last is handed over as records and comes back with the turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Tracker

from actions.turn import Turn
from bot.flows import Flow, flows, offered


@dataclass
class Memory:
    """``states``: flow -> {key, stage, infusion_number, answers, knew, step, last, done}."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: str | None = None
    #: The dialogue that goes on when the exercise asked for in the middle of it is over.
    waiting: str | None = None
    #: The dialogue that is being closed in this turn.
    ending: str | None = None

    @classmethod
    def of(cls, tracker: Tracker) -> Memory:
        kept = tracker.slots.get("dialogue") or {}
        states = {
            name: {**state, "answers": dict(state.get("answers") or {})}
            for name, state in (kept.get("states") or {}).items()
        }
        return cls(states, kept.get("running"), kept.get("waiting"))

    def as_slot(self) -> dict[str, Any]:
        begun = {name: state for name, state in self.states.items() if state.get("key")}
        return {"states": begun, "running": self.running, "waiting": self.waiting}

    def state(self, name: str) -> dict[str, Any]:
        return self.states.setdefault(name, {"answers": {}})

    def clear(self, flow: Flow, turn: Turn) -> None:
        """Begin this dialogue anew; what was said before stays in the records."""
        self.states.pop(flow.name, None)
        self.states[flow.name] = {
            "key": f"{flow.name}-{turn.id}",
            "stage": turn.stage,
            "infusion_number": turn.context["infusion_number"],
            "answers": {},
            # What is told in it must not open a question about itself.
            "knew": sorted(turn.context.get("known") or {}),
        }

    def finish(self, flow: Flow, turn: Turn) -> None:
        """Only that it was finished, and when, is remembered."""
        self.states[flow.name] = {
            "key": f"{flow.name}-{turn.id}",
            "answers": {},
            "done": {"infusion": turn.context["infusion_number"], "day": turn.context["now"][:10]},
        }

    def is_unfinished(self, flow: Flow, turn: Turn) -> bool:
        """Whether it was begun for this infusion, with at least one answer."""
        state = self.states.get(flow.name) or {}
        same = state.get("infusion_number") == turn.context["infusion_number"]
        return bool(state.get("answers")) and same

    def unfinished(self, turn: Turn) -> str | None:
        """The dialogue to go on with: the running one, or the one begun last."""
        begun = [name for name in self.states if name in flows()]
        last_first = [flows()[name] for name in (self.running, *reversed(begun)) if name]
        kept = (flow for flow in last_first if flow.kept and self.is_unfinished(flow, turn))
        return next((flow.name for flow in kept), None)

    def is_finished(self, flow: Flow, turn: Turn) -> bool:
        """Whether it need not be offered again yet."""
        done = (self.states.get(flow.name) or {}).get("done")
        if not done or flow.again == "always":
            return False
        if flow.again == "once":
            return True
        if flow.again == "day":
            return bool(done["day"] == turn.context["now"][:10])
        return bool(done["infusion"] == turn.context["infusion_number"])

    def to_offer(self, turn: Turn) -> Flow | None:
        """What this stage is for and is not done yet."""
        fitting = (flow for flow in offered(turn.stage) if not self.is_finished(flow, turn))
        return next(fitting, None)
