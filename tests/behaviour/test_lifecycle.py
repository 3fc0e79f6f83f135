"""Anything that can happen to an alert, in any order: what must hold holds after every step.

Hypothesis plays patients, clinicians, the provider, the policy's author and the clock; intake,
engine, machine, hand-off and database are real.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from bot.risk.levels import Level
from clinic.conversation import delivery, handoff, intake
from clinic.escalation import machine, policy
from clinic.escalation.auditor import Auditor
from clinic.escalation.engine import Engine
from clinic.escalation.machine import RefusedError
from clinic.notify import ALERT, Channels, Outgoing, PermanentError, TemporaryError
from clinic.records.models import (
    Conversation,
    Escalation,
    EscalationMessage,
    Message,
    Outbox,
    RiskAssessment,
    Staff,
    StaffContact,
)
from tests.builders import World

SAID = {
    "emergency": "I want to kill myself tonight",
    "urgent": "everyone would be better off without me",
    "calm": "the light stayed with me",
    "denial": "no, I am fine, forget what I said",
}
#: As the policy's file has it, and as a hurried author would: shorter and longer times.
POLICIES = [policy.load(), policy.load() | {"watch_minutes": 5, "hold_minutes": 2}]
for _level in ("urgent", "emergency"):
    _edited = POLICIES[1]["levels"] = dict(POLICIES[1]["levels"])
    _steps = [{"after": 0, "to": "everyone"}, {"after": 45, "to": "on_call"}]
    _edited[_level] = _edited[_level] | {"steps": _steps, "repeat": 3, "ack_minutes": 4}
#: No step and no pause of either policy is longer.
LONGEST = timedelta(minutes=60)
WHO = st.integers(0, 2)
WHOM = st.integers(0, 1)


class Provider(Channels):
    """Takes what it is handed, or refuses for now or for good, and notes what it took."""

    def __init__(self, world: World) -> None:
        super().__init__(world.system)
        self._world, self.mood = world, "fine"
        self.took: list[str] = []
        #: Handed to us although a human had answered already.
        self.needless: list[str] = []

    def send(self, channel: str, outgoing: Outgoing) -> str:
        if self.mood == "down":
            raise TemporaryError("played 451")
        if self.mood == "refuses":
            raise PermanentError("played 550")
        with self._world.system.database.read() as session:
            row = session.scalars(select(Outbox).where(Outbox.key == outgoing.key)).one()
            if row.escalation_id is not None:
                alert = session.get_one(Escalation, row.escalation_id)
                more = alert.state == "acked" and "/more/" in row.key
                if alert.state != "open" and not more:
                    self.needless.append(outgoing.key)
        self.took.append(outgoing.key)
        return outgoing.key


class Lifecycle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._home = tempfile.TemporaryDirectory(prefix="afterglow-")
        self.world = self.found(Path(self._home.name))
        self.system = self.world.system
        self._policy = patch.object(policy, "load", lambda *_: POLICIES[0])
        self._policy.start()
        self.risk: dict[str, Level] = {}
        self.rows: set[str] = set()
        self.keys: list[tuple[int, str, str]] = []

    def found(self, home: Path) -> World:
        return World.make(home)

    @initialize()
    def a_small_clinic(self) -> None:
        world = self.world
        self.staff = [world.staff("Robin", "therapist"), world.staff("Kai", "supervisor")]
        self.staff.append(world.staff("Noor", "on_call", on_call=True))
        patients = [world.patient(name, therapist=self.staff[0]) for name in ("Sam", "Mo")]
        self.chats = [world.conversation(patient) for patient in patients]
        self.provider = Provider(world)
        self.engine = Engine(self.system, self.provider)
        self.engine.cycle()

    def teardown(self) -> None:
        self._policy.stop()
        self.system.database.close()
        self._home.cleanup()

    # -- what happens ---------------------------------------------------------------------------

    @rule(whom=WHOM, said=st.sampled_from(sorted(SAID)))
    def a_patient_writes(self, whom: int, said: str) -> None:
        key = f"key-{len(self.keys):05d}"
        received = intake.receive_text(self.system, self.chats[whom], SAID[said], key)
        self.keys.append((whom, key, received.message["id"]))
        if said in ("urgent", "emergency"):
            assert self._alert(whom) is not None

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def a_message_is_sent_again(self, data: st.DataObject) -> None:
        whom, key, message = data.draw(st.sampled_from(self.keys))
        before = self._counts()
        again = intake.receive_text(self.system, self.chats[whom], SAID["emergency"], key)
        assert (again.message["id"], again.replayed) == (message, True)
        assert self._counts() == before

    @rule(who=WHO, whom=WHOM)
    def somebody_acknowledges(self, who: int, whom: int) -> None:
        alert = self._alert(whom)
        if self._move(machine.acknowledge, who, whom):
            assert alert is not None
            assert alert.state == "open" or alert.acked_by == self.staff[who].id

    @rule(who=WHO, whom=WHOM)
    def somebody_gives_it_back(self, who: int, whom: int) -> None:
        self._move(machine.release, who, whom)

    @rule(who=WHO, whom=WHOM, to=WHO)
    def somebody_hands_over(self, who: int, whom: int, to: int) -> None:
        self._move(machine.hand_over, who, whom, self.staff[to])

    @rule(who=WHO, whom=WHOM)
    def somebody_notes_a_call(self, who: int, whom: int) -> None:
        self._move(machine.log_contact, who, whom, "no_answer")

    @rule(who=WHO, whom=WHOM)
    def somebody_resolves(self, who: int, whom: int) -> None:
        alert = self._alert(whom)
        if self._move(machine.resolve, who, whom, "plan_made", "Spoke at length."):
            assert alert is not None
            assert (alert.state, alert.acked_by) == ("acked", self.staff[who].id)
            self.risk.pop(self.chats[whom], None)

    @rule(who=WHO, whom=WHOM)
    def somebody_takes_the_conversation(self, who: int, whom: int) -> None:
        self._talk(handoff.take, who, whom)

    @rule(who=WHO, whom=WHOM)
    def somebody_writes_to_the_patient(self, who: int, whom: int) -> None:
        self._talk(handoff.say, who, whom, "I am here.", f"say-{len(self.rows)}")

    @rule(who=WHO, whom=WHOM)
    def somebody_returns_the_conversation(self, who: int, whom: int) -> None:
        self._talk(handoff.give_back, who, whom)

    @rule(minutes=st.sampled_from([0.5, 1, 5, 14, 15, 30, 60, 180]))
    def time_passes(self, minutes: float) -> None:
        self.world.clock.advance(timedelta(minutes=minutes))
        self.engine.cycle()

    @rule(minutes=st.sampled_from([1, 20, 240]))
    def time_passes_while_the_engine_is_away(self, minutes: float) -> None:
        self.world.clock.advance(timedelta(minutes=minutes))

    @rule()
    def the_engine_is_started_anew(self) -> None:
        self.engine = Engine(self.system, self.provider)
        self.engine.cycle()

    @rule(mood=st.sampled_from(["fine", "down", "refuses"]))
    def the_provider_changes(self, mood: str) -> None:
        self.provider.mood = mood

    @rule(which=st.sampled_from(POLICIES))
    def the_policy_is_edited(self, which: dict[str, Any]) -> None:
        self._policy.stop()
        self._policy = patch.object(policy, "load", lambda *_: which)
        self._policy.start()

    @rule(who=WHO, there=st.booleans())
    def a_contact_comes_or_goes(self, who: int, there: bool) -> None:
        with self.system.database.write() as session:
            for contact in session.scalars(
                select(StaffContact).where(StaffContact.staff_id == self.staff[who].id)
            ):
                contact.verified_at = self.world.clock.now() if there else None

    @rule()
    def the_auditor_looks(self) -> None:
        """After the engine's own cycle nothing is left that it did not do."""
        self.engine.cycle()
        found = {finding.code for finding in Auditor(self.system)._find()}
        assert found <= {"alert_without_notification", "alert_not_delivered", "nobody_on_call"}

    # -- what holds -----------------------------------------------------------------------------

    @invariant()
    def no_message_is_unassessed_and_no_risk_without_an_alert(self) -> None:
        with self.system.database.read() as session:
            said = session.scalar(select(func.count()).where(Message.author == "patient"))
            assert session.scalar(select(func.count()).select_from(RiskAssessment)) == said
            tied = set(session.scalars(select(EscalationMessage.message_id)))
            worrying = session.scalars(
                select(RiskAssessment.message_id).where(
                    RiskAssessment.level.in_(["urgent", "emergency"])
                )
            )
            assert set(worrying) <= tied

    @invariant()
    def a_patient_has_one_running_alert_and_an_open_one_will_call(self) -> None:
        now = self.world.clock.now()
        with self.system.database.read() as session:
            running = session.scalars(select(Escalation).where(Escalation.state != "resolved"))
            patients = []
            for alert in running:
                patients.append(alert.patient_id)
                if alert.state == "open":
                    assert alert.next_at is not None
                    assert alert.next_at <= now + LONGEST
                else:
                    assert alert.ack_until is not None and alert.acked_by
                    assert alert.ack_until <= now + timedelta(minutes=120)
            assert len(patients) == len(set(patients))

    @invariant()
    def nobody_is_called_about_what_a_human_has(self) -> None:
        """Each new call belongs to an alert that is open, or is news for its holder."""
        with self.system.database.read() as session:
            rows = session.scalars(select(Outbox).where(Outbox.template == ALERT)).all()
            assert len({row.key for row in rows}) == len(rows)
            for row in rows:
                if row.key not in self.rows and "/more/" not in row.key:
                    alert = session.get_one(Escalation, row.escalation_id)
                    assert alert.state == "open"
            self.rows = {row.key for row in rows}
        assert self.provider.needless == []

    @invariant()
    def risk_falls_only_by_a_human(self) -> None:
        with self.system.database.read() as session:
            for chat in session.scalars(select(Conversation)):
                level = Level.of(chat.risk_level)
                assert level >= self.risk.get(chat.id, Level.none)
                self.risk[chat.id] = level

    @invariant()
    def what_is_claimed_is_on_record(self) -> None:
        """Marked sent means handed over; the patient's page names only whom a sent row names."""
        with self.system.database.read() as session:
            sent = session.scalars(select(Outbox.key).where(Outbox.state == "sent")).all()
            assert set(sent) <= set(self.provider.took)
            for chat in session.scalars(select(Conversation)):
                notice = delivery.alert_notice(self.system, session, chat, self.world.clock.now())
                for person in session.scalars(select(Staff)):
                    told = notice is not None and person.name in (notice["told"] or "")
                    assert not told or any(
                        f"/{contact.id}" in key
                        for contact in session.scalars(
                            select(StaffContact).where(StaffContact.staff_id == person.id)
                        )
                        for key in sent
                    )

    @invariant()
    def the_audit_chain_is_whole(self) -> None:
        with self.system.database.read() as session:
            assert self.system.audit.verify(session).whole

    # -- helpers --------------------------------------------------------------------------------

    def _alert(self, whom: int) -> Escalation | None:
        with self.system.database.read() as session:
            return session.scalars(
                select(Escalation).where(
                    Escalation.conversation_id == self.chats[whom], Escalation.state != "resolved"
                )
            ).first()

    def _move(self, act: Any, who: int, whom: int, *more: object) -> bool:
        alert = self._alert(whom)
        if alert is None:
            return False
        try:
            with self.system.database.write() as session:
                act(self.system, session, alert.id, self.staff[who], *more)
        except RefusedError:
            return False
        return True

    def _talk(self, act: Any, who: int, whom: int, *more: object) -> None:
        try:
            with self.system.database.write() as session:
                act(self.system, session, self.chats[whom], self.staff[who], *more)
        except RefusedError:
            pass
        with self.system.database.read() as session:
            chat = session.get_one(Conversation, self.chats[whom])
            assert (chat.mode == "human") == (chat.held_by is not None)
            assert (chat.mode == "human") == (chat.hold_until is not None)

    def _counts(self) -> list[int | None]:
        tables = (Message, RiskAssessment, Escalation, EscalationMessage, Outbox)
        with self.system.database.read() as session:
            return [session.scalar(select(func.count()).select_from(one)) for one in tables]


PLAY = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    # A failure prints its steps. Shrinking replays them for minutes: add Phase.shrink when hunting.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_what_must_hold_holds_after_every_step() -> None:
    run_state_machine_as_test(Lifecycle, settings=PLAY)
