"""What to follow up about a patient, by whom and on which day (following.py has the forms).

One thing waits at a time: giving it to another, another day or other words changes it. It comes up
on the caseload of whoever has it when the day has come.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import feed
from clinic.console.relations import Ids
from clinic.console.sign_in.access import Who
from clinic.records.crypto import CryptoError
from clinic.records.models import CareRelation, FollowUp, Staff, new_id
from clinic.system import System

LONGEST = 200
ROLE = "therapist"


class MissingPartError(Exception):
    """It cannot be kept like this. ``problems`` is field -> what to do."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Waiting:
    what: str
    who: str
    due_on: date


@dataclass(frozen=True)
class Choices:
    """What the patient's page offers: who may have a follow-up, and to whom it can be handed."""

    waiting: Waiting | None
    team: list[Staff]
    #: Therapists outside the team; empty for whoever is not the patient's therapist.
    colleagues: list[Staff]


def choices(system: System, session: Session, patient_id: str, staff: Staff) -> Choices:
    """For the patient's page."""
    row = waiting(session, patient_id)
    team = _team(session, patient_id)
    mine = session.get(CareRelation, (patient_id, staff.id, ROLE)) is not None
    return Choices(
        waiting=_shown(system, session, row) if row else None,
        team=team if any(one.id == staff.id for one in team) else [*team, staff],
        colleagues=others(session, patient_id) if mine else [],
    )


def due(
    system: System, session: Session, patient_ids: Ids, staff_id: str, today: date
) -> dict[str, str]:
    """What this person has to follow up by today, in words, by patient."""
    rows = session.scalars(
        select(FollowUp).where(
            FollowUp.patient_id.in_(patient_ids),
            FollowUp.assigned_to == staff_id,
            FollowUp.done_at.is_(None),
            FollowUp.due_on <= today,
        )
    )
    return {row.patient_id: _words(system, session, row) for row in rows}


def keep(
    system: System, session: Session, patient_id: str, who: Who, what: str, to: str, on: str
) -> None:
    """Raises MissingPartError."""
    words, problems = " ".join(what.split()), {}
    if not words:
        problems["follow-what"] = "Say what there is to do."
    elif len(words) > LONGEST:
        problems["follow-what"] = f"Say it in {LONGEST} characters; these are {len(words)}."
    if to not in {one.id for one in choices(system, session, patient_id, who.staff).team}:
        problems["follow-to"] = "Choose who does it."
    day = _day(on)
    if day is None:
        problems["follow-on"] = "Choose a day."
    if problems or day is None:
        raise MissingPartError(problems)
    row = waiting(session, patient_id)
    if row is None:
        row = FollowUp(
            id=new_id(),
            patient_id=patient_id,
            created_by=who.staff.id,
            created_at=system.clock.now(),
        )
    row.assigned_to, row.due_on = to, day
    vault = system.vault(session)
    row.what_sealed = vault.seal(patient_id, "follow_up", "what", row.id, words)
    # Only whole: opening the vault sends what waits to the database.
    session.add(row)
    session.flush()
    note(system, session, who, "follow_up.keep", row)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def note(system: System, session: Session, who: Who, action: str, row: FollowUp) -> None:
    """On record, and on the open pages."""
    now, actor = system.clock.now(), f"staff:{who.staff.id}"
    system.audit.add(session, now, actor, action, f"follow_up:{row.id}", row.patient_id)
    feed.publish(system, session, feed.STAFF, "follow_up", row.id)


def waiting(session: Session, patient_id: str) -> FollowUp | None:
    """What waits about this patient."""
    return session.scalars(
        select(FollowUp)
        .where(FollowUp.patient_id == patient_id, FollowUp.done_at.is_(None))
        .with_for_update()
    ).first()


def _shown(system: System, session: Session, row: FollowUp) -> Waiting:
    name = session.get_one(Staff, row.assigned_to).name
    return Waiting(_words(system, session, row), name, row.due_on)


def _words(system: System, session: Session, row: FollowUp) -> str:
    try:
        cipher = system.vault(session).cipher(row.patient_id)
        return cipher.open("follow_up", "what", row.id, row.what_sealed)
    except CryptoError:
        return "words that do not open"


def _team(session: Session, patient_id: str) -> list[Staff]:
    """Whoever has a lasting relation to the patient."""
    return list(
        session.scalars(
            select(Staff)
            .where(
                # Not a join: somebody with two relations would come twice, and PostgreSQL cannot
                # tell rows with JSON apart.
                Staff.id.in_(
                    select(CareRelation.staff_id).where(CareRelation.patient_id == patient_id)
                ),
                Staff.active,
            )
            .order_by(Staff.id)
        )
    )


def others(session: Session, patient_id: str) -> list[Staff]:
    """Therapists who are not this patient's."""
    theirs = select(CareRelation.staff_id).where(
        CareRelation.patient_id == patient_id, CareRelation.kind == ROLE
    )
    rows = select(Staff).where(Staff.active, Staff.id.not_in(theirs)).order_by(Staff.name)
    return [one for one in session.scalars(rows) if ROLE in one.roles]
