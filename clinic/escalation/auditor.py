"""The auditor: a process of its own that checks what the engine should have done, mends it, and
says so. The engine is trusted with nothing here: only rows count.

One audit:
1. find: each check looks for one thing that must never be so;
2. mend what can be mended, by doing the engine's work ourselves where it did not;
3. report: a heartbeat with what was found, for the console; an audit row and a notification to the
   administrators for what is new;
4. only after an audit that found nothing: ping the dead-man's switch. When the pings stop, somebody
   outside this machine is told, whatever died here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from bot.risk.levels import Level
from clinic import feed
from clinic.conversation import delivery
from clinic.escalation import machine, on_call
from clinic.escalation.engine import Engine
from clinic.records import schema
from clinic.records.models import (
    Audit,
    Conversation,
    Escalation,
    EscalationMessage,
    Heartbeat,
    Message,
    Outbox,
    RiskAssessment,
    Staff,
)
from clinic.system import System

log = logging.getLogger("afterglow.auditor")

TROUBLE = "operations.trouble"
#: What the engine gets beyond a due time before it counts as overdue.
_GRACE = timedelta(seconds=30)
#: How long an alert may stay without a single notification that went out.
_UNTOLD = timedelta(minutes=2)
#: After alerts, before codes.
_PRIORITY = 40
_PING_WAIT = 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that must not be so: a stable code, and the rows it is about (ids only)."""

    code: str
    about: tuple[str, ...] = field(default=())


class Auditor:
    """Audits one installation. Several may run; what they mend is mended once."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._engine = Engine(system)

    def run(self, stop: threading.Event) -> None:
        """Audit until told to stop. The first audit waits a round: the engine is starting too."""
        while not stop.wait(self._system.settings.audit_every):
            if schema.moved_on(self._system.database):
                log.error("the database is newer than this auditor: it stops")
                return
            try:
                self.audit()
            except Exception as error:
                # No ping follows, and that is how it becomes known.
                log.error("audit failed: %s", type(error).__name__)

    def audit(self) -> list[Finding]:
        """One audit; returns what was found (before mending)."""
        findings = self._find()
        if findings:
            self._mend(findings)
        self._report(findings)
        if findings:
            log.error("audit found: %s", ", ".join(finding.code for finding in findings))
            # Whatever is due is done here and now, with or without the engine.
            self._engine.catch_up()
        else:
            self._ping()
        return findings

    def _find(self) -> list[Finding]:
        now = self._system.clock.now()
        found = []
        with self._system.database.read() as session:
            for code, check in CHECKS.items():
                about = tuple(check(self._system, session, now))
                if about:
                    found.append(Finding(code, about))
        return found

    def _mend(self, findings: list[Finding]) -> None:
        for finding in findings:
            mend = MENDS.get(finding.code)
            if mend is not None:
                with self._system.database.write() as session:
                    for one in finding.about:
                        mend(self._system, session, one)

    def _report(self, findings: list[Finding]) -> None:
        now = self._system.clock.now()
        codes = [finding.code for finding in findings]
        with self._system.database.write() as session:
            before = session.get(Heartbeat, "auditor")
            fresh = set(codes) - set(before.detail.get("codes", []) if before else [])
            session.merge(Heartbeat(name="auditor", at=now, detail={"codes": codes}))
            for finding in findings:
                if finding.code in fresh:
                    self._tell(session, finding, now)

    def _tell(self, session: Session, finding: Finding, now: datetime) -> None:
        self._system.audit.add(
            session,
            now,
            "system",
            "auditor.found",
            finding.code,
            None,
            about=list(finding.about[:20]),
        )
        feed.publish(self._system, session, feed.STAFF, "trouble", finding.code)
        for person in _responsible(session, now):
            for contact in on_call.contacts(session, person.id):
                # At most once an hour for one kind of trouble, however often it comes and goes.
                key = f"ops/{finding.code}/{contact.id}/{now:%Y%m%d%H}"
                if session.scalars(select(Outbox.id).where(Outbox.key == key)).first() is None:
                    session.add(
                        Outbox(
                            key=key,
                            channel=contact.channel,
                            contact_id=contact.id,
                            template=TROUBLE,
                            params={"code": finding.code},
                            priority=_PRIORITY,
                            due_at=now,
                            created_at=now,
                        )
                    )

    def _ping(self) -> None:
        """Say outside that all is well, and with what head the audit chain stands."""
        url = self._system.settings.dead_man_url
        if not url:
            return
        with self._system.database.read() as session:
            last = session.scalars(select(Audit).order_by(Audit.seq.desc()).limit(1)).first()
        head = f"{last.seq} {last.mac}" if last else ""
        try:
            httpx.post(url, content=head, timeout=_PING_WAIT, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            log.warning("the dead-man's switch was not reached: %s", type(error).__name__)


# -- what must not be so: each gives the ids it is about ----------------------------------------

Check = Callable[[System, Session, datetime], list[str]]


def _engine_silent(system: System, session: Session, now: datetime) -> list[str]:
    return [] if delivery.engine_alive(system, session, now) else ["engine"]


def _overdue(_system: System, session: Session, now: datetime) -> list[str]:
    """A step, a lease, a question or a hold whose time has passed and nothing happened."""
    late = now - _GRACE
    alerts = select(Escalation.id).where(
        or_(
            and_(Escalation.state == "open", Escalation.next_at < late),
            and_(Escalation.state == "acked", Escalation.ack_until < late),
        )
    )
    waiting = select(Conversation.id).where(
        or_(
            and_(Conversation.risk_level == "watch", Conversation.watch_until < late),
            and_(Conversation.mode == "human", Conversation.hold_until < late),
        )
    )
    return [*session.scalars(alerts), *session.scalars(waiting)]


def _stuck(_system: System, session: Session, now: datetime) -> list[str]:
    """A notification whose sender went silent, and nobody took it up."""
    late = now - _GRACE
    rows = select(Outbox.id).where(Outbox.state == "sending", Outbox.lease_until < late)
    return [str(row) for row in session.scalars(rows)]


def _silent_alert(_system: System, session: Session, _now: datetime) -> list[str]:
    """An open alert without a single notification, not even a failed one."""
    called = exists().where(Outbox.escalation_id == Escalation.id)
    return list(session.scalars(select(Escalation.id).where(Escalation.state == "open", ~called)))


def _untold(_system: System, session: Session, now: datetime) -> list[str]:
    """An open alert that nobody has been told of for minutes: no channel works."""
    told = exists().where(Outbox.escalation_id == Escalation.id, Outbox.state == "sent")
    called = exists().where(Outbox.escalation_id == Escalation.id)
    return list(
        session.scalars(
            select(Escalation.id).where(
                Escalation.state == "open", Escalation.opened_at < now - _UNTOLD, called, ~told
            )
        )
    )


def _no_alert(_system: System, session: Session, _now: datetime) -> list[str]:
    """A message that shows risk and belongs to no alert (invariant I1)."""
    tied = exists().where(EscalationMessage.message_id == RiskAssessment.message_id)
    return list(
        session.scalars(
            select(RiskAssessment.message_id).where(
                RiskAssessment.level.in_(["urgent", "emergency"]), ~tied
            )
        )
    )


def _unassessed(_system: System, session: Session, _now: datetime) -> list[str]:
    """A patient's message nobody screened (invariant I1)."""
    assessed = exists().where(RiskAssessment.message_id == Message.id)
    tied = exists().where(EscalationMessage.message_id == Message.id)
    return list(
        session.scalars(
            select(Message.id).where(
                Message.author == "patient", Message.kind != "open", ~assessed, ~tied
            )
        )
    )


def _nobody_on_call(_system: System, session: Session, now: datetime) -> list[str]:
    return [] if on_call.reachable(session, now) else ["on_call"]


def _chain_broken(_system: System, session: Session, _now: datetime) -> list[str]:
    chain = session.get(Heartbeat, "audit")
    return ["audit"] if chain is not None and not chain.detail["whole"] else []


CHECKS: dict[str, Check] = {
    "engine_silent": _engine_silent,
    "overdue": _overdue,
    "stuck_notification": _stuck,
    "alert_without_notification": _silent_alert,
    "alert_not_delivered": _untold,
    "risk_without_alert": _no_alert,
    "message_unassessed": _unassessed,
    "nobody_on_call": _nobody_on_call,
    "audit_chain_broken": _chain_broken,
}


# -- how some of it is mended; what is due is done by the engine's own steps ---------------------


def _call_again(system: System, session: Session, alert_id: str) -> None:
    """The engine's next look takes the step that was never taken."""
    alert = session.get(Escalation, alert_id, with_for_update=True)
    if alert is not None and alert.state == "open":
        alert.next_at = min(alert.next_at or system.clock.now(), system.clock.now())


def _free(_system: System, session: Session, row_id: str) -> None:
    row = session.get(Outbox, int(row_id), with_for_update=True)
    if row is not None and row.state == "sending":
        row.state, row.lease_owner, row.lease_until = "queued", None, None


def _alert_for(system: System, session: Session, message_id: str) -> None:
    """Raise the alert that is missing, at the message's own level; unscreened counts as urgent."""
    conversation_id = session.scalar(
        select(Message.conversation_id).where(Message.id == message_id)
    )
    conversation = delivery.locked(session, str(conversation_id))
    assessed = session.get(RiskAssessment, message_id)
    level = Level.of(assessed.level) if assessed else Level.urgent
    if level > Level.of(conversation.risk_level):
        conversation.risk_level, conversation.risk_since = level.name, system.clock.now()
        conversation.watch_until = None
    machine.raise_alert(
        system,
        session,
        conversation,
        level,
        assessed.categories if assessed else (),
        "auditor" if assessed else "unscreened",
        message_id,
    )


MENDS: dict[str, Callable[[System, Session, str], None]] = {
    "alert_without_notification": _call_again,
    "stuck_notification": _free,
    "risk_without_alert": _alert_for,
    "message_unassessed": _alert_for,
}


def _responsible(session: Session, now: datetime) -> list[Staff]:
    """Whom trouble is told: administrators who can be reached, else whoever is on call."""
    admins = [
        person
        for person in session.scalars(select(Staff).where(Staff.active))
        if "admin" in person.roles and on_call.contacts(session, person.id)
    ]
    return admins or on_call.reachable(session, now)
