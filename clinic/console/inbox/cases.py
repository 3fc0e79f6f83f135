"""The patients somebody may read, each with what they need. A handful of questions to the database,
however many patients."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from bot import stages
from clinic.console import relations, wording
from clinic.console.desk import zone
from clinic.console.inbox import follow_up, handed, needs, scores
from clinic.console.inbox.needs import Alert, Change, Facts, Mood, Need
from clinic.console.relations import Ids
from clinic.console.review import review
from clinic.conversation import whereabouts
from clinic.journal import entries
from clinic.records.crypto import CryptoError
from clinic.records.models import (
    FROM_PATIENT,
    TASK_DONE,
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

#: A row of columns, by their names.
Columns = Any


class Case(NamedTuple):
    """One patient on the list."""

    id: str
    name: str
    #: Where in the program, worked out for the rows that are shown or chosen by it.
    where: Callable[[], stages.Place]
    #: Hours since the end of the last infusion; None before the first.
    hours: float | None
    #: Why this clinician may read them.
    reason: str
    facts: Facts
    needs: list[Need]
    #: What staff have tagged their messages with.
    tags: frozenset[str] = frozenset()

    @property
    def stage(self) -> str:
        return self.where().stage

    @property
    def place(self) -> str:
        """The same in words."""
        where = self.where()
        return wording.PLACES[where.stage].format(number=where.number)


def of(system: System, session: Session, staff: Staff, since: datetime | None = None) -> list[Case]:
    """Every patient this person may read, those who need them first. ``since``: how far back a
    score that changed is looked for, where that is further than the policy's days."""
    now = system.clock.now()
    mine = relations.readable(session, staff, now)
    clinic = session.get_one(Clinic, 1)
    when = wording.When(now, zone(clinic))
    vault, clock = system.vault(session), whereabouts.clock(clinic)
    ids = relations.asked_for(staff, mine)
    patients = [one for one in _patients(session, ids, staff.id) if one.id in mine]
    # First, so that the keys are at hand for what else is sealed.
    names = {patient.id: vault.shown_name(patient) for patient in patients}
    held = _infusions(session, ids, now)
    due = follow_up.due(system, session, ids, staff.id, when.day(now))
    changes, moods = scores.changes(session, vault, ids, min(needs.score_news(now), since or now))
    given = handed.notes(session, vault, ids, staff)
    known = _facts(session, staff, ids, patients, held, given, due, changes, moods, now)
    marked = tags(session, vault, ids)
    cases = []
    for patient in patients:
        name, facts = names[patient.id], known[patient.id]
        past = held.get(patient.id, [])
        cases.append(
            Case(
                id=patient.id,
                name=name,
                where=partial(stages.place, now, past, clock, patient.program),
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
    staff: Staff,
    ids: Ids,
    patients: Sequence[Columns],
    held: Mapping[str, list[stages.Infusion]],
    given: Mapping[str, str],
    due: Mapping[str, str],
    changes: Mapping[str, list[Change]],
    moods: Mapping[str, Mood],
    now: datetime,
) -> dict[str, Facts]:
    shared = _counts(session, _shared(ids, staff.id))
    asked = _counts(session, _asked(ids))
    missed = _counts(session, _missed(ids))
    alerts = _alerts(session, ids)
    return {
        patient.id: Facts(
            risk=patient.risk_level or "none",
            alert=alerts.get(patient.id),
            requests=asked[patient.id],
            handed=given.get(patient.id, ""),
            follow_up=due.get(patient.id, ""),
            changes=tuple(changes.get(patient.id, ())),
            mood=moods.get(patient.id),
            unread=patient.unread or 0,
            entries=shared[patient.id],
            missed=missed[patient.id],
            coming=_next(held.get(patient.id, []), now),
            last_at=patient.wrote,
            known_since=patient.created_at,
            ended=patient.program == "ended",
        )
        for patient in patients
    }


# -- one question each, for all patients at once -------------------------------------------------


def _patients(session: Session, ids: Ids, staff_id: str) -> Sequence[Columns]:
    """Columns, not rows of the session, here and below: a supervisor's list is of hundreds. With
    the risk the conversation carries, and when they last ``wrote``; a quiet page of the journal is
    writing too. ``unread``: messages this person has not marked."""
    wrote = (
        select(Message.created_at)
        .where(Message.conversation_id == Conversation.id, FROM_PATIENT)
        .order_by(Message.seq.desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    return session.execute(
        select(
            Patient.id,
            Patient.data_key,
            Patient.name_sealed,
            Patient.program,
            Patient.created_at,
            Conversation.risk_level,
            wrote.label("wrote"),
            review.unread_up_to(staff_id, needs.MANY).label("unread"),
        )
        .outerjoin(Conversation, Conversation.patient_id == Patient.id)
        .where(Patient.id.in_(ids))
    ).all()


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
    open_ones = or_(Record.state.is_(None), Record.state != TASK_DONE)
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


def _infusions(session: Session, ids: Ids, now: datetime) -> dict[str, list[stages.Infusion]]:
    """Those a stage is made of: the last that is over, and what began or begins after it."""
    later = aliased(Infusion)
    over_since = (
        select(later.id)
        .where(
            later.patient_id == Infusion.patient_id,
            later.cancelled.is_(False),
            later.ended_at <= now,
            later.started_at > Infusion.started_at,
        )
        .exists()
    )
    rows = session.execute(
        select(
            Infusion.patient_id,
            Infusion.number,
            Infusion.started_at,
            Infusion.ended_at,
            Infusion.booster,
        ).where(Infusion.patient_id.in_(ids), Infusion.cancelled.is_(False), ~over_since)
    )
    held: dict[str, list[stages.Infusion]] = defaultdict(list)
    for patient_id, number, start, end, booster in rows:
        held[patient_id].append(stages.Infusion(number, start, end, booster=booster))
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
