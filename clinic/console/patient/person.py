"""The person at a glance: what stands beside the transcript."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import details
from clinic.console import wording
from clinic.console.wording import When
from clinic.escalation import machine, on_call, policy
from clinic.records.models import (
    Audit,
    ContactAttempt,
    Conversation,
    Escalation,
    EscalationMessage,
    Infusion,
    Message,
    Outbox,
    Patient,
    Record,
    RiskAssessment,
    Staff,
    StaffContact,
)
from clinic.system import System

_SHOWN = 5
_ATTEMPT = "escalation.contact"


@dataclass(frozen=True)
class LogLine:
    at: datetime
    words: str


@dataclass(frozen=True)
class Alert:
    """The running alert, as the page needs it."""

    id: str
    number: int
    level: str
    categories: str
    state: str
    opened_at: datetime
    next_at: datetime | None
    ack_until: datetime | None
    holder: str | None
    mine: bool
    unanswered: bool
    #: (place in the transcript, time) of the messages it stands for.
    messages: tuple[tuple[int, datetime], ...]
    log: tuple[LogLine, ...]


@dataclass(frozen=True)
class PastAlert:
    number: int
    level: str
    resolved_at: datetime
    resolved_by: str
    outcome: str
    note: str


@dataclass(frozen=True)
class Entry:
    """A journal entry the patient chose to share: prompt and words."""

    at: datetime
    complete: bool
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CheckIn:
    at: datetime
    words: tuple[str, ...]


def running_alert(system: System, session: Session, patient_id: str, staff: Staff) -> Alert | None:
    """The alert a patient has now, with everything that happened to it."""
    alert = machine.running_for(session, patient_id)
    if alert is None:
        return None
    holder = session.get_one(Staff, alert.acked_by) if alert.state == "acked" else None
    return Alert(
        id=alert.id,
        number=alert.number,
        level=alert.level,
        categories=", ".join(wording.CATEGORIES.get(c, c) for c in alert.categories),
        state=alert.state,
        opened_at=alert.opened_at,
        next_at=alert.next_at,
        ack_until=alert.ack_until,
        holder=holder.name if holder else None,
        mine=holder is not None and holder.id == staff.id,
        unanswered=alert.unanswered,
        messages=tuple(messages_of(session, alert.id)),
        log=tuple(_log(system, session, alert.id, patient_id)),
    )


def messages_of(session: Session, alert_id: str) -> list[tuple[int, datetime]]:
    """Place in the transcript and time of the messages an alert stands for."""
    found = session.execute(
        select(Message.seq, Message.created_at)
        .join(EscalationMessage, EscalationMessage.message_id == Message.id)
        .where(EscalationMessage.escalation_id == alert_id)
        .order_by(Message.seq)
    )
    return [(seq, at) for seq, at in found]


def past_alerts(system: System, session: Session, patient_id: str) -> list[PastAlert]:
    vault = system.vault(session)
    outcomes = policy.load()["dispositions"]
    rows = session.scalars(
        select(Escalation)
        .where(Escalation.patient_id == patient_id, Escalation.state == "resolved")
        .order_by(Escalation.resolved_at.desc())
        .limit(_SHOWN)
    )
    return [
        PastAlert(
            number=row.number,
            level=row.level,
            resolved_at=row.resolved_at,
            resolved_by=_name(session, row.resolved_by),
            outcome=outcomes.get(row.disposition, row.disposition or ""),
            note=vault.shown_note(patient_id, "escalation", row.id, row.note_sealed),
        )
        for row in rows
        if row.resolved_at is not None
    ]


def journal(system: System, session: Session, patient_id: str) -> list[Entry]:
    """The newest pages that are shared."""
    return [entry for _, entry in shared_pages(system, session, patient_id, _SHOWN)]


def shared_pages(
    system: System, session: Session, patient_id: str, most: int | None = None
) -> list[tuple[Record, Entry]]:
    """Shared entries only, newest first. What is private or undecided is not even opened."""
    rows = session.scalars(
        select(Record)
        .where(
            Record.patient_id == patient_id,
            Record.kind == "journal_entry",
            Record.sharing == "shared",
        )
        .order_by(Record.updated_at.desc())
        .limit(most)
    )
    return [
        (row, Entry(row.updated_at, data["state"] == "complete", _parts(system, data["parts"])))
        for row, data in system.vault(session).documents(rows)
        # The sealed copy has the last word, should the two ever disagree.
        if data["sharing"] == "shared"
    ]


def check_ins(system: System, session: Session, patient_id: str) -> list[CheckIn]:
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == "check_in")
        .order_by(Record.updated_at.desc())
        .limit(_SHOWN)
    )
    return [
        CheckIn(row.updated_at, check_in_words(data))
        for row, data in system.vault(session).documents(rows)
    ]


def unreadable(system: System, session: Session, patient_id: str) -> int:
    """How many records and infusions' entries of the patient do not open: said on the page, not
    passed over."""
    rows = session.scalars(select(Record).where(Record.patient_id == patient_id))
    infusions = session.scalars(select(Infusion).where(Infusion.patient_id == patient_id))
    vault = system.vault(session)
    return vault.unreadable(rows) + sum(details.opened(vault, one) is None for one in infusions)


def colleagues(session: Session, staff: Staff) -> list[Staff]:
    """Clinicians who can be called, to hand an alert to."""
    return [
        one
        for one in session.scalars(select(Staff).where(Staff.active).order_by(Staff.name))
        if one.id != staff.id
        and set(one.roles) & set(on_call.CLINICAL_ROLES)
        and on_call.contacts(session, one.id)
    ]


def flagged(session: Session, patient_id: str) -> list[tuple[int, datetime, str]]:
    """(place, time, level) of the last messages that screening flagged, newest first."""
    found = session.execute(
        select(Message.seq, Message.created_at, RiskAssessment.level)
        .join(RiskAssessment, RiskAssessment.message_id == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.patient_id == patient_id, RiskAssessment.level != "none")
        .order_by(Message.seq.desc())
        .limit(_SHOWN)
    )
    return [(seq, at, level) for seq, at, level in found]


def infusions(session: Session, patient: Patient, when: When) -> list[tuple[str, str]]:
    """("Infusion 3", "Nov 19, 2:00 pm"), newest first."""
    rows: Sequence[Infusion] = session.scalars(
        select(Infusion)
        .where(Infusion.patient_id == patient.id)
        .order_by(Infusion.started_at.desc())
    ).all()
    return [(f"Infusion {row.number}", _infusion(row, when)) for row in rows]


def dialable(phone: str) -> str:
    return "".join(c for c in phone if c.isdigit() or c == "+")


def _infusion(row: Infusion, when: When) -> str:
    said = when.short(row.started_at)
    if row.cancelled:
        return f"{said}, cancelled"
    if row.started_at > when.now:
        return f"{said}, planned"
    if row.ended_at is None or row.ended_at > when.now:
        return f"{said}, running"
    return said


def _parts(system: System, parts: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_prompt(system, part["prompt"]), part.get("text", ""))
        for part in parts
        if part["state"] == "answered" and part.get("text")
    )


def _prompt(system: System, name: str) -> str:
    """The question as the patient saw it, when the registry still has it."""
    if name in system.words:
        item = system.words.item(name)
        if not item.values:
            return item.variants[0]
    return name.replace("_", " ").replace(".", ": ")


def check_in_words(data: dict[str, Any]) -> tuple[str, ...]:
    """What a check-in holds, said to a clinician."""
    words = []
    if "mood" in data:
        words.append(f"Mood {wording.signed(data['mood'])} (-4 to +4)")
    if "last_meal" in data:
        words.append(f"Last meal {data['last_meal']} hours before")
    if "fasting" in data:
        words.append(f"Rule on food: {data['fasting']}")
    if "distress" in data:
        words.append(f"Distress {data['distress']} of 10")
    if "tone" in data:
        words.append(wording.TONES.get(data["tone"], data["tone"]))
    if data.get("body"):
        words.append(f"Body: {data['body']}")
    if data.get("content"):
        words.append(f"It held: {', '.join(data['content'])}")
    return tuple(words)


def _log(system: System, session: Session, alert_id: str, patient_id: str) -> list[LogLine]:
    """What happened to an alert, from its audit rows and its notifications."""
    acts = session.scalars(select(Audit).where(Audit.subject == f"escalation:{alert_id}"))
    # What was said of an attempt stands in its own row.
    lines = [LogLine(row.at, _act(session, row)) for row in acts if row.action != _ATTEMPT]
    kinds = policy.load()["contacts"]
    for one in session.scalars(
        select(ContactAttempt).where(ContactAttempt.escalation_id == alert_id)
    ):
        said = f"{_name(session, one.staff_id)}: {kinds.get(one.kind, one.kind)}"
        if one.note_sealed:
            vault = system.vault(session)
            said += f". {vault.shown_note(patient_id, 'contact_attempt', one.id, one.note_sealed)}"
        lines.append(LogLine(one.at, said))
    notices = session.execute(
        select(Outbox, StaffContact)
        .join(StaffContact, StaffContact.id == Outbox.contact_id)
        .where(Outbox.escalation_id == alert_id)
    )
    for notice, contact in notices:
        how = wording.CHANNELS.get(notice.channel, notice.channel)
        state = wording.SENT.get(notice.state, notice.state)
        if notice.delivery == "delivered":
            state = wording.DELIVERED
        words = f"{how} to {_name(session, contact.staff_id)}: {state}"
        lines.append(LogLine(notice.sent_at or notice.created_at, words))
    return sorted(lines, key=lambda line: line.at)


def _act(session: Session, row: Audit) -> str:
    who = _name(session, row.actor.removeprefix("staff:")) if row.actor[:6] == "staff:" else ""
    level = wording.LEVELS.get(str(row.detail.get("level")), "")
    step = wording.STEPS.get(str(row.detail.get("step")), "this step")
    said = {
        "escalation.open": f"Opened: {level}",
        "escalation.rise": f"Rose to {level}",
        "escalation.acknowledge": f"{who} acknowledged it",
        "escalation.release": f"{who} gave it back; it called again",
        "escalation.ack_lapsed": "No outcome in time; it called again",
        "escalation.nobody": f"Nobody could be called for {step}",
        "escalation.unanswered": "Nobody answered a whole round; the patient was told",
        "escalation.newcomer": "Called whoever came on call",
        "escalation.hand_over": f"{who} asked {_name(session, row.detail.get('to'))} to take it",
        "escalation.holder_left": "Its holder went silent in the chat; it called again",
        "escalation.resolve": f"{who} resolved it",
    }
    return said.get(row.action, wording.ACTIONS.get(row.action, row.action))


def _name(session: Session, staff_id: str | None) -> str:
    person = session.get(Staff, staff_id) if staff_id else None
    return person.name if person else "Somebody no longer here"
