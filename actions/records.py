"""What a dialogue hands to the clinic's record, as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn, note
from bot.flows import Flow, Step
from bot.variables import VARIABLES

Answer = Mapping[str, Any]


class Records:
    """The records of one dialogue. Each has a key of its own, so that a later one replaces it."""

    def __init__(
        self, dispatcher: CollectingDispatcher, turn: Turn, flow: Flow, state: Mapping[str, Any]
    ) -> None:
        self._dispatcher = dispatcher
        self._turn, self._flow, self._state = turn, flow, state

    def save(self, step: Step, answer: Answer) -> None:
        """An answer was given: everything it is part of."""
        self.entry("draft", "undecided")
        if step.track:
            self.check_in()
        if answer.get("state") != "answered":
            return
        text = answer.get("text")
        if step.record and text:
            self._note(step.record, f"-{step.name}", {"text": text})
        if step.remember and text:
            data = {"name": step.remember, "text": text}
            note(self._dispatcher, "remembered", step.remember, data)
        if step.consent and answer.get("value") in ("yes", "no"):
            given = {"scope": step.consent, "given": answer["value"] == "yes"}
            note(self._dispatcher, "consent", step.consent, given)

    def entry(self, state: str, sharing: str) -> None:
        """The journal entry so far, of a dialogue that makes one."""
        if not self._flow.entry or not self._state.get("key"):
            return
        parts = [
            {
                "prompt": f"{self._flow.name}.{step.name}",
                "state": answer["state"],
                **({"text": answer["text"]} if answer.get("text") else {}),
            }
            for step in self._flow.steps
            if step.kept and (answer := self._answers.get(step.name)) and "from" not in answer
        ]
        entry = {
            "state": state,
            "sharing": sharing,
            "stage": self._state["stage"],
            "infusion_number": self._state["infusion_number"],
            "parts": parts,
        }
        note(self._dispatcher, "journal_entry", self._state["key"], entry)

    def check_in(self) -> None:
        """Codes and numbers; a variable measured twice gets a check-in of its own."""
        found: dict[str, Any] = {}
        for name, variable, value in self._tracked():
            if variable in found:
                self._note("check_in", f"-{name}", {variable: value})
            else:
                found[variable] = value
        if found:
            self._note("check_in", "", found)

    def _tracked(self) -> list[tuple[str, str, Any]]:
        tracked = []
        for step in self._flow.steps:
            value = (self._answers.get(step.name) or {}).get("value")
            if step.track and value is not None:
                whole = VARIABLES[step.track].get("type") == "integer"
                tracked.append((step.name, step.track, int(value) if whole else value))
        return tracked

    @property
    def _answers(self) -> Mapping[str, Answer]:
        answers: Mapping[str, Answer] = self._state["answers"]
        return answers

    def _note(self, kind: str, ending: str, data: Mapping[str, Any]) -> None:
        prefix = "checkin-" if kind == "check_in" else ""
        note(self._dispatcher, kind, f"{prefix}{self._state['key']}{ending}", data)
