"""The companion comes by itself in the days after an infusion: once, in time, and never unasked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from clinic import clinic_settings, infusions
from clinic.conversation import handoff
from clinic.escalation.engine import Engine
from clinic.records.models import Message, Patient, Record, Touch
from clinic.touches import plan
from tests.behaviour.conftest import Edge, open_edge
from tests.behaviour.peer import Peer, says
from tests.builders import World
from tests.desk import Browser

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
#: A Wednesday, 15:30 in New York, where the patient lives.
ENDED = datetime(2026, 3, 11, 19, 30, tzinfo=UTC)


@dataclass
class Window:
    """A patient whose first infusion has just ended, with the edge and the engine around them."""

    edge: Edge

    @property
    def world(self) -> World:
        return self.edge.world

    def pass_time(self, span: timedelta, step: timedelta = 30 * MINUTE) -> None:
        """The engine looks every half hour, and the companion answers what waits."""
        end = self.world.clock.now() + span
        while self.world.clock.now() < end:
            self.world.clock.advance(min(step, end - self.world.clock.now()))
            self.look()

    def look(self) -> None:
        Engine(self.world.system).cycle()
        portal, app = self.edge.client.portal, self.edge.client.app
        assert portal is not None
        portal.call(app.state.turns.wake, self.edge.conversation)  # type: ignore[attr-defined]
        self.edge.settle()

    def act(self, action: Any, *values: Any) -> Any:
        with self.world.system.database.write() as session:
            patient = session.get_one(Patient, self.edge.patient.id)
            return action(self.world.system, session, patient, *values)

    def touch(self, kind: str) -> Touch:
        with self.world.system.database.read() as session:
            found = select(Touch).where(Touch.kind == kind).order_by(Touch.due_at.desc())
            return session.scalars(found).first()

    def move(self, kind: str, action: Any, *values: Any) -> None:
        with self.world.system.database.write() as session:
            patient = session.get_one(Patient, self.edge.patient.id)
            touch = session.get_one(Touch, self.touch(kind).id)
            action(self.world.system, session, patient, touch, *values)

    def states(self) -> dict[str, str]:
        with self.world.system.database.read() as session:
            rows = plan.of(session, session.get_one(Patient, self.edge.patient.id))
            return {
                touch.kind: touch.state + (f": {touch.reason}" if touch.reason else "")
                for touch in rows
            }

    def came(self) -> list[str]:
        """When the companion came, by the patient's clock, and was heard."""
        with self.world.system.database.read() as session:
            opens = session.scalars(
                select(Message)
                .where(Message.kind == "open", Message.turn == "answered")
                .order_by(Message.seq)
            ).all()
            return [f"{m.created_at.astimezone(NEW_YORK):%a %H:%M}" for m in opens]


def at(world: World, moment: datetime) -> None:
    world.clock.advance(moment - world.clock.now())


#: What comes every two weeks, and then every four.
LATER = {f"week_{n}": "pending" for n in (2, 4, 6, 8, 12, 16)}


@pytest.fixture
def window(tmp_path: Path, peer: Peer) -> Iterator[Window]:
    world = World.make(tmp_path, assistant_url=peer.url, turn_deadline=2.0)
    at(world, ENDED)
    peer.act = lambda turn: says(turn, "conversation.greet_day")
    with open_edge(world, peer, hours_ago=0, touches=True) as edge:
        yield Window(edge)
    world.system.database.close()


def test_a_quiet_patient_is_visited_once_at_each_time_of_the_window(window: Window) -> None:
    window.pass_time(8 * DAY, step=HOUR)
    assert window.came() == [
        "Wed 17:30",
        # Never two at a time: it waited until the first one's time was over.
        "Wed 20:30",
        "Thu 10:30",
        "Fri 10:30",
        "Sat 15:30",
        "Sun 10:30",
        "Mon 10:30",
        "Wed 10:30",
    ]
    assert window.states() == {
        "rest": "missed: not_answered",
        "evening": "missed: not_answered",
        "day_1": "missed: not_answered",
        "day_2": "missed: not_answered",
        "day_3": "missed: not_answered",
        "day_4": "missed: not_answered",
        "day_5": "missed: not_answered",
        "week_1": "missed: not_answered",
        **LATER,
    }


def test_the_assistant_is_told_that_it_comes_by_itself(window: Window) -> None:
    """Somebody who wrote an hour ago is not greeted for a look at the page, and is for a touch."""
    window.pass_time(3 * HOUR)
    visit = window.edge.peer.turns[-1]
    assert visit["message"]["kind"] == "open"
    assert visit["context"]["by_itself"] is True
    window.edge.say("hello")
    assert window.edge.peer.turns[-1]["context"]["by_itself"] is False


def test_an_answer_makes_room_for_the_next(window: Window) -> None:
    window.pass_time(2 * HOUR)
    window.edge.say("tired, but all right")
    window.pass_time(HOUR)
    assert window.came() == ["Wed 17:30", "Wed 18:30"]
    assert window.states()["rest"] == "answered"


def test_the_companion_comes_as_an_ordinary_turn(window: Window) -> None:
    window.pass_time(2 * HOUR)
    turn = window.edge.peer.turns[-1]
    assert turn["message"] == {"kind": "open", "text": ""}
    assert turn["context"]["stage"] == "evening"
    assert window.edge.contents() == ["conversation.greet_day"]


def test_looking_in_soon_after_brings_no_second_greeting(window: Window) -> None:
    window.pass_time(2 * HOUR)
    window.edge.client.post("/api/opened")
    window.edge.settle()
    assert window.edge.contents() == ["conversation.greet_day"]


def test_looking_in_hours_after_a_visit_brings_no_second_greeting(window: Window) -> None:
    window.pass_time(19 * HOUR, step=HOUR)
    before = window.edge.contents()
    window.world.clock.advance(5 * HOUR)
    window.edge.client.post("/api/opened")
    window.edge.settle()
    assert window.edge.contents() == before


def test_who_came_by_themselves_is_not_visited_as_well(window: Window) -> None:
    at(window.world, ENDED + 18 * HOUR)
    window.edge.client.post("/api/opened")
    window.edge.settle()
    window.pass_time(2 * HOUR)
    assert window.came() == ["Thu 09:30"]
    assert window.states()["day_1"] == "open"
    window.edge.say("slept well")
    window.pass_time(HOUR)
    assert window.came() == ["Thu 09:30"]
    assert window.states()["day_1"] == "answered"


def test_after_an_outage_nothing_stale_comes(window: Window) -> None:
    window.pass_time(2 * HOUR)
    window.edge.say("fine")
    # Ten hours in which no engine ran, over the evening's time.
    window.world.clock.advance(10 * HOUR)
    window.pass_time(9 * HOUR)
    assert window.came() == ["Wed 17:30", "Thu 10:00"]
    assert window.states()["evening"] == "missed: quiet"


def test_a_clock_that_jumps_back_brings_nothing_twice(window: Window) -> None:
    window.pass_time(2 * HOUR)
    at(window.world, ENDED + HOUR)
    window.pass_time(2 * HOUR)
    assert len(window.edge.contents()) == 1


def test_nothing_comes_while_an_alert_is_open(window: Window) -> None:
    window.edge.say("I want to kill myself tonight")
    before = len(window.edge.shown())
    window.pass_time(5 * HOUR, step=HOUR)
    assert window.came() == []
    assert window.states()["rest"] == "missed: alert"
    said = [m["content"] for m in window.edge.shown()[before:] if m["author"] == "bot"]
    assert said == []


def test_nothing_comes_while_a_clinician_has_the_chat(window: Window) -> None:
    with window.world.system.database.write() as session:
        handoff.take(window.world.system, session, window.edge.conversation, window.edge.nurse)
    window.pass_time(10 * MINUTE)
    at(window.world, ENDED + 2 * HOUR)
    Engine(window.world.system)._touch()
    assert window.touch("rest").state == "pending"


def test_nobody_is_interrupted_in_the_middle_of_a_talk(window: Window) -> None:
    at(window.world, ENDED + 2 * HOUR - 10 * MINUTE)
    window.edge.say("we talked in the car")
    window.pass_time(10 * MINUTE)
    assert window.came() == []
    window.pass_time(10 * MINUTE)
    assert window.came() == ["Wed 17:40"]


def test_when_the_assistant_is_away_it_is_tried_again(window: Window) -> None:
    answer, window.edge.peer.act = window.edge.peer.act, lambda turn: 500
    window.pass_time(2 * HOUR)
    window.pass_time(MINUTE)
    assert window.edge.contents() == []
    assert window.touch("rest").state == "pending"
    window.edge.peer.act = answer
    window.pass_time(20 * MINUTE)
    assert window.edge.contents() == ["conversation.greet_day"]


def test_who_wants_no_visits_gets_none_and_may_change_their_mind(window: Window) -> None:
    window.act(plan.want, False)
    assert set(window.states().values()) == {"cancelled: stopped"}
    window.pass_time(DAY)
    assert window.came() == []
    window.act(plan.want, True)
    assert window.states()["rest"] == "missed: recorded_late"
    window.pass_time(DAY)
    assert window.came() == ["Thu 16:00", "Fri 10:00"]


def test_the_end_of_the_program_ends_them(window: Window) -> None:
    window.act(infusions.set_program, "ended")
    assert set(window.states().values()) == {"cancelled: program_ended"}


def test_the_patient_moves_postpones_and_skips(window: Window) -> None:
    window.move("day_1", plan.move, ENDED + timedelta(hours=23))
    window.move("rest", plan.skip)
    window.move("evening", plan.later)
    window.pass_time(DAY)
    assert window.came() == ["Wed 20:30", "Thu 14:30"]


@pytest.mark.parametrize("hours", [-1, 9, 15 * 24])
def test_a_time_that_is_past_at_night_or_too_far_is_refused(window: Window, hours: int) -> None:
    with pytest.raises(plan.NotMovedError):
        window.move("day_1", plan.move, ENDED + hours * HOUR)


def test_one_that_has_come_cannot_be_moved(window: Window) -> None:
    window.pass_time(2 * HOUR)
    with pytest.raises(plan.NotMovedError):
        window.move("rest", plan.later)


def test_travel_moves_what_goes_by_the_clock_on_the_wall_and_nothing_else(window: Window) -> None:
    before = {kind: window.touch(kind).due_at for kind in ("rest", "day_1", "day_2", "day_3")}
    window.move("day_2", plan.move, ENDED + 2 * DAY)
    window.act(infusions.travel, "Europe/Paris")
    assert window.touch("day_3").due_at == before["day_3"]
    # 10:00 in Paris is before the eighteen hours are over: it waits for them.
    assert window.touch("day_1").due_at == ENDED + 18 * HOUR
    assert window.touch("day_2").due_at == ENDED + 2 * DAY, "the patient has chosen this time"
    assert "rest" in before
    assert window.touch("rest").state == "missed", "half past eleven at night in Paris"


def test_the_next_infusion_ends_the_window_of_the_one_before(window: Window) -> None:
    window.pass_time(2 * DAY)
    start = window.world.clock.now()
    window.act(infusions.begin)
    window.pass_time(HOUR)
    window.act(infusions.record, start, window.world.clock.now())
    rows = window.states()
    assert rows["day_3"] == "pending"
    with window.world.system.database.read() as session:
        old = session.scalars(select(Touch).where(Touch.reason == "next_infusion")).all()
    assert sorted(touch.kind for touch in old) == sorted(
        ["day_3", "day_4", "day_5", "week_1", *LATER]
    )


def test_nothing_comes_during_the_next_infusion(window: Window) -> None:
    window.pass_time(DAY - 5 * HOUR)
    window.act(infusions.begin)
    window.pass_time(2 * HOUR)
    assert [time for time in window.came() if time.startswith("Thu")] == ["Thu 10:00"]


def test_an_infusion_recorded_days_later_brings_only_what_is_still_to_come(
    tmp_path: Path, peer: Peer
) -> None:
    world = World.make(tmp_path, assistant_url=peer.url)
    at(world, ENDED + 2 * DAY)
    patient = world.patient()
    world.infusion(patient, hours_ago=48)
    with world.system.database.read() as session:
        rows = plan.of(session, session.get_one(Patient, patient.id))
        states = {touch.kind: touch.reason or touch.state for touch in rows}
    assert states == {
        "rest": "recorded_late",
        "evening": "recorded_late",
        "day_1": "recorded_late",
        "day_2": "pending",
        "day_3": "pending",
        "day_4": "pending",
        "day_5": "pending",
        "week_1": "pending",
        **LATER,
    }
    world.system.database.close()


def test_a_patient_who_never_came_in_is_not_written_to(tmp_path: Path, peer: Peer) -> None:
    world = World.make(tmp_path, assistant_url=peer.url)
    at(world, ENDED)
    patient = world.patient()
    world.infusion(patient, hours_ago=0)
    at(world, ENDED + 6 * HOUR)
    Engine(world.system).cycle()
    with world.system.database.read() as session:
        assert session.scalars(select(Message)).all() == []
        rest = session.scalars(select(Touch).where(Touch.kind == "rest")).one()
    assert (rest.state, rest.reason) == ("missed", "never_came")
    world.system.database.close()


def test_nobody_under_18_is_visited_until_the_clinic_has_settled_it(window: Window) -> None:
    minor = {"task": "under_age", "urgency": "routine"}
    record = {"kind": "clinic_task", "key": "task-age", "data": minor}
    greet = window.edge.peer.act
    window.edge.peer.act = lambda turn: says(turn, "conversation.under_age", records=(record,))
    window.edge.say("i'm 16")
    window.edge.peer.act = greet
    window.pass_time(DAY, step=HOUR)
    assert window.came() == []
    assert window.states()["evening"] == "missed: under_age"
    with window.world.system.database.read() as session:
        task = session.scalars(select(Record).where(Record.kind == "clinic_task")).one()
    robin = Browser(window.world).sign_in(window.edge.therapist)
    robin.get(f"/console/patients/{window.edge.patient.id}")
    assert robin.post(f"/console/requests/{task.id}/done").status_code == 303
    window.pass_time(DAY, step=HOUR)
    assert window.came() == ["Thu 16:30", "Fri 10:30"]
    known = window.edge.peer.turns[-1]["context"]["known"]
    assert not {"under_age", "requests"} & set(known), "it is off the patient's list too"


#: A Saturday, 9:00 in New York.
STARTS = datetime(2026, 3, 21, 13, 0, tzinfo=UTC)


def tasks(window: Window) -> list[tuple[str, datetime]]:
    """What the clinic is asked to do, and when it was."""
    with window.world.system.database.read() as session:
        rows = session.scalars(select(Record).where(Record.kind == "clinic_task")).all()
        vault = window.world.system.vault(session)
        return [(data["task"], row.created_at) for row, data in vault.documents(rows)]


@pytest.fixture
def planned(window: Window) -> Window:
    """Some days after the first infusion, the second one is planned."""
    at(window.world, STARTS - 3 * DAY)
    window.look()
    window.act(infusions.plan, STARTS)
    return window


def test_before_an_infusion_it_comes_two_days_and_one_day_ahead(planned: Window) -> None:
    seen: list[str | None] = []

    def reply(turn: dict[str, Any]) -> dict[str, Any]:
        seen.append(turn["context"]["visit"])
        return says(turn, "conversation.greet_day")

    planned.edge.peer.act = reply
    planned.pass_time(STARTS - planned.world.clock.now() - HOUR, step=HOUR)
    assert [visit for visit in seen if visit in ("ready", "ride")] == ["ready", "ride"]
    assert {"Thu 16:00", "Fri 16:00"} <= set(planned.came())


def test_a_clinic_chooses_the_hours_at_which_it_comes(planned: Window) -> None:
    world = planned.world
    with world.system.database.write() as session:
        clinic_settings.save(
            world.system, session, {"visit_hour": "17", "reminder_hour": "13"}, None, "Late risers."
        )
        # Whoever comes next to be infused is planned anew; so is who travels, or asks for visits.
        plan.settle(world.system, session, session.get_one(Patient, planned.edge.patient.id))
    planned.pass_time(STARTS - world.clock.now() - HOUR, step=HOUR)
    assert {"Thu 13:00", "Fri 13:00"} <= set(planned.came())
    assert not [time for time in planned.came() if time.endswith(("10:00", "16:00"))]


def test_twelve_hours_before_an_unanswered_ride_is_the_clinics_once(planned: Window) -> None:
    planned.pass_time(STARTS - planned.world.clock.now() - HOUR, step=HOUR)
    assert tasks(planned) == [("ride", STARTS - 12 * HOUR)]


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_who_has_answered_is_not_asked_and_nobody_is_told_twice(
    planned: Window, answer: str
) -> None:
    record = {"kind": "check_in", "key": "checkin-ride", "data": {"ride": answer}}
    planned.edge.peer.act = lambda turn: says(turn, "conversation.greet_day", records=(record,))
    planned.edge.say("about the ride")
    planned.edge.peer.act = lambda turn: says(turn, "conversation.greet_day")
    at(planned.world, STARTS - DAY + 8 * HOUR)
    planned.look()
    assert planned.states()["ride"] == "cancelled: settled"
    at(planned.world, STARTS - 2 * HOUR)
    planned.look()
    # A no has made its task in the talk, which here is another program's.
    assert tasks(planned) == []


def test_a_yes_for_the_last_infusion_is_none_for_the_next(planned: Window) -> None:
    """The answer is older than the infusion it was about."""
    record = {"kind": "check_in", "key": "checkin-ride", "data": {"ride": "yes"}}
    planned.edge.peer.act = lambda turn: says(turn, "conversation.greet_day", records=(record,))
    planned.edge.say("about the ride")
    planned.edge.peer.act = lambda turn: says(turn, "conversation.greet_day")
    at(planned.world, STARTS)
    planned.act(infusions.begin)
    at(planned.world, STARTS + HOUR)
    planned.act(infusions.record, STARTS, planned.world.clock.now())
    third = STARTS + 7 * DAY
    planned.act(infusions.plan, third)
    at(planned.world, third - 2 * HOUR)
    planned.look()
    assert [task for task, _ in tasks(planned)] == ["ride"]


def test_they_go_with_the_infusion_when_it_moves_and_end_when_it_is_cancelled(
    planned: Window,
) -> None:
    before = planned.touch("ride").due_at
    planned.act(infusions.move, 2, STARTS + 2 * DAY)
    assert planned.touch("ride").due_at == before + 2 * DAY
    planned.act(infusions.cancel, 2)
    assert planned.states()["ride"] == planned.states()["ready"] == "cancelled: next_infusion"
    at(planned.world, STARTS + 2 * DAY - HOUR)
    planned.look()
    assert tasks(planned) == []


def test_before_an_infusion_too_nothing_comes_unasked(planned: Window) -> None:
    planned.act(plan.want, False)
    at(planned.world, STARTS - 2 * HOUR)
    planned.look()
    assert planned.states()["ready"] == "cancelled: stopped"
    assert planned.states()["ride"] == "cancelled: stopped"
    # The clinic hears of the ride all the same.
    assert [task for task, _ in tasks(planned)] == ["ride"]
