"""Messages onto the record and onto the patient's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.content import ENGLISH, fill, registry
from clinic import crisis, feed
from clinic.conversation import measuring, whereabouts
from clinic.records.models import (
    Clinic,
    Conversation,
    Escalation,
    Heartbeat,
    Message,
    Outbox,
    Reader,
    Staff,
    StaffContact,
    new_id,
)
from clinic.records.vault import Vault
from clinic.system import System

PAGE = 50
#: How a patient is named among those who read (models.Reader).
PATIENT = "patient"
#: Behind "Help now": sentence, what pressing it does, which number.
_HELP = (
    ("help.emergency", "tel", "emergency_number"),
    ("help.crisis", "tel", "crisis_line"),
    ("help.crisis_text", "sms", "crisis_text"),
)


def locked(session: Session, conversation_id: str) -> Conversation:
    """The conversation's row, held until the transaction ends: who appends holds it."""
    return session.get_one(Conversation, conversation_id, with_for_update={"of": Conversation})


def append(
    system: System,
    session: Session,
    conversation: Conversation,
    author: str,
    text: str,
    **fields: Any,
) -> Message:
    """Store one message at the end of the conversation and tell the pages.

    The caller holds the conversation's row, so sequence numbers have no gaps and no twins.
    """
    message = Message(
        id=new_id(),
        conversation_id=conversation.id,
        seq=conversation.next_seq,
        author=author,
        created_at=system.clock.now(),
        **fields,
    )
    message.text_sealed = system.vault(session).seal(
        conversation.patient_id, "message", "text", message.id, text
    )
    conversation.next_seq += 1
    session.add(message)
    feed.publish(system, session, feed.conversation(conversation.id), "message", message.id)
    return message


def say(
    system: System,
    session: Session,
    conversation: Conversation,
    content: str,
    *,
    variant: int = 0,
    values: Mapping[str, str] | None = None,
    author: str = "bot",
    reply_to: str | None = None,
    locale: str | None = None,
) -> Message:
    """Store a sentence of the registry, with its id, version and phrasing (invariant I7).

    Clinic settings are known to every sentence; ``values`` adds the patient's own words.
    ``locale``: another language than the clinic's (data/content/<locale>).
    """
    locale = locale or system.settings.locale
    words = system.words if locale == system.settings.locale else registry(locale)
    item = words.item(content)
    known = whereabouts.known(system, session.get_one(Clinic, 1), conversation.patient)
    for name in item.values:
        if known.get(name) == crisis.UNKNOWN.get(name) and f"unknown.{name}" in words:
            known[name] = words.render(f"unknown.{name}")
    known |= dict(values or {})
    if item.measure:
        named = {name: known[name] for name in item.values}
        measuring.asked(system, session, conversation, item, named)
    return append(
        system,
        session,
        conversation,
        author,
        words.render(content, variant, known),
        kind=item.kind,
        locale=None if locale == ENGLISH else locale,
        content=item.id,
        content_version=item.version,
        variant=variant,
        reply_to=reply_to,
        choices=[
            {"id": choice.id, "title": fill(choice.title, known), "payload": choice.payload}
            for choice in item.choices
        ],
    )


def as_json(message: Message, vault: Vault, conversation: Conversation) -> dict[str, Any]:
    """A message as the patient's page gets it (docs/architecture/api.md)."""
    by_patient = message.author == "patient"
    return {
        "id": message.id,
        "seq": message.seq,
        "author": message.author,
        "name": None,
        "role": None,
        "kind": message.kind if message.kind in ("say", "ask", "card", "notice") else "say",
        "text": vault.shown_text(message, conversation.patient_id),
        "at": message.created_at.isoformat(),
        "content": message.content,
        "choices": [{"id": c["id"], "title": c["title"]} for c in message.choices],
        "breath": _breath(message),
        "state": message.turn if by_patient else None,
        "key": message.key if by_patient else None,
    }


def _breath(message: Message) -> dict[str, int] | None:
    """The pace to breathe at, when these very words ask for it."""
    items = registry(message.locale or ENGLISH)
    if message.content is None or message.content not in items:
        return None
    item = items.item(message.content)
    same = item.breath is not None and item.version == message.content_version
    return dict(item.breath or {}) if same else None


def page(
    system: System, session: Session, conversation: Conversation, before: int | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """The newest messages (older than ``before``), oldest first, and whether there are more."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.kind != "open", Message.spoken)
        .order_by(Message.seq.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        query = query.where(Message.seq < before)
    found = list(session.scalars(query))
    vault = system.vault(session)
    shown = [as_json(message, vault, conversation) for message in reversed(found[:PAGE])]
    _name_people(session, found, shown)
    return shown, len(found) > PAGE


def some(
    system: System, session: Session, conversation: Conversation, ids: list[str]
) -> dict[str, dict[str, Any]]:
    """Messages for the live feed, by id; without those that are not for the page."""
    found = list(
        session.scalars(
            select(Message).where(
                Message.id.in_(ids),
                Message.conversation_id == conversation.id,
                Message.kind != "open",
                Message.spoken,
            )
        )
    )
    vault = system.vault(session)
    shown = [as_json(message, vault, conversation) for message in found]
    _name_people(session, found, shown)
    return {entry["id"]: entry for entry in shown}


def state(system: System, session: Session, conversation: Conversation) -> dict[str, Any]:
    """Where we are and what is true: everything but the messages."""
    now = system.clock.now()
    patient = conversation.patient
    known = whereabouts.settings(session.get_one(Clinic, 1), patient)
    where = whereabouts.place(session, patient.id, now)
    number = {"number": str(where.number)} if where.number else {}
    holder = session.get(Staff, conversation.held_by) if conversation.held_by else None
    return {
        "clinic": {"name": known["clinic_name"], "phone": known["clinic_phone"]},
        "patient": {"name": system.vault(session).shown_name(patient)},
        "place": system.words.render(f"place.{where.stage}", 0, number),
        "stage": where.stage,
        "mode": conversation.mode,
        "human": {"name": holder.name, "role": holder.title} if holder else None,
        "help": help_lines(system, known),
        "alert": alert_notice(system, session, conversation, now),
        "staffed": engine_alive(system, session, now),
        "unstaffed": system.words.render("staff.unreachable"),
        "notice_due": conversation.notice_seen_at is None,
        "read": read_notice(system, session, conversation, now),
    }


def help_lines(system: System, known: Mapping[str, str]) -> dict[str, Any]:
    """The numbers behind "Help now", by the clinic's settings; baked into the page, so they work
    offline."""

    def line(item: str, href: str) -> dict[str, str]:
        return {
            "label": system.words.render(item, 0, known),
            "note": system.words.render(f"{item}_note", 0, known),
            "href": href,
        }

    lines = [
        line(item, f"{scheme}:{_dialable(known[number])}")
        for item, scheme, number in _HELP
        # Where no number is known there are words, and nothing to press.
        if _dialable(known[number])
    ]
    text = system.words.render("help.text" if lines else "help.text_unknown")
    if known["clinic_phone"]:
        lines.append(line("help.clinic", f"tel:{_dialable(known['clinic_phone'])}"))
    return {"text": text, "lines": lines}


def alert_notice(
    system: System, session: Session, conversation: Conversation, now: datetime
) -> dict[str, Any] | None:
    """Who was told and who saw it: from committed rows only (invariant I2)."""
    alert = session.scalars(
        select(Escalation)
        .where(Escalation.conversation_id == conversation.id, Escalation.state != "resolved")
        .order_by(Escalation.opened_at.desc())
    ).first()
    if alert is None:
        return None
    told_at: dict[str, datetime] = {}
    for name, sent_at in session.execute(
        select(Staff.name, Outbox.sent_at)
        .join(StaffContact, StaffContact.staff_id == Staff.id)
        .join(Outbox, Outbox.contact_id == StaffContact.id)
        .where(Outbox.escalation_id == alert.id, Outbox.state == "sent")
        .order_by(Outbox.sent_at)
    ):
        told_at.setdefault(name, sent_at or now)

    def at(moment: datetime) -> str:
        return whereabouts.clock_time(moment, conversation.patient, now)

    seen = told = None
    if told_at:
        first = at(next(iter(told_at.values())))
        told = system.words.render("alert.told", 0, {"time": first, "names": _all(told_at)})
    if alert.acked_by and alert.acked_at and alert.state == "acked":
        holder = session.get_one(Staff, alert.acked_by)
        seen = system.words.render(
            "alert.seen", 0, {"name": holder.name, "time": at(alert.acked_at)}
        )
    if alert.unanswered and alert.state == "open":
        told = system.words.render("alert.unanswered")
    return {"level": alert.level, "told": told, "seen": seen}


def read_notice(
    system: System, session: Session, conversation: Conversation, now: datetime
) -> dict[str, Any] | None:
    """Who has opened the patient's newest words, and when (invariant I2): from committed rows. Only
    a person's own act counts; a page that stays open does not."""
    readers = session.execute(
        select(Staff.name, Reader.seq, Reader.read_at)
        .join(Reader, Reader.who == Staff.id)
        .where(Reader.conversation_id == conversation.id)
        .order_by(Reader.read_at)
    ).all()
    newest = session.scalar(
        select(func.max(Message.seq)).where(
            Message.conversation_id == conversation.id,
            Message.author == "patient",
            Message.kind != "open",
        )
    )
    for name, seq, read_at in readers:
        if newest is not None and seq >= newest:
            time = whereabouts.clock_time(read_at, conversation.patient, now)
            return {
                "seq": newest,
                "text": system.words.render("receipt.read", 0, {"name": name, "time": time}),
            }
    return None


def mark_read(
    system: System, session: Session, conversation: Conversation, who: str, seq: int
) -> None:
    """Somebody (a staff id, or ``patient``) has the conversation open, read up to ``seq``."""
    now = system.clock.now()
    reader = session.get(Reader, (conversation.id, who))
    if reader is None:
        reader = Reader(conversation_id=conversation.id, who=who, seq=0, read_at=now, here_at=now)
        session.add(reader)
    reader.here_at = now
    if seq > reader.seq:
        reader.seq, reader.read_at = seq, now
        audience = feed.STAFF if who == PATIENT else feed.conversation(conversation.id)
        kind, ref = ("read", conversation.id) if who == PATIENT else ("state", "")
        feed.publish(system, session, audience, kind, ref)


def engine_alive(system: System, session: Session, now: datetime) -> bool:
    """Whether the alert engine has given a sign of life lately."""
    beat = session.get(Heartbeat, "engine")
    silent = system.settings.engine_silent_after
    return beat is not None and abs((now - beat.at).total_seconds()) <= silent


def _name_people(session: Session, messages: list[Message], shown: list[dict[str, Any]]) -> None:
    """A human's words carry name and role, so nobody wonders who is speaking."""
    by_id = {message.id: message.staff_id for message in messages if message.staff_id}
    for entry in shown:
        if entry["id"] in by_id:
            person = session.get_one(Staff, by_id[entry["id"]])
            entry["name"], entry["role"] = person.name, person.title


def _all(names: Iterable[str]) -> str:
    """ "Ada", "Ada and Ben", "Ada, Ben and Cleo"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _dialable(number: str) -> str:
    return "".join(c for c in number if c.isdigit() or c == "+")
