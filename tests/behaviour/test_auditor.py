"""The auditor: what the engine did not do is found, mended and said; a ping means all is well."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from clinic import app, console
from clinic.conversation import handoff
from clinic.escalation.auditor import Auditor
from clinic.escalation.engine import Engine
from clinic.outbox import queue
from clinic.records.models import (
    Audit,
    Escalation,
    EscalationMessage,
    Heartbeat,
    OnCallShift,
    Outbox,
    RiskAssessment,
    StaffContact,
)
from clinic.settings import Settings
from tests.behaviour.conftest import Edge
from tests.behaviour.drill import RISK, Drill
from tests.behaviour.drill import drill as running
from tests.desk import Browser, shown

TEMPLATES = Path(console.__file__).parent / "templates"


class Switch:
    """A dead-man's switch on loopback that remembers what it was told."""

    def __init__(self) -> None:
        self.pings: list[str] = []
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                switch.pings.append(body.decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/ping"


@pytest.fixture
def switch() -> Iterator[Switch]:
    started = Switch()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def auditor(edge: Edge, switch: Switch) -> Auditor:
    object.__setattr__(edge.world.system.settings, "dead_man_url", switch.url)
    return Auditor(edge.world.system)


def codes(auditor: Auditor) -> list[str]:
    return [finding.code for finding in auditor.audit()]


def beat(edge: Edge) -> None:
    Engine(edge.world.system)._beat()


def change(edge: Edge, *statements) -> None:
    with edge.world.system.database.write() as session:
        for statement in statements:
            session.execute(statement)


def test_a_clean_audit_pings_outside_with_the_head_of_the_audit_chain(
    edge: Edge, auditor: Auditor, switch: Switch
):
    beat(edge)
    assert codes(auditor) == []
    with edge.world.system.database.read() as session:
        last = session.scalars(select(Audit).order_by(Audit.seq.desc())).first()
    assert switch.pings == [f"{last.seq} {last.mac}"]


def test_a_dead_engine_is_found_its_work_done_and_nothing_pinged(
    edge: Edge, auditor: Auditor, switch: Switch
):
    """The engine never ran; the alert reaches the nurse all the same."""
    edge.say(RISK)
    with_mail = Drill(edge)
    from clinic.notify.email import sink

    controller = sink.start(edge.world.system.settings.home / "mail", with_mail)
    try:
        edge.world.clock.advance(timedelta(minutes=1))
        assert codes(auditor) == ["engine_silent"]
        to = [mail["To"] for mail in with_mail.mails if "answer now" in mail["Subject"]]
        assert to == ["noor@harbor.test"]
        edge.world.clock.advance(timedelta(minutes=6))
        assert set(codes(auditor)) == {"engine_silent", "overdue"}
        to = [mail["To"] for mail in with_mail.mails if "answer now" in mail["Subject"]]
        assert sorted(to[1:]) == ["noor@harbor.test", "robin@harbor.test"]
    finally:
        controller.stop()
    assert switch.pings == []
    assert not edge.state()["staffed"], "the engine is still dead, and the pages say so"


def test_an_alert_that_called_nobody_calls(edge: Edge, auditor: Auditor):
    edge.say(RISK)
    change(edge, delete(Outbox))
    beat(edge)
    assert "alert_without_notification" in codes(auditor)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Outbox).where(Outbox.escalation_id.is_not(None))).all()
    beat(edge)
    assert "alert_without_notification" not in codes(auditor)


def test_risk_without_an_alert_gets_one(edge: Edge, auditor: Auditor):
    edge.say(RISK)
    change(edge, delete(Outbox), delete(EscalationMessage), delete(Escalation))
    beat(edge)
    assert "risk_without_alert" in codes(auditor)
    with edge.world.system.database.read() as session:
        alert = session.scalars(select(Escalation)).one()
        assert (alert.level, alert.reason) == ("emergency", "auditor")
    beat(edge)
    assert "risk_without_alert" not in codes(auditor)


def test_a_message_nobody_screened_is_urgent(edge: Edge, auditor: Auditor):
    from sqlalchemy import text

    edge.say("an ordinary sentence")
    change(
        edge,
        text("DROP TRIGGER risk_assessment_no_delete"),
        delete(RiskAssessment),
    )
    beat(edge)
    assert "message_unassessed" in codes(auditor)
    with edge.world.system.database.read() as session:
        alert = session.scalars(select(Escalation)).one()
        assert (alert.level, alert.reason) == ("urgent", "unscreened")
    beat(edge)
    assert "message_unassessed" not in codes(auditor)


def test_a_stuck_notification_is_freed(edge: Edge, auditor: Auditor):
    edge.say(RISK)
    queue.claim(edge.world.system, "a sender that died")
    edge.world.clock.advance(timedelta(minutes=2))
    beat(edge)
    assert "stuck_notification" in codes(auditor)
    with edge.world.system.database.read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.escalation_id.is_not(None))).all()
    assert {row.state for row in rows} == {"queued"}, "tried again at once; no server answers here"
    assert rows[0].attempt == 2


def test_an_alert_no_channel_delivers_is_said(edge: Edge, auditor: Auditor, switch: Switch):
    edge.say(RISK)
    edge.world.clock.advance(timedelta(minutes=3))
    beat(edge)
    assert "alert_not_delivered" in codes(auditor)
    assert switch.pings == []


def test_nobody_on_call_is_trouble(edge: Edge, auditor: Auditor, switch: Switch):
    change(edge, delete(OnCallShift))
    beat(edge)
    assert codes(auditor) == ["nobody_on_call"]
    assert switch.pings == []


def test_a_hold_that_nobody_ended_is_found(edge: Edge, auditor: Auditor):
    system = edge.world.system
    with system.database.write() as session:
        handoff.take(system, session, edge.conversation, edge.nurse)
    edge.world.clock.advance(timedelta(minutes=16))
    beat(edge)
    assert "overdue" in codes(auditor)
    assert edge.state()["mode"] == "bot"


def test_administrators_are_told_once_an_hour_without_a_word_of_the_patient(
    edge: Edge, auditor: Auditor, caplog: pytest.LogCaptureFixture
):
    edge.world.staff("Vera", "admin")
    change(edge, delete(OnCallShift))
    with running(edge, caplog) as drill:
        beat(edge)
        auditor.audit()
        drill.expect_mail("vera", says="nobody on call")
        for _ in range(5):
            beat(edge)
            auditor.audit()
        drill.expect_nothing()
        caplog.clear()  # the finding itself is an error in the log, and ought to be


def test_the_console_says_what_was_found_and_when_the_auditor_stops(edge: Edge, auditor: Auditor):
    change(edge, delete(OnCallShift))
    beat(edge)
    auditor.audit()
    browser = Browser(edge.world).sign_in(edge.therapist)
    assert "Nobody who can be reached is on call now." in shown(browser.get("/console").text)
    fresh = browser.get("/console/health?shown=nobody_on_call", headers={"HX-Request": "true"})
    assert fresh.status_code == 204
    edge.world.clock.advance(timedelta(minutes=5))
    assert "check beside the alert engine has stopped" in shown(browser.get("/console").text)


def test_an_audit_that_breaks_pings_nobody(
    edge: Edge, auditor: Auditor, switch: Switch, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> list[str]:
        raise RuntimeError

    monkeypatch.setitem(
        __import__("clinic.escalation.auditor", fromlist=["CHECKS"]).CHECKS, "overdue", broken
    )
    with pytest.raises(RuntimeError):
        auditor.audit()
    assert switch.pings == []


def test_a_contact_removed_while_the_alert_runs_is_called_no_more(
    edge: Edge, caplog: pytest.LogCaptureFixture
):
    with running(edge, caplog) as drill:
        edge.say(RISK)
        with edge.world.system.database.write() as session:
            for contact in session.scalars(select(StaffContact)):
                if contact.staff_id == edge.nurse.id:
                    contact.verified_at = None
        drill.engine.cycle()
        drill.engine.cycle()
        assert [mail["To"] for mail in drill.mails] == ["robin@harbor.test"]
        drill.forget()


def test_a_silent_engine_is_said_within_fifteen_seconds():
    """The longest way: it falls silent right after a sign of life, and each look comes last."""
    asked = re.search(r"every (\d+)s", (TEMPLATES / "_engine.html").read_text(encoding="utf-8"))
    assert asked is not None
    silent = Settings.__dataclass_fields__["engine_silent_after"].default
    assert silent + int(asked.group(1)) <= 15, "the desk"
    assert silent + app._ENGINE_LOOK <= 15, "the room"


def test_the_engine_falling_silent_reaches_open_pages_by_itself(edge: Edge):
    """The patient's stream is quiet otherwise: the edge looks, and tells every open page."""
    from clinic import feed as live
    from clinic.records.models import Event

    beat(edge)
    pages = live.Feed(edge.world.system)
    audience = live.conversation(edge.conversation)
    pages._pages[audience] = []
    pages.tell_all("state")
    with edge.world.system.database.read() as session:
        newest = session.scalars(select(Event).order_by(Event.id.desc())).first()
        assert (newest.audience, newest.kind) == (audience, "state")
        assert session.get(Heartbeat, "engine") is not None
