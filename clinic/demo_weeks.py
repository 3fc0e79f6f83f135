"""Weeks of a made-up clinic, the same for the same seed: to try pages, console and benches on.

Everything goes the way it goes in earnest (intake, journal, measures, alerts), on a clock moved by
hand from the past until now; only the companion's side is read from the registry, one question
after the other. Nobody in it exists, and its words are ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot import measures
from bot.content import question
from clinic import demo, infusions, people
from clinic.clock import ManualClock
from clinic.console.sign_in import setting_up
from clinic.conversation import delivery, intake, learned
from clinic.escalation import machine
from clinic.journal import entries, prompts, steps
from clinic.patient import access
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Conversation, Message, Patient, Staff
from clinic.settings import Settings
from clinic.system import System, assemble
from clinic.touches import deliver

SERIES = 6
_FIRST = "Ada Ben Cleo Dov Elin Femi Gus Hana Ivo June Kai Lena Milo Nia Otto Pia Ravi Sol Tess"
_LAST = "Ash Brook Cole Dale Elm Finch Gray Hale Iris Jay Kerr Lane Moss North Oakes Penn Reed"
_THERAPISTS = 6
_ROOM = ("support", "light", "sound", "privacy")
_REFLECTION = ("body", "image", "stayed", "expected", "tone", "pointing")
#: Ordinary answers, and the few words that call somebody.
_WORDS = (
    "A bit heavy, but all right.",
    "Warm water and a lot of light.",
    "My brother was there. We did not talk.",
    "It was quieter than the last time.",
    "I do not know yet.",
    "Tired. I slept most of the afternoon.",
    "I kept thinking of the garden at my grandmother's house.",
    "Nothing much, to be honest.",
    "It felt as if I could put something down for a while.",
    "I went for a walk and it was easier to breathe.",
    "I was scared at first, then it let go of me.",
    "The music carried me.",
)
_PAGES = (
    "I called my sister today. We talked for an hour, which we have not done in years.",
    "Woke early. Coffee on the steps. The old thought came by and did not stay.",
    "What I want to keep: I can stop for a moment before I answer.",
    "Small step: ten minutes outside after lunch. Did it on three days of five.",
    "A hard morning. I lay down again and that was all right.",
    "The picture with the door came back. I would like to show it to my therapist.",
)
_INTENTIONS = (
    "To let it be what it is.",
    "To look at my father's house once more.",
    "To be kinder to myself in the mornings.",
)
_STEPS = ("Ten minutes outside after lunch.", "Call my sister on Sunday.", "Phone away at ten.")
_DECISIONS = ("Whether to change my hours at work.", "Whether to sell the car.")
_WINS = ("I cooked twice this week.", "I said no, and it was all right.")
_QUESTIONS = ("May I bring my own music?", "How long should I rest afterwards?")
#: How the companion comes by itself, at any stage.
_GREETING = "conversation.greet_between"
_RISK = ("I do not want to be here any more.", "Everyone would be better off without me.")


@dataclass(frozen=True)
class Event:
    """Something that happens to a patient then."""

    at: datetime
    happens: Callable[[], object]


def make(settings: Settings, now: datetime, patients: int, weeks: int, seed: int) -> int:
    """Fill an empty database. Returns how many messages there are then.

    Raises NotPossibleError when a clinic is there already."""
    clock = ManualClock(now - timedelta(weeks=weeks))
    # Nobody waits for it, and a busy machine must not make another clinic of it.
    unhurried = dataclasses.replace(settings, screen_deadline=60)
    system = assemble(unhurried, clock)
    system.database.migrate()
    with system.database.read() as session:
        if session.get(Clinic, 1) is not None:
            raise NotPossibleError("There is a clinic already. Choose an empty AFTERGLOW_HOME.")
    demo.ensure(system)
    team = _team(system)
    lives = [_Life(system, team, _drawn(seed, n), n) for n in range(patients)]
    events = sorted((e for life in lives for e in life.events(weeks)), key=lambda event: event.at)
    for event in events:
        if event.at < now:
            clock.advance(event.at - clock.now())
            _visit(system)
            event.happens()
    with system.database.read() as session:
        made = session.query(Message).count()
    system.database.close()
    return made


def _visit(system: System) -> None:
    """What is due comes by itself and greets; what was answered or missed is closed."""
    if not deliver.deliver_due(system):
        return
    with system.database.write() as session:
        opened = (Message.kind == "open") & (Message.turn == "waiting")
        for held in session.scalars(select(Message.conversation_id).where(opened)).all():
            conversation = delivery.locked(session, held)
            _answer(session, conversation)
            delivery.say(system, session, conversation, _GREETING)


def _drawn(seed: int, number: int) -> Random:
    return Random(f"{seed}/{number}")  # noqa: S311 - made-up people, not keys


def _team(system: System) -> list[Staff]:
    """More therapists beside the demo clinic's own two; the last one is on call."""
    with system.database.write() as session:
        for number in range(1, _THERAPISTS):
            email = f"therapist{number}@harbor.invalid"
            setting_up.create_staff(
                system, session, f"Therapist {number}", "Therapist", email, ["therapist"]
            )
    with system.database.read() as session:
        team = session.scalars(select(Staff).order_by(Staff.created_at, Staff.name)).all()
        return sorted(team, key=lambda one: "on_call" in one.roles)


class _Life:
    """One patient's weeks, drawn from a generator of their own."""

    def __init__(self, system: System, team: list[Staff], draw: Random, number: int) -> None:
        self._system, self._team, self._draw, self._number = system, team, draw, number
        self._zone = ZoneInfo(demo.ZONE)
        #: How strongly low mood shows, 0 to 3; it moves a little from week to week.
        self._low = draw.uniform(1.2, 2.6)
        self._helps = draw.choice((0.0, 0.05, 0.12, 0.2))
        self._keys = 0
        self._patient: Patient
        self._conversation: Conversation

    def events(self, weeks: int) -> Iterator[Event]:
        start = self._system.clock.now() + timedelta(days=self._draw.uniform(0, weeks * 7 * 0.6))
        yield Event(start, self._begin)
        day = start + timedelta(days=self._draw.randint(2, 6))
        for number in range(1, SERIES + weeks // 4 + 1):
            morning = self._hour(day, self._draw.randint(9, 14))
            yield from self._around(morning, number)
            gap = self._draw.choice((3, 4)) if number < SERIES else self._draw.randint(21, 35)
            day += timedelta(days=gap)
        for fortnight in range(weeks // 2):
            asked = self._hour(start + timedelta(days=1 + 14 * fortnight), 19)
            yield Event(asked, self._measure)

    def _around(self, start: datetime, number: int) -> Iterator[Event]:
        end = start + timedelta(minutes=self._draw.randint(40, 55))
        yield Event(start - timedelta(hours=2), lambda: self._morning(number))
        yield Event(end, lambda: self._infused(start, end, number))
        if self._draw.random() < 0.75:
            next_day = end + timedelta(hours=self._draw.uniform(20, 23))
            yield Event(next_day, lambda: self._looked_back(number))
        if self._draw.random() < 0.5:
            yield Event(end + timedelta(hours=self._draw.uniform(48, 60)), self._steps)
        evening = end + timedelta(hours=self._draw.uniform(3.2, 6))
        yield Event(evening, lambda: self._talk(_REFLECTION[:2]))
        for hours in (24, 46, 74):
            if self._draw.random() < 0.7:
                at = end + timedelta(hours=hours + self._draw.uniform(-2, 6))
                yield Event(at, lambda: self._talk(_REFLECTION))
            if self._draw.random() < 0.4:
                at = end + timedelta(hours=hours + self._draw.uniform(3, 9))
                yield Event(at, self._write)
        if self._draw.random() < 0.02:
            at = end + timedelta(hours=self._draw.uniform(20, 90))
            yield Event(at, self._worry)
            yield Event(at + timedelta(minutes=self._draw.uniform(2, 25)), self._answered)

    def _hour(self, day: datetime, hour: int) -> datetime:
        return day.astimezone(self._zone).replace(hour=hour, minute=self._draw.randint(0, 59))

    # What happens.

    def _begin(self) -> None:
        first, last = self._draw.choice(_FIRST.split()), self._draw.choice(_LAST.split())
        with self._system.database.write() as session:
            self._patient = people.add_patient(
                self._system, session, f"{first} {last}", demo.ZONE, f"+1 555 01{self._number:03}"
            )
            therapist = self._team[self._number % _THERAPISTS]
            people.relate(self._system, session, self._patient, therapist, "therapist")
            token = access.invite(self._system, session, self._patient.id)
        admission = access.admit(self._system, token, remember=True)
        if admission is None:
            raise NotPossibleError("An invitation did not work.")
        with self._system.database.read() as session:
            self._conversation = session.get_one(Conversation, admission.conversation_id)

    def _infused(self, start: datetime, end: datetime, number: int) -> None:
        self._low = max(0.0, self._low - self._helps)
        with self._system.database.write() as session:
            patient = session.get_one(Patient, self._patient.id)
            booster = number > SERIES
            details = {"dose_mg_per_kg": 0.5, "route": "iv", "systolic": 118, "diastolic": 76}
            infusions.record(
                self._system, session, patient, start, end, booster=booster, details=details
            )

    def _morning(self, number: int) -> None:
        """Before one: an intention, and how the day began."""
        draw = self._draw
        self._say("intention.sentence")
        wish = draw.choice(_INTENTIONS)
        self._keep(self._receive(wish), "intention", f"intention-{number}", {"text": wish})
        slept = draw.randint(4, 9)
        self._say("day_of.sleep")
        heard = self._receive(str(slept))
        day = {
            "mood": max(-4, min(4, round(draw.gauss(2 - 2 * self._low, 1)))),
            "worry": draw.randint(1, 8),
            "openness": draw.randint(3, 9),
            "readiness": draw.randint(4, 9),
            "sleep_hours": slept,
            "drinking": draw.choice(("low", "ok", "good")),
            "day_load": draw.choice(("light", "ok", "heavy")),
        }
        self._keep(heard, "check_in", f"morning-{number}", day)
        if draw.random() < 0.2:
            self._keep(
                heard, "team_question", f"question-{number}", {"text": draw.choice(_QUESTIONS)}
            )
        self._settle()

    def _looked_back(self, number: int) -> None:
        """The day after: what it was like, the room, and what is still felt of it."""
        draw = self._draw
        strong = draw.randint(2, 9)
        self._say("session.intensity")
        heard = self._receive(str(strong))
        day = {
            "intensity": strong,
            "insight": draw.randint(0, 8),
            "allowing": draw.randint(2, 9),
            "tone": draw.choice(("hard", "mixed", "peaceful", "peaceful", "nothing")),
            **{name: draw.choice(("good", "good", "mixed")) for name in _ROOM},
            "music_helped": draw.randint(3, 10),
            "fog": draw.choice((0, 0, 0, 1)),
            "body": draw.choice(("fine", "fine", "tired")),
        }
        self._keep(heard, "check_in", f"after-{number}", day)
        self._settle()

    def _steps(self) -> None:
        """What a patient makes of it, on the page of steps."""
        kinds = {"small_step": _STEPS, "parked_decision": _DECISIONS, "win": _WINS}
        for kind, share in (("small_step", 0.8), ("parked_decision", 0.2), ("win", 0.4)):
            if self._draw.random() < share:
                words = self._draw.choice(kinds[kind])
                steps.write(self._system, self._conversation, kind, words, self._key())
        with self._system.database.write() as session:
            held = steps.Steps(self._system, session, self._patient.id)
            for one in held.of("small_step")[1:]:
                if one.state is None:
                    held.settle(one.id, self._draw.choice(steps.STATES["small_step"]))
            held.spent(self._draw.choice((10, 20, 30)), self._draw.choice(steps.KINDS_OF_PRACTICE))
        self._settle()

    def _keep(self, heard: str, kind: str, key: str, data: dict[str, Any]) -> None:
        """As the dialogue would have learned it from that message."""
        with self._system.database.write() as session:
            message = session.get_one(Message, heard)
            learned.keep_record(
                self._system,
                session,
                delivery.locked(session, self._conversation.id),
                message,
                {"kind": kind, "key": key, "data": data},
            )

    def _talk(self, asked: tuple[str, ...]) -> None:
        for step in asked[: self._draw.randint(1, len(asked))]:
            self._say(f"reflection.{step}")
            self._receive(self._draw.choice(_WORDS))
        self._settle()

    def _write(self) -> None:
        bank = prompts.load().prompts
        entries.write(
            self._system,
            self._conversation,
            self._draw.choice([entries.BLANK, self._draw.choice(bank).content]),
            self._draw.choice(_PAGES),
            self._draw.choice(entries.SHARINGS),
            self._draw.choice(("", "", "sleep", "family", "step")),
            self._key(),
        )
        self._settle()

    def _measure(self) -> None:
        for item in measures.measures()["phq9"].items:
            # The last item asks at once and calls; danger here comes by words alone.
            value = min(3, max(0, round(self._draw.gauss(self._low, 0.6)))) if item.id != "9" else 0
            asked = self._say(question("phq9", item.id))
            intake.receive_choice(
                self._system, self._conversation.id, asked.id, str(value), self._key()
            )
        self._settle()

    def _worry(self) -> None:
        self._receive(self._draw.choice(_RISK))
        self._settle()

    def _answered(self) -> None:
        """Whoever is on call takes the alert and records an outcome."""
        nurse = self._team[-1]
        with self._system.database.write() as session:
            alert = machine.running_for(session, self._patient.id)
            if alert is None:
                return
            machine.acknowledge(self._system, session, alert.id, nurse)
            machine.resolve(
                self._system, session, alert.id, nurse, "spoke_safe", "Called back. Made up."
            )

    def _receive(self, words: str) -> str:
        """The id of the message."""
        taken = intake.receive_text(self._system, self._conversation.id, words, self._key())
        return str(taken.message["id"])

    def _say(self, content: str) -> Message:
        with self._system.database.write() as session:
            conversation = delivery.locked(session, self._conversation.id)
            _answer(session, conversation)
            return delivery.say(self._system, session, conversation, content)

    def _settle(self) -> None:
        """The companion's turn is over: nothing waits."""
        with self._system.database.write() as session:
            _answer(session, delivery.locked(session, self._conversation.id))

    def _key(self) -> str:
        self._keys += 1
        return f"made-{self._number}-{self._keys}"


def _answer(session: Session, conversation: Conversation) -> None:
    waits = (Message.conversation_id == conversation.id) & (Message.turn == "waiting")
    session.execute(update(Message).where(waits).values(turn="answered"))
