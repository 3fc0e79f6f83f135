"""The form that walks a guided dialogue: any of those in data/flows, one at a time.

An answer is ``{"state", "text", "value"}``. A question is asked while it has no answer and its
conditions hold, so skipping, going back, resuming and branches need no code of their own. All
dialogues that were begun stay in one slot; one of them is running while the form is active.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import conversation, quiet, reading, routed, safety, safety_plan
from actions.memory import Memory
from actions.records import Records
from actions.turn import Turn, read, say, task
from bot.flows import Flow, Step, flows, of_intent

#: Where sentences lie that every dialogue says alike.
COMMON = "reflection"
Understood = Callable[[Turn, Step], str | None]


class ValidateDialogue(FormValidationAction):
    """Takes each turn while the form runs: an answer, a command, or a question in the middle."""

    def name(self) -> str:
        return "validate_dialogue_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        dialogue = Dialogue(dispatcher, tracker)
        if tracker.slots.get("requested_slot") is None:
            dialogue.begin()
        else:
            dialogue.take()
        return dialogue.events()


class CloseDialogue(Action):
    """The form is over: finished, stopped, or it was never wanted."""

    def name(self) -> str:
        return "action_dialogue_close"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        dialogue = Dialogue(dispatcher, tracker)
        dialogue.close()
        return dialogue.events(form=False)


class Dialogue:
    """One turn's work: reads the slot, changes it, says what comes next."""

    def __init__(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
        self.dispatcher = dispatcher
        self.tracker = tracker
        self.turn = read(tracker)
        self.memory = Memory.of(tracker)
        self.next: Step | None = None
        self._enter(self.memory.running)

    def _enter(self, name: str | None) -> None:
        """Make a dialogue the running one."""
        self.flow: Flow = flows()[name] if name in flows() else flows()[COMMON]
        self.state = self.memory.state(self.flow.name)
        self.answers: dict[str, dict[str, Any]] = self.state["answers"]
        self.records = Records(self.dispatcher, self.turn, self.flow, self.state)

    # ---- What the form is told ----

    def events(self, form: bool = True) -> list[dict[str, Any]]:
        """The slot, always: a form without any slot set is rejected by Rasa."""
        if form:
            self.memory.running = self.flow.name if self.next else self.memory.ending
            self.state["step"] = self.next.name if self.next else None
        asked = [SlotSet("requested_slot", "dialogue_step" if self.next else None)]
        return [SlotSet("dialogue", self.memory.as_slot()), *(asked if form else [])]

    # ---- Beginning and ending ----

    def begin(self) -> None:
        """Start, go on, or decline: a yes starts only what was offered."""
        turn = self.turn
        if turn.typed and safety.open_question(turn):
            routed.beside(self.dispatcher, turn)
            safety.ask_on(self.dispatcher, turn)
            return
        if conversation.comes_first(self.dispatcher, turn):
            return
        if (flow := self._wished()) is None:
            conversation.affirmed(self.dispatcher, turn)
        elif flow.needs_infusion and not conversation.had_infusion(turn):
            self._say("not_yet")
        elif flow.needs_next and turn.kind == "text" and not conversation.is_before(turn):
            conversation.tell(self.dispatcher, turn)
        else:
            self.memory.waiting = None
            self._start(flow, fresh=turn.intent == "start_fresh")

    def _wished(self) -> Flow | None:
        """The dialogue this turn asks for: by name, by intent, or by a yes to an offer."""
        turn = self.turn
        intent, payload = turn.intent, dict(turn.payload)
        if intent == "affirm":
            intent, payload = conversation.offered(turn)
        if intent in ("resume_reflection", "start_fresh"):
            begun = self.memory.unfinished(turn)
            return flows()[begun] if begun else self.memory.to_offer(turn) or flows()[COMMON]
        return flows().get(payload.get("flow", "")) or of_intent(intent, turn.stage)

    def _start(self, flow: Flow, fresh: bool) -> None:
        self._enter(flow.name)
        going_on = not fresh and flow.kept and self.memory.is_unfinished(flow, self.turn)
        if going_on:
            self._say("go_on")
            self._ask_next()
            return
        self.memory.clear(flow, self.turn)
        self._enter(flow.name)
        if f"{flow.name}.start" in self.turn.registry:
            self._say("start")
        told = self.turn.kind == "text" and len(self.turn.text) > 1
        if flow.seed and (told or "value" in self.turn.payload):
            getattr(self, f"_take_{flow.step(flow.seed).takes}")(flow.step(flow.seed))
        else:
            self._ask_next()

    def close(self) -> None:
        """Say how it ended; a finished entry is handed over."""
        end = self.state.pop("end", None)
        self.memory.running = self.memory.ending = self.memory.waiting = None
        if end == "stopped":
            self._say("stopped")
        elif end == "finished":
            self._finish()

    def _finish(self) -> None:
        chosen = (self.answers.get("sharing") or {}).get("value") or "undecided"
        self.records.entry("complete", chosen)
        if self.flow.entry:
            self._say(f"closed_{chosen}")
        elif self._own("closed"):
            self._say("closed")
        self.memory.finish(self.flow, self.turn)
        declined = (self.answers.get("consent") or {}).get("value") == "no"
        if self.flow.then_plan and not declined and (plan := safety_plan.offer(self.turn)):
            say(self.dispatcher, self.turn, plan)
        elif self.flow.leads_to:
            say(self.dispatcher, self.turn, f"{self.flow.leads_to}.offer")
        elif (
            self.flow.entry and not self.memory.waiting and conversation.measures_follow(self.turn)
        ):
            say(self.dispatcher, self.turn, conversation.MEASURES)

    def _end(self, how: str) -> None:
        if how == "finished" and self.memory.waiting:
            self._finish()
            self._return()
            return
        self.state["end"] = how
        self.memory.ending = self.flow.name
        self.next = None

    def _aside(self, exercise: Flow) -> None:
        """An exercise asked for in the middle, with its own questions; then back to this one."""
        if self.flow.kept:
            self.memory.waiting = self.flow.name
        self._start(exercise, fresh=True)

    def _return(self) -> None:
        """Back to the question that was open."""
        self._enter(self.memory.waiting)
        self.memory.waiting = None
        step = self._open_step()
        if step is None:
            self._ask_next()
        else:
            self._again(step, after_question=True)

    def take(self) -> None:
        """An answer to the open question, a command, or a question in the middle."""
        turn, step = self.turn, self._open_step()
        if step is None:
            self._ask_next()
        elif turn.stage in quiet.STAGES:
            self.next = step
            quiet.speak(self.dispatcher, turn)
        elif turn.minor:
            conversation.adults_only(self.dispatcher, turn)
        elif turn.kind == "open":
            self._came_back(step)
        elif (corrected := reading.correction(turn, self.flow, step, self.answers)) is not None:
            earlier, value = corrected
            self._say("changed")
            self._fill(earlier, {"state": "answered", **self._words(), "value": value})
        elif routed.told(turn, step):
            conversation.answer_question(self.dispatcher, turn)
            self._again(step, after_question=True)
        elif (given := self._command(step)) is None:
            if turn.heard and step.record != "team_question" and not routed.asked(turn, step):
                routed.beside(self.dispatcher, turn)
            self._answer(step)
        elif turn.asked in conversation.HUMAN_QUESTIONS and given in ("skip", "deny"):
            self._again(step)
        else:
            self._obey(given, step)

    def _open_step(self) -> Step | None:
        return next((s for s in self.flow.steps if s.name == self.state.get("step")), None)

    def _command(self, step: Step) -> str | None:
        turn = self.turn
        declines = turn.intent in ("skip", "deny")
        if declines and turn.kind == "text" and turn.asked in conversation.HUMAN_QUESTIONS:
            return turn.intent
        return reading.command(turn, step, self.flow)

    def _obey(self, given: str, step: Step) -> None:
        wished = None if given in ("resume_reflection", "start_fresh") else self._wished()
        if given == "skip":
            # A longer line may hold more than the wish to skip: its words are kept.
            said_more = self.turn.kind == "text" and len(self.turn.text.split()) > 4
            self._fill(step, {"state": "skipped", **(self._words() if said_more else {})})
        elif given == "dont_know" and "not_sure" in step.then:
            self._fill(step, {"state": "answered", **self._words(), "value": "not_sure"})
        elif given == "dont_know":
            self._say("not_knowing")
            self._fill(step, {"state": "unknown", **self._words()})
        elif given == "nothing_happened":
            self._nothing_came(step)
        elif given in ("stop_for_now", "goodbye"):
            self._end("stopped")
        elif given == "go_back_correct":
            self._go_back(step)
        elif given == "talk_to_human":
            self._human(step)
        elif given == "under_age":
            conversation.answer_question(self.dispatcher, self.turn)
        elif given in reading.EXERCISES and wished is not None and wished.name != self.flow.name:
            self._aside(wished)
        elif self._answers_now(given):
            conversation.answer_question(self.dispatcher, self.turn)
            self._again(step, after_question=True)
        elif given == "start_fresh":
            self._start(self.flow, fresh=True)
        elif wished is not None and (self.flow.seed or wished.name != self.flow.name):
            self._start(wished, fresh=wished.name == self.flow.name)
        else:
            # Empty, hello, thanks, start, go on: the question still stands.
            self._again(step)

    def _answers_now(self, intent: str) -> bool:
        """Whether this has an answer that does not need a dialogue of its own."""
        asked = reading.is_question(self.turn) or intent in reading.ASIDES
        return asked and of_intent(intent, self.turn.stage) is None

    def _came_back(self, step: Step) -> None:
        self.next = step
        if not conversation.was_away(self.turn):
            return
        if self.memory.unfinished(self.turn):
            say(self.dispatcher, self.turn, "conversation.welcome_back")
        else:
            self.next = None
            conversation.greet(self.dispatcher, self.turn, self.tracker)

    def _human(self, step: Step) -> None:
        conversation.ask_for_human(self.dispatcher, self.turn)
        if self.turn.payload.get("urgency"):
            self._again(step)
        else:
            self.next = step

    def _nothing_came(self, step: Step) -> None:
        # Remembered with its place, so that going back opens the other branch again.
        self.answers["tone"] = {"state": "answered", "value": "nothing", "from": step.name}
        self._say("nothing")
        if step.name != "tone":
            self.answers[step.name] = {"state": "answered", **self._words()}
        self._saved()

    def _go_back(self, step: Step) -> None:
        if step.takes == "recap" and any(s.takes == "which" for s in self.flow.steps):
            self.answers[step.name] = {"state": "skipped", "value": "change"}
            self._ask_next()
            return
        before = self.flow.steps[: self.flow.steps.index(step)]
        earlier = [s for s in before if s.name in self.answers and s.takes != "which"]
        earlier = [s for s in earlier if s.wanted(self.answers, self._context())]
        if not earlier:
            self._say("back_at_start")
            self._again(step)
            return
        self._say("back")
        self._forget(earlier[-1].name)
        self._ask_next()

    def _forget(self, name: str) -> None:
        self.answers.pop(name, None)
        if self.answers.get("tone", {}).get("from") == name:
            del self.answers["tone"]

    # ---- Answers ----

    def _answer(self, step: Step) -> None:
        if reading.carries_on(self.turn, step, self.answers.get(self.state.get("last"))):
            last = self.answers[self.state["last"]]
            last["text"] = f"{last['text']}\n{self.turn.text}"[: reading.MAX_TEXT]
            self._say("added")
            self.records.save(self.flow.step(self.state["last"]), last)
            self._again(step)
            return
        getattr(self, f"_take_{step.takes}")(step)

    def _words(self) -> dict[str, Any]:
        return {"text": self.turn.text[: reading.MAX_TEXT]} if self.turn.text else {}

    def _fill(self, step: Step, answer: dict[str, Any]) -> None:
        self.answers[step.name] = answer
        typed = self.turn.kind == "text" and answer.get("text") and step.takes == "words"
        self.state["last"] = step.name if typed else None
        reaction = step.then.get(str(answer.get("value"))) or step.then.get(answer["state"])
        if reaction is not None:
            for item in reaction.say:
                say(self.dispatcher, self.turn, item)
            if reaction.task:
                words = step.takes == "words"
                task(self.dispatcher, self.turn, reaction.task, reaction.urgency, words)
        self.records.save(step, answer)
        if reaction is not None and reaction.end:
            self._end("finished")
        else:
            self._ask_next()

    def _saved(self) -> None:
        self.records.entry("draft", "undecided")
        self.records.check_in()
        self._ask_next()

    def _once_more(self, step: Step) -> bool:
        """Ask again, the first time that an answer could not be read."""
        if self.state.get("asked_twice") == step.name:
            return False
        self.state["asked_twice"] = step.name
        self._again(step)
        return True

    def _take_words(self, step: Step) -> None:
        self._fill(step, {"state": "answered", **self._words()})

    def _take_done(self, step: Step) -> None:
        self._fill(step, {"state": "answered"})

    def _take_choice(self, step: Step, understood: Understood = reading.choice) -> None:
        found = understood(self.turn, step)
        if found is None and step.insist and self._once_more(step):
            return
        if (found, step.name) == ("nothing", "tone"):
            self._say("nothing")
        self._fill(step, {"state": "answered", **self._words(), "value": found})

    def _take_tags(self, step: Step) -> None:
        found = reading.tags(self.turn, step) or None
        self._fill(step, {"state": "answered", **self._words(), "value": found})

    def _take_decision(self, step: Step) -> None:
        self._take_choice(step, reading.decision)

    def _take_number(self, step: Step) -> None:
        found = reading.amounts(self.turn, step)
        if not found and self._once_more(step):
            return
        # "6 or 7" is a 7: of two numbers the harder one counts.
        state = "answered" if found else "unknown"
        self._fill(step, {"state": state, **self._words(), "value": max(found, default=None)})

    _take_hours_ago = _take_number

    def _take_sharing(self, step: Step) -> None:
        found = reading.sharing(self.turn)
        if found is None and self._once_more(step):
            return
        self._fill(step, {"state": "answered", "value": found or "undecided"})

    def _take_recap(self, step: Step) -> None:
        nothing_missing = self.turn.intent in ("affirm", "deny", "nothing_happened")
        if nothing_missing and (self.turn.kind == "choice" or len(self.turn.text.split()) <= 5):
            self._fill(step, {"state": "skipped"})
        else:
            self._fill(step, {"state": "answered", **self._words()})

    def _take_which(self, step: Step) -> None:
        named = reading.choice(self.turn, step)
        if named not in self.answers:
            # Not one of the answers: the words themselves are the correction.
            self.answers["recap"] = {"state": "answered", **self._words()}
            self._saved()
            return
        for name in (str(named), "recap", step.name):
            self._forget(name)
        self._saved()

    # ---- Asking ----

    def _ask_next(self) -> None:
        waiting = (s for s in self.flow.steps if s.name not in self.answers)
        self.next = next((s for s in waiting if s.wanted(self.answers, self._context())), None)
        if self.next is None:
            self._end("finished")
        else:
            self._ask(self.next)

    def _context(self) -> dict[str, Any]:
        """The turn's context, with no more known than when the dialogue began."""
        known = self.turn.context.get("known") or {}
        knew = self.state.get("knew", list(known))
        return {**self.turn.context, "known": {n: v for n, v in known.items() if n in knew}}

    def _ask(self, step: Step) -> None:
        for item in step.first:
            say(self.dispatcher, self.turn, item)
        words = reading.quotes(step, self.answers)
        if step.takes == "recap":
            self._say("recap", words=words) if words else self._say("recap_empty")
        elif words and self._own(f"{step.name}_words"):
            self._say(f"{step.name}_words", words=words)
        elif step.by and (chosen := (self.answers.get(step.by) or {}).get("value")):
            self._say(f"{step.name}_{chosen}")
        else:
            self._say(step.name)

    def _again(self, step: Step, after_question: bool = False) -> None:
        """Ask the same question in its short form, unless another one was just asked."""
        self.next = step
        asked = [m["content"]["content"] for m in self.dispatcher.messages if m.get("content")]
        if after_question and asked and asked[-1].startswith(("safety.", "measure.")):
            return
        if self._own(f"{step.name}_again"):
            self._say(f"{step.name}_again")
        else:
            self._ask(step)

    def _own(self, name: str) -> bool:
        """Whether there is such a sentence, this dialogue's or everybody's."""
        return self._item(name) in self.turn.registry

    def _item(self, name: str) -> str:
        own = f"{self.flow.name}.{name}"
        return own if own in self.turn.registry else f"{COMMON}.{name}"

    def _say(self, name: str, **values: str) -> None:
        say(self.dispatcher, self.turn, self._item(name), **values)
