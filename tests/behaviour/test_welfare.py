"""Silence after there was reason to worry becomes a task on the list; nobody is paged."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from sqlalchemy import select

from clinic.escalation import machine, policy
from clinic.records.models import Infusion, Outbox, Touch
from clinic.settings import ROOT
from tests.behaviour.conftest import Edge
from tests.behaviour.drill import CANARY, RISK, WORRY, Drill
from tests.behaviour.drill import drill as running
from tests.desk import Browser, shown

LOOK_IN = "Silent since an alert"
LAST_WORDS = ROOT / "tests" / "risk" / "phenomena" / "silence.yml"
TWICE = "Twice no answer after an infusion"


@pytest.fixture
def drill(edge: Edge, caplog: pytest.LogCaptureFixture):
    with running(edge, caplog) as started:
        yield started


def resolved(edge: Edge, drill: Drill, outcome: str = "plan_made") -> None:
    edge.say(RISK)
    drill.move(machine.acknowledge, edge.nurse)
    drill.move(machine.resolve, edge.nurse, outcome, "Spoke for a while.")
    drill.forget()


def requests(edge: Edge) -> str:
    return shown(Browser(edge.world).sign_in(edge.therapist).get("/console/requests").text)


def missed(edge: Edge, *kinds: str, reason: str = "not_answered") -> None:
    """Touches that came after the infusion and what became of them."""
    now = edge.world.clock.now()
    with edge.world.system.database.write() as session:
        infusion = session.scalars(select(Infusion)).one()
        session.add_all(
            Touch(
                patient_id=edge.patient.id,
                infusion_id=infusion.id,
                kind=kind,
                policy=1,
                due_at=now - timedelta(hours=9),
                until=now - timedelta(hours=1),
                opened_at=now - timedelta(hours=9),
                state="missed",
                reason=reason,
            )
            for kind in kinds
        )


def test_silence_since_an_alert_is_a_task_and_calls_nobody(edge: Edge, drill: Drill):
    resolved(edge, drill)
    drill.jump(hours=23.9)
    assert LOOK_IN not in requests(edge)
    drill.jump(hours=0.1)
    drill.expect_nothing()
    assert requests(edge).count(LOOK_IN) == 1
    drill.jump(hours=48)
    assert requests(edge).count(LOOK_IN) == 1, "once for an alert"


def test_who_writes_again_is_not_silent(edge: Edge, drill: Drill):
    resolved(edge, drill)
    drill.jump(hours=3)
    edge.say("slept well")
    drill.jump(hours=48)
    assert LOOK_IN not in requests(edge)


def test_no_last_words_make_a_silence_nobodys_business(edge: Edge, drill: Drill):
    """What somebody wrote between the alert and its end changes nothing about the day after."""
    (group,) = yaml.safe_load(LAST_WORDS.read_text(encoding="utf-8"))
    talks = [line.split(" || ") for line in group["turns"].splitlines()]
    for day, (told, last) in enumerate(talks[::5], 1):
        edge.say(f"{told}, {CANARY}")
        edge.say(last)
        drill.move(machine.acknowledge, edge.nurse)
        drill.move(machine.resolve, edge.nurse, "plan_made", "Spoke for a while.")
        drill.forget()
        drill.jump(hours=24)
        drill.expect_nothing()
        assert requests(edge).count(LOOK_IN) == day, last


def test_opening_the_chat_is_not_writing(edge: Edge, drill: Drill):
    """A page that only opens says nothing of how somebody is."""
    resolved(edge, drill)
    drill.jump(hours=3)
    edge.client.post("/api/opened")
    edge.settle()
    drill.jump(hours=22)
    assert LOOK_IN in requests(edge)


def test_a_false_alarm_asks_for_no_looking_in(edge: Edge, drill: Drill):
    resolved(edge, drill, "false_alarm")
    drill.jump(hours=48)
    assert LOOK_IN not in requests(edge)


def test_two_unanswered_touches_after_earlier_ideation_are_a_task(edge: Edge, drill: Drill):
    edge.say(WORRY)
    drill.move(machine.acknowledge, edge.nurse)
    drill.move(machine.resolve, edge.nurse, "false_alarm", "A song she likes.")
    drill.forget()
    missed(edge, "day_1")
    drill.expect_nothing()
    assert TWICE not in requests(edge)
    missed(edge, "day_3")
    drill.expect_nothing()
    drill.expect_nothing()
    assert requests(edge).count(TWICE) == 1


def test_without_earlier_ideation_silence_is_nobodys_business(edge: Edge, drill: Drill):
    edge.say("the light stayed with me")
    missed(edge, "day_1", "day_3")
    drill.expect_nothing()
    assert TWICE not in requests(edge)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [(("day_1", "day_3"), "late"), (("evening", "day_5"), "not_answered")],
    ids=["never came", "not the named ones"],
)
def test_only_named_touches_that_came_count(
    edge: Edge, drill: Drill, kinds: tuple[str, ...], reason: str
):
    resolved(edge, drill, "false_alarm")
    missed(edge, *kinds, reason=reason)
    drill.expect_nothing()
    assert TWICE not in requests(edge)


def test_a_policy_that_names_no_known_touch_is_refused(tmp_path):
    path = tmp_path / "policy.yml"
    whole = policy.PATH.read_text(encoding="utf-8")
    path.write_text(whole.replace("touches: [day_1, day_3]", "touches: [tomorrow]"), "utf-8")
    with pytest.raises(policy.PolicyError, match="tomorrow"):
        policy.load(path)


def test_a_flood_of_risk_tells_the_holder_twice_and_loses_no_message(edge: Edge, drill: Drill):
    """Limits are for what we send; nothing limits what a patient may say."""
    edge.say(RISK)
    drill.expect_mail("noor")
    drill.move(machine.acknowledge, edge.nurse)
    for number in range(40):
        assert edge.post({"text": f"{RISK} {number}"}).status_code == 202
    edge.settle()
    drill.expect_mail("noor")
    drill.fast_forward("1m")
    drill.expect_nothing()
    for number in range(40, 50):
        assert edge.post({"text": f"{RISK} {number}"}).status_code == 202
    edge.settle()
    drill.fast_forward("1m")
    drill.expect_mail("noor")
    said = [text for author, text in edge.world.messages(edge.conversation) if author == "patient"]
    assert len(said) == 51
    with edge.world.system.database.read() as session:
        assert len(session.scalars(select(Outbox)).all()) == 3
    drill.move(machine.resolve, edge.nurse, "plan_made", "Spoke for a while.")
