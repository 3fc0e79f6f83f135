"""Who is on call, now and ahead, and whom a step of the policy reaches.

On call are the people of every shift and rotation that covers a moment, but for those whom an
override replaces. Rotations hand over at a wall-clock time of the clinic's zone, so the change of
clocks makes a turn an hour longer or shorter and moves no hand-over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from clinic.records.models import (
    CareRelation,
    Clinic,
    OnCallShift,
    Outbox,
    Rotation,
    Staff,
    StaffContact,
)

CLINICAL_ROLES = ("therapist", "on_call", "supervisor")
#: How far ahead gaps are looked for.
AHEAD = timedelta(days=7)


@dataclass(frozen=True)
class Duty:
    """One person on call from ``starts_at`` until ``ends_at`` (None: until further notice)."""

    staff_id: str
    starts_at: datetime
    ends_at: datetime | None
    source: str
    replaces_id: str | None = None

    def covers(self, now: datetime) -> bool:
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True)
class Span:
    """A stretch of time with the same people on call. No ``people``: a gap. ``reachable`` says
    whether any of them has a verified way to be reached."""

    starts_at: datetime
    ends_at: datetime
    people: tuple[str, ...]
    reachable: bool


def on_call(session: Session, now: datetime) -> list[Staff]:
    """Clinicians who are on call at ``now``. Whoever leaves, or is a clinician no longer, is not on
    call from that moment, whatever the rota says."""
    found = _at(duties(session, now, now), now)
    return [person for person in _clinicians(session) if person.id in found]


def duties(session: Session, first: datetime, last: datetime) -> list[Duty]:
    """Every duty that touches the time from ``first`` to ``last``, both included."""
    shifts = session.scalars(
        select(OnCallShift).where(
            OnCallShift.starts_at <= last,
            or_(OnCallShift.ends_at.is_(None), OnCallShift.ends_at > first),
        )
    )
    found = [
        Duty(
            shift.staff_id,
            shift.starts_at,
            shift.ends_at,
            "override" if shift.replaces_id else "shift",
            shift.replaces_id,
        )
        for shift in shifts
    ]
    clinic = session.get(Clinic, 1)
    zone = ZoneInfo(clinic.timezone if clinic else "UTC")
    for rotation in session.scalars(select(Rotation)):
        found += turns(rotation, zone, first, last)
    return found


def turns(rotation: Rotation, zone: ZoneInfo, first: datetime, last: datetime) -> list[Duty]:
    """The turns of a rotation that touch ``first`` to ``last``, each from hand-over to hand-over in
    the zone. A hand-over in an hour that the clocks skip happens when they have; one in an hour
    that comes twice happens the first time."""
    found: list[Duty] = []
    # A day early: a turn that began yesterday by the wall clock may still run.
    number = max(0, (first.astimezone(zone).date() - rotation.starts_on).days // rotation.days - 1)
    while rotation.members:
        day = rotation.starts_on + timedelta(days=number * rotation.days)
        if rotation.ends_on and day >= rotation.ends_on:
            break
        until = day + timedelta(days=rotation.days)
        until = min(until, rotation.ends_on) if rotation.ends_on else until
        starts, ends = (
            datetime.combine(date, rotation.hand_over, zone).astimezone(UTC)
            for date in (day, until)
        )
        if starts > last:
            break
        if ends > first:
            member = rotation.members[number % len(rotation.members)]
            found.append(Duty(member, starts, ends, rotation.name))
        number += 1
    return found


def spans(session: Session, now: datetime, ahead: timedelta = AHEAD) -> list[Span]:
    """Who is on call from ``now`` for ``ahead``, in order, without holes: gaps have nobody."""
    end = now + ahead
    found = duties(session, now, end)
    edges = {now, end} | {
        edge
        for duty in found
        for edge in (duty.starts_at, duty.ends_at)
        if edge is not None and now < edge < end
    }
    active = {person.id: person.name for person in _clinicians(session)}
    reached = {person for person in active if contacts(session, person)}
    result: list[Span] = []
    for starts, ends in pairwise(sorted(edges)):
        people = _at(found, starts) & set(active)
        names = tuple(sorted(active[person] for person in people))
        if result and result[-1].people == names:
            starts = result.pop().starts_at
        result.append(Span(starts, ends, names, bool(people & reached)))
    return result


def gaps(session: Session, now: datetime, ahead: timedelta = AHEAD) -> list[Span]:
    """Stretches ahead in which an alert would reach nobody on call."""
    return [span for span in spans(session, now, ahead) if not span.reachable]


def targets(session: Session, to: str, patient_id: str, now: datetime) -> list[Staff]:
    """People a policy step names (``to``: on_call, team, everyone, fallback)."""
    people = {} if to == "fallback" else {p.id: p for p in on_call(session, now)}
    if to in ("team", "everyone"):
        own = select(CareRelation.staff_id).where(CareRelation.patient_id == patient_id)
        people |= {p.id: p for p in _active(session) if p.id in set(session.scalars(own))}
    if to == "fallback":
        people = {p.id: p for p in fallback(session)}
    if to == "everyone" or (not people and to == "fallback"):
        people |= {p.id: p for p in _clinicians(session)}
    return list(people.values())


def fallback(session: Session) -> list[Staff]:
    """Whom the clinic named for when nobody answers (setting ``fallback``: staff ids)."""
    clinic = session.get(Clinic, 1)
    named = clinic.settings.get("fallback", []) if clinic else []
    return [person for person in _active(session) if person.id in named]


def ever(session: Session, now: datetime) -> bool:
    """Whether anybody who can be reached is on call now or at any time in the days ahead."""
    return any(span.reachable for span in spans(session, now))


def reachable(session: Session, now: datetime) -> list[Staff]:
    """People on call now who have a verified way to be reached."""
    return [person for person in on_call(session, now) if contacts(session, person.id)]


def contacts(session: Session, staff_id: str) -> list[StaffContact]:
    """Verified ways to reach a person; an address nobody confirmed does not count."""
    return list(
        session.scalars(
            select(StaffContact)
            .where(StaffContact.staff_id == staff_id, StaffContact.verified_at.is_not(None))
            .order_by(StaffContact.id)
        )
    )


def told(session: Session, escalation_id: str) -> set[str]:
    """Who has been called for an alert, or is about to be."""
    return set(
        session.scalars(
            select(StaffContact.staff_id)
            .join(Outbox, Outbox.contact_id == StaffContact.id)
            .where(Outbox.escalation_id == escalation_id)
        )
    )


def _at(found: Sequence[Duty], now: datetime) -> set[str]:
    running = [duty for duty in found if duty.covers(now)]
    replaced = {duty.replaces_id for duty in running}
    # An override's own person is never struck off by it.
    return {duty.staff_id for duty in running if duty.staff_id not in replaced or duty.replaces_id}


def _active(session: Session) -> list[Staff]:
    return list(session.scalars(select(Staff).where(Staff.active).order_by(Staff.name, Staff.id)))


def _clinicians(session: Session) -> list[Staff]:
    return [person for person in _active(session) if set(person.roles) & set(CLINICAL_ROLES)]
