"""The guided reflection after an infusion, as a form.

``STEPS`` (reflection_steps.py) is the reflection: one line a question. The form walks it, and every
answer is a slot holding ``{"state", "text", "value"}``. A question is asked while its slot is empty
and its ``when`` holds, so skipping, going back, resuming and the branch for "nothing happened" need
no code of their own. Sentences are in data/content/en/reflection.yml, as ``reflection.<step>``.
"""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import conversation, quiet
from actions.reflection_steps import (
    ASKING,
    BY_NAME,
    CHECKED,
    COMMAND_WORDS,
    COMMANDS,
    FAST_SECONDS,
    KEEP_PRIVATE,
    MAX_TEXT,
    MORE,
    NUMBER,
    NUMBERS,
    QUESTION_WORDS,
    QUESTIONS,
    RECAP,
    SHARE,
    SLASHED,
    STARTS,
    STEPS,
    STORY,
    SURE,
    TONES,
    WHICH,
    Answer,
    Step,
    value,
)
from actions.turn import note, read, say, task


class ValidateReflection(FormValidationAction):
    """Takes each turn while the form runs: an answer, a command, or a question in the middle."""

    def name(self) -> str:
        return "validate_reflection_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        reflection = Reflection(dispatcher, tracker)
        requested = tracker.slots.get("requested_slot")
        if requested is None:
            reflection.begin()
        else:
            reflection.take(BY_NAME[requested.removeprefix("reflection_")])
        return reflection.events()


class CloseReflection(Action):
    """The form is over: finished, stopped, or it was never wanted."""

    def name(self) -> str:
        return "action_reflection_close"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        reflection = Reflection(dispatcher, tracker)
        reflection.close()
        return reflection.events(form=False)


class Reflection:
    """One turn's work on the entry: reads the slots, changes them, says what comes next."""

    def __init__(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
        self.dispatcher = dispatcher
        self.turn = read(tracker)
        slots = {name: tracker.slots.get(f"reflection_{name}") for name in BY_NAME}
        self.answers: dict[str, Answer] = {name: slot for name, slot in slots.items() if slot}
        self.about: dict[str, Any] = dict(tracker.slots.get("reflection_about") or {})
        self.tracker = tracker
        self.next: Step | None = None

    # ---- What the form is told ----

    def events(self, form: bool = True) -> list[dict[str, Any]]:
        """Slot changes; ``about`` always, since a form without any slot set is rejected by Rasa."""
        self.about["answers"] = len(self.answers)
        changed = [
            SlotSet(f"reflection_{name}", self.answers.get(name))
            for name in BY_NAME
            if self.answers.get(name) != self.tracker.slots.get(f"reflection_{name}")
        ]
        changed.append(SlotSet("reflection_about", self.about if self.about.get("key") else {}))
        if form:
            requested = f"reflection_{self.next.name}" if self.next else None
            changed.append(SlotSet("requested_slot", requested))
        return changed

    # ---- Beginning and ending ----

    def begin(self) -> None:
        """Start, go on, or decline: a yes starts it only where it was offered."""
        turn = self.turn
        if turn.stage in quiet.STAGES:
            quiet.speak(self.dispatcher, turn)
        elif turn.intent not in STARTS and turn.asked not in conversation.OFFERS:
            conversation.affirmed(self.dispatcher, turn)
        elif not conversation.had_infusion(turn):
            self._say("not_yet")
        else:
            fresh = turn.intent == "start_fresh" or not conversation.unfinished(turn, self.tracker)
            if fresh:
                self._clear()
            self._say("start" if fresh else "go_on")
            self._ask_next()

    def close(self) -> None:
        """Say how it ended; a finished entry is handed over and the slots are emptied."""
        end = self.about.pop("end", None)
        if end == "stopped":
            self._say("stopped")
        elif end == "finished":
            sharing = value(self.answers, "sharing") or "undecided"
            self._record("complete", sharing)
            self._say(f"closed_{sharing}")
            self.answers, self.about = {}, {}

    def _clear(self) -> None:
        self.answers = {}
        self.about = {
            "key": f"reflection-{self.turn.id}",
            "stage": self.turn.stage,
            "infusion_number": self.turn.context["infusion_number"],
        }

    def _end(self, how: str) -> None:
        self.about["end"] = how
        self.next = None

    # ---- A turn while a question is open ----

    def take(self, step: Step) -> None:
        """An answer to ``step``, a command, or a question in the middle."""
        turn = self.turn
        if turn.stage in quiet.STAGES:
            quiet.speak(self.dispatcher, turn)
            return
        if turn.kind == "open":
            self._came_back(step)
            return
        command = self._command(step)
        if command is None:
            self._answer(step)
        elif turn.asked in conversation.HUMAN_QUESTIONS and command in ("skip", "deny"):
            self._again(step)
        else:
            self._obey(command, step)

    def _command(self, step: Step) -> str | None:
        """The command this turn gives, None when it is an answer."""
        turn = self.turn
        if turn.kind == "choice":
            return None if turn.intent in ("tell", "affirm", "deny") else turn.intent
        if not turn.text:
            return "empty"
        if turn.intent in ("skip", "deny") and turn.asked in conversation.HUMAN_QUESTIONS:
            return turn.intent
        if turn.intent not in COMMANDS or turn.confidence < SURE or SLASHED.match(turn.text):
            return None
        words = len(turn.text.split())
        if turn.intent in QUESTIONS:
            asking = words <= QUESTION_WORDS and ASKING.search(turn.text)
            return turn.intent if asking or words <= 4 else None
        if words > COMMAND_WORDS or STORY.search(turn.text):
            return None
        if turn.intent == "nothing_happened":
            return turn.intent if step.may_be_nothing else None
        if turn.intent in ("greet", "thanks", "goodbye") and step.any_words:
            return None
        return turn.intent

    def _obey(self, command: str, step: Step) -> None:
        if command == "skip":
            # A longer line may hold more than the wish to skip: its words are kept.
            said_more = self.turn.kind == "text" and len(self.turn.text.split()) > 4
            self._fill(step, {"state": "skipped", **(self._words() if said_more else {})})
        elif command == "dont_know":
            self._say("not_knowing")
            self._fill(step, {"state": "unknown", **self._words()})
        elif command == "nothing_happened":
            self._nothing_came(step)
        elif command in ("stop_for_now", "goodbye"):
            self._end("stopped")
        elif command == "go_back_correct":
            self._go_back(step)
        elif command == "talk_to_human":
            self._human(step)
        elif command in QUESTIONS:
            conversation.answer_question(self.dispatcher, self.turn, briefly=True)
            self._again(step, after_question=True)
        elif command == "start_fresh":
            self._clear()
            self._say("start")
            self._ask_next()
        else:
            # Empty, hello, thanks, start, go on: the question still stands.
            self._again(step)

    def _came_back(self, step: Step) -> None:
        self.next = step
        if not conversation.was_away(self.turn):
            return
        if conversation.unfinished(self.turn, self.tracker):
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
        self._check_in()
        if step.name != "tone":
            self.answers[step.name] = {"state": "answered", **self._words()}
        self._saved()

    def _go_back(self, step: Step) -> None:
        if step.name == "recap":
            self.answers["recap"] = {"state": "skipped", "value": "change"}
            self._ask_next()
            return
        earlier = [s for s in self._wanted() if s.name in self.answers and s.name != "which"]
        earlier = [s for s in earlier if STEPS.index(s) < STEPS.index(step)]
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
        if self._carries_on(step):
            last = self.answers[self.about["last"]]
            last["text"] = f"{last['text']}\n{self.turn.text}"[:MAX_TEXT]
            self._say("added")
            self._record("draft", "undecided")
            self._again(step)
            return
        getattr(self, f"_take_{step.takes}")(step)

    def _carries_on(self, step: Step) -> bool:
        """Whether this line belongs to the answer before it, as when three come in a row."""
        turn, last = self.turn, self.about.get("last")
        if turn.kind != "text" or last not in self.answers or "text" not in self.answers[last]:
            return False
        if step.takes == "number" and NUMBER.search(turn.text):
            return False
        seconds = turn.seconds_since_before
        return bool(MORE.match(turn.text)) or (seconds is not None and 0 < seconds < FAST_SECONDS)

    def _words(self) -> Answer:
        return {"text": self.turn.text[:MAX_TEXT]} if self.turn.text else {}

    def _fill(self, step: Step, answer: Answer) -> None:
        self.answers[step.name] = answer
        typed = self.turn.kind == "text" and answer.get("text") and step.takes == "words"
        self.about["last"] = step.name if typed else None
        if step.name in CHECKED:
            self._check_in()
        self._saved()

    def _take_words(self, step: Step) -> None:
        self._fill(step, {"state": "answered", **self._words()})

    def _take_body(self, step: Step) -> None:
        found = self.turn.payload.get("value")
        self._fill(step, {"state": "answered", **self._words(), "value": found})

    def _take_tone(self, step: Step) -> None:
        text = self.turn.text
        found = self.turn.payload.get("value") or next(
            (tone for tone, words in TONES if re.search(words, text, re.I)), None
        )
        if found == "nothing":
            self._say("nothing")
        self._fill(step, {"state": "answered", **self._words(), "value": found})

    def _take_number(self, step: Step) -> None:
        found = NUMBER.findall(self.turn.text)
        if not found and self.about.get("asked_twice") != step.name:
            self.about["asked_twice"] = step.name
            self._again(step)
            return
        # "6 or 7" is a 7: of two numbers the harder one counts.
        numbers = [int(digit) if digit else NUMBERS.index(word.lower()) for digit, word in found]
        numbers = [number for number in numbers if number <= 10]
        state = "answered" if numbers else "unknown"
        self._fill(step, {"state": state, **self._words(), "value": max(numbers, default=None)})

    def _take_offer(self, step: Step) -> None:
        if self.turn.intent == "affirm":
            task(self.dispatcher, self.turn, "human_request", "urgent")
            say(self.dispatcher, self.turn, "conversation.human_urgent")
        self._fill(step, {"state": "answered", **self._words()})

    def _take_recap(self, step: Step) -> None:
        nothing_missing = self.turn.intent in ("affirm", "deny", "nothing_happened")
        if nothing_missing and (self.turn.kind == "choice" or len(self.turn.text.split()) <= 5):
            self._fill(step, {"state": "skipped"})
        else:
            self._fill(step, {"state": "answered", **self._words()})

    def _take_which(self, step: Step) -> None:
        named = self.turn.payload.get("value") or next(
            (name for name, words in WHICH.items() if re.search(words, self.turn.text, re.I)), None
        )
        if named not in self.answers:
            # Not one of the answers: the words themselves are the correction.
            self.answers["recap"] = {"state": "answered", **self._words()}
            self._saved()
            return
        for name in (named, "recap", "which"):
            self._forget(name)
        self._saved()

    def _take_sharing(self, step: Step) -> None:
        found = self.turn.payload.get("value")
        if found is None and KEEP_PRIVATE.search(self.turn.text):
            found = "private"
        elif found is None and SHARE.search(self.turn.text):
            found = "shared"
        if found not in ("private", "shared") and self.about.get("asked_twice") != step.name:
            self.about["asked_twice"] = step.name
            self._again(step)
            return
        self._fill(step, {"state": "answered", "value": found or "undecided"})

    # ---- Asking ----

    def _wanted(self) -> list[Step]:
        return [step for step in STEPS if step.when(self.answers, self.turn)]

    def _saved(self) -> None:
        self._record("draft", "undecided")
        self._ask_next()

    def _ask_next(self) -> None:
        self.next = next((s for s in self._wanted() if s.name not in self.answers), None)
        if self.next is None:
            self._end("finished")
            return
        if self.next.name == "after":
            self._say("ground_first")
            say(self.dispatcher, self.turn, "conversation.grounding_script")
        self._ask(self.next)

    def _ask(self, step: Step) -> None:
        if step.name == "pointing" and (words := self._quotes(("stayed", "image"), 1)):
            self._say("pointing_words", words=words)
        elif step.name == "recap" and (words := self._quotes(RECAP, 5)):
            self._say("recap", words=words)
        elif step.name == "recap":
            self._say("recap_empty")
        else:
            self._say(step.name)

    def _again(self, step: Step, after_question: bool = False) -> None:
        """Ask the same question in its short form, unless another one was just asked."""
        self.next = step
        asked = [m["content"]["content"] for m in self.dispatcher.messages if m.get("content")]
        if after_question and asked and asked[-1].startswith(("safety.", "measure.")):
            return
        self._say(f"{step.name}_again")

    def _quotes(self, names: tuple[str, ...], most: int) -> str:
        """At most six of the patient's own words an answer, in quotation marks."""
        texts = [
            self.answers[name]["text"]
            for name in names
            if self.answers.get(name, {}).get("state") == "answered"
            and self.answers[name].get("text")
        ]
        return ", ".join(f"“{quote(text)}”" for text in texts[:most])

    def _say(self, name: str, **values: str) -> None:
        say(self.dispatcher, self.turn, f"reflection.{name}", **values)

    # ---- Records ----

    def _record(self, state: str, sharing: str) -> None:
        parts = [
            {
                "prompt": f"reflection.{step.name}",
                "state": answer["state"],
                **({"text": answer["text"]} if answer.get("text") else {}),
            }
            for step in STEPS
            if step.kept and (answer := self.answers.get(step.name)) and "from" not in answer
        ]
        entry = {
            "state": state,
            "sharing": sharing,
            "stage": self.about["stage"],
            "infusion_number": self.about["infusion_number"],
            "parts": parts,
        }
        note(self.dispatcher, "journal_entry", self.about["key"], entry)

    def _check_in(self) -> None:
        found: dict[str, Any] = {}
        # Codes and numbers only: the words are the entry's, and stay private with it.
        for name in ("body", "distress", "tone"):
            if value(self.answers, name) is not None:
                found[name] = value(self.answers, name)
        if found:
            note(self.dispatcher, "check_in", f"checkin-{self.about['key']}", found)
        if value(self.answers, "after") is not None:
            after = {"distress": value(self.answers, "after")}
            note(self.dispatcher, "check_in", f"checkin-after-{self.about['key']}", after)


def quote(text: str, words: int = 6, characters: int = 60) -> str:
    """The first words of a text, on one line."""
    kept = " ".join(text.split()[:words])[:characters].strip()
    return kept if kept == " ".join(text.split()) else f"{kept}…"
