"""The patients somebody may read, each with what they need. A handful of questions to the database,
however many patients."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from bot import measures, stages
from clinic.console import relations, wording
from clinic.console.desk import zone
from clinic.console.inbox import follow_up, needs, queue
from clinic.console.inbox.needs import Alert, Change, Facts, Need
from clinic.console.review import review
from clinic.conversation import measuring, whereabouts
from clinic.journal import entries
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    FROM_PATIENT,
    Annotation,
    Clinic,
    Conversation,
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    Reviewed,
    Staff,
    Touch,
)
from clinic.records.vault import Vault
from clinic.system import System

Ids = Collection[str]


@dataclass(frozen=True)
class Case:
    """One patient on the list."""

    id: str
    name: str
    initials: str
    stage: str
    place: str
    #: Hours since the end of the last infusion; None before the first.
    hours: float | None
    #: Why this clinician may read them.
    reason: str
    facts: Facts
    needs: list[Need]
    #: What staff have tagged their messages with.
    tags: frozenset[str] = frozenset()


def of(system: System, session: Session, staff: Staff) -> list[Case]:
    """Every patient this person may read, those who need them first."""
    now = system.clock.now()
    mine = relations.readable(session, staff, now)
    clinic = session.get_one(Clinic, 1)
    when = wording.When(now, zone(clinic))
    vault, clock = system.vault(session), whereabouts.clock(clinic)
    patients = session.scalars(select(Patient).where(Patient.id.in_(mine))).all()
    held = _infusions(session, mine)
    known = _facts(session, vault, staff, patients, held, now)
    due = follow_up.due(system, session, list(mine), staff.id, when.day(now))
    marked = tags(session, vault, mine)
    cases = []
    for patient in patients:
        name = vault.shown_name(patient)
        facts = replace(known[patient.id], follow_up=due.get(patient.id, ""))
        past = held.get(patient.id, [])
        place = stages.place(now, past, clock, patient.program)
        cases.append(
            Case(
                id=patient.id,
                name=name,
                initials=wording.initials(name),
                stage=place.stage,
                place=wording.PLACES[place.stage].format(number=place.number),
                hours=_hours_since(past, now),
                reason=wording.REASONS[mine[patient.id]],
                facts=facts,
                needs=needs.needs(facts, when),
                tags=frozenset(marked.get(patient.id, ())),
            )
        )
    return sorted(
        cases, key=lambda one: (*needs.order(one.needs, one.facts), one.name.casefold(), one.id)
    )


def _facts(
    session: Session,
    vault: Vault,
    staff: Staff,
    patients: Sequence[Patient],
    held: Mapping[str, list[stages.Infusion]],
    now: datetime,
) -> dict[str, Facts]:
    ids = [patient.id for patient in patients]
    risks, wrote = _risks(session, ids), _wrote(session, ids)
    unread = review.unread(session, staff.id, ids)
    shared = _counts(session, _shared(ids, staff.id))
    asked = _counts(session, _asked(ids))
    missed = _counts(session, _missed(ids))
    alerts = _alerts(session, ids)
    changes = _changes(session, vault, ids)
    return {
        patient.id: Facts(
            risk=risks.get(patient.id, "none"),
            alert=alerts.get(patient.id),
            requests=asked[patient.id],
            changes=tuple(changes[patient.id]),
            unread=unread[patient.id].count if patient.id in unread else 0,
            entries=shared[patient.id],
            missed=missed[patient.id],
            coming=_next(held.get(patient.id, []), now),
            last_at=wrote.get(patient.id),
            known_since=patient.created_at,
            ended=patient.program == "ended",
        )
        for patient in patients
    }


# -- one question each, for all patients at once -------------------------------------------------


def _wrote(session: Session, ids: Ids) -> dict[str, datetime]:
    """When each last wrote; a quiet page of the journal is writing too."""
    last = (
        select(Message.created_at)
        .where(Message.conversation_id == Conversation.id, FROM_PATIENT)
        .order_by(Message.seq.desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Conversation.patient_id, last).where(Conversation.patient_id.in_(ids))
    )
    return {patient: at for patient, at in rows if at is not None}


def _risks(session: Session, ids: Ids) -> dict[str, str]:
    rows = session.execute(
        select(Conversation.patient_id, Conversation.risk_level).where(
            Conversation.patient_id.in_(ids)
        )
    )
    return {patient: level for patient, level in rows}  # noqa: C416 - rows are not pairs to mypy


def _shared(ids: Ids, staff_id: str) -> Select[str, int]:
    """Journal entries shared or changed since this clinician had marked past them."""
    return (
        select(Record.patient_id, func.count())
        .join(Message, Message.id == Record.message_id)
        .join(Reviewed, Reviewed.conversation_id == Message.conversation_id)
        .where(
            Record.patient_id.in_(ids),
            Record.kind == entries.KIND,
            Record.sharing == "shared",
            Reviewed.staff_id == staff_id,
            Record.updated_at > Reviewed.at,
            Message.seq <= Reviewed.seq,
        )
        .group_by(Record.patient_id)
    )


def _asked(ids: Ids) -> Select[str, int]:
    open_ones = or_(Record.state.is_(None), Record.state != queue.DONE)
    return (
        select(Record.patient_id, func.count())
        .where(Record.patient_id.in_(ids), Record.kind == "clinic_task", open_ones)
        .group_by(Record.patient_id)
    )


def _missed(ids: Ids) -> Select[str, int]:
    """Visits unanswered since the patient last wrote."""
    wrote_since = (
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.patient_id == Touch.patient_id,
            FROM_PATIENT,
            Message.created_at > Touch.due_at,
        )
        .exists()
    )
    return (
        select(Touch.patient_id, func.count())
        .where(
            Touch.patient_id.in_(ids),
            Touch.state == "missed",
            Touch.reason == "not_answered",
            ~wrote_since,
        )
        .group_by(Touch.patient_id)
    )


def _counts(session: Session, query: Select[str, int]) -> dict[str, int]:
    return defaultdict(int, ((patient, count) for patient, count in session.execute(query)))


def _infusions(session: Session, ids: Ids) -> dict[str, list[stages.Infusion]]:
    """Columns, not rows of the session: a list of patients asks for thousands."""
    rows = session.execute(
        select(
            Infusion.patient_id,
            Infusion.number,
            Infusion.started_at,
            Infusion.ended_at,
            Infusion.cancelled,
            Infusion.booster,
        ).where(Infusion.patient_id.in_(ids))
    )
    held: dict[str, list[stages.Infusion]] = {}
    for patient_id, number, start, end, cancelled, booster in rows:
        one = stages.Infusion(number, start, end, cancelled, booster)
        held.setdefault(patient_id, []).append(one)
    return held


def _alerts(session: Session, ids: Ids) -> dict[str, Alert]:
    rows = session.execute(
        select(Escalation, Staff.name)
        .outerjoin(Staff, and_(Staff.id == Escalation.acked_by, Escalation.state == "acked"))
        .where(Escalation.state != "resolved", Escalation.patient_id.in_(ids))
    )
    return {
        one.patient_id: Alert(
            one.id, one.number, one.level, tuple(one.categories), one.opened_at, holder or ""
        )
        for one, holder in rows
    }


def _changes(session: Session, vault: Vault, ids: Ids) -> dict[str, list[Change]]:
    """The newest two finished of each measure in which a change can mean something."""
    # A measure's key is its name, a dash and an id of 32 letters (conversation/measuring.py).
    name = func.substr(Record.key, 1, func.length(Record.key) - 33)
    place = func.row_number().over(
        partition_by=(Record.patient_id, name), order_by=(Record.updated_at.desc(), Record.key)
    )
    ranked = (
        select(Record.id, place.label("place"))
        .where(
            Record.patient_id.in_(ids), Record.kind == measuring.KIND, Record.state == "complete"
        )
        .subquery()
    )
    rows = session.execute(
        select(Record.patient_id, Record.id, Record.data_sealed, Record.updated_at)
        .join(ranked, ranked.c.id == Record.id)
        .where(ranked.c.place <= 2)
        .order_by(Record.updated_at, Record.key)
    )
    scores = defaultdict(list)
    for patient_id, row_id, sealed, at in rows:
        try:
            data = json.loads(vault.cipher(patient_id).open("record", "data", row_id, sealed))
        except CryptoError:
            # Shown as such on the patient's own page; the list lives.
            continue
        value = (data["score"] or {}).get("value")
        if value is not None:
            scores[patient_id, data["measure"]].append((at, value))
    found: dict[str, list[Change]] = defaultdict(list)
    for (patient_id, measure_id), pairs in scores.items():
        measure = measures.measures().get(measure_id)
        if measure is not None and measure.change is not None and len(pairs) == 2:
            (_, before), (at, after) = pairs
            said = measures.changed(measure, before, after)
            found[patient_id].append(Change(measure.name, before, after, said, at))
    return found


def tags(session: Session, vault: Vault, ids: Ids) -> dict[str, set[str]]:
    """What staff have tagged the messages of each with."""
    rows = session.execute(
        select(Annotation.patient_id, Annotation.id, Annotation.text_sealed).where(
            Annotation.patient_id.in_(ids),
            Annotation.kind == "tag",
            Annotation.removed_at.is_(None),
        )
    )
    found = defaultdict(set)
    for patient_id, row_id, sealed in rows:
        with contextlib.suppress(CryptoError):
            words = vault.cipher(patient_id).open("annotation", "text", row_id, sealed or b"")
            found[patient_id].add(words)
    return found


def _next(held: list[stages.Infusion], now: datetime) -> tuple[int, datetime] | None:
    ahead = [(one.start, one.number) for one in held if not one.cancelled and one.start > now]
    return (min(ahead)[1], min(ahead)[0]) if ahead else None


def _hours_since(held: list[stages.Infusion], now: datetime) -> float | None:
    ends = [one.end for one in held if one.end and not one.cancelled and one.end <= now]
    return (now - max(ends)).total_seconds() / 3600 if ends else None
