"""Ten codes on paper for whoever has lost their phone: each stands in for it once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from clinic.escalation import on_call
from clinic.notify import RECOVERED
from clinic.records.models import Outbox, RecoveryCode, Staff
from clinic.system import System

COUNT = 10
#: Letters and digits nobody confuses when typing from paper.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
#: 31 signs, ten of them: 49 bits, behind a password and a count of tries.
_LENGTH = 10
#: Behind every alert, before what only informs.
_PRIORITY = 50


@dataclass(frozen=True)
class Left:
    """How many codes a person has left, and when they were made (None: never)."""

    count: int
    made_at: datetime | None


def renew(system: System, session: Session, staff_id: str) -> list[str]:
    """Ten fresh codes, as they are shown this once; the earlier ones stop working."""
    now = system.clock.now()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    for code in codes:
        session.add(
            RecoveryCode(staff_id=staff_id, code_hash=_hash(system, staff_id, code), created_at=now)
        )
    session.flush()
    system.audit.add(session, now, f"staff:{staff_id}", "recovery.renew", f"staff:{staff_id}")
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def forget(session: Session, staff_id: str) -> None:
    """None is left: they belonged to a sign-in that is over."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))


def left(session: Session, staff_id: str) -> Left:
    count, made_at = session.execute(
        select(
            func.count().filter(RecoveryCode.used_at.is_(None)), func.max(RecoveryCode.created_at)
        ).where(RecoveryCode.staff_id == staff_id)
    ).one()
    return Left(count, made_at)


def use(system: System, session: Session, staff: Staff, typed: str) -> bool:
    """Whether this is one of their codes and unused; then it is used up, and they are told."""
    now = system.clock.now()
    row = session.scalars(
        select(RecoveryCode)
        .where(
            RecoveryCode.code_hash == _hash(system, staff.id, _plain(typed)),
            RecoveryCode.used_at.is_(None),
        )
        .with_for_update()
    ).first()
    if row is None:
        return False
    row.used_at = now
    session.flush()
    _tell(session, staff, row, left(session, staff.id).count, now)
    return True


def _tell(session: Session, staff: Staff, row: RecoveryCode, count: int, now: datetime) -> None:
    """By mail, to every address they have proved: whoever else used it cannot take that back."""
    for contact in on_call.contacts(session, staff.id):
        if contact.channel == "email":
            session.add(
                Outbox(
                    key=f"recovery/{row.id}/{contact.id}",
                    channel=contact.channel,
                    contact_id=contact.id,
                    template=RECOVERED,
                    params={"left": count},
                    priority=_PRIORITY,
                    due_at=now,
                    created_at=now,
                )
            )


def _plain(typed: str) -> str:
    return "".join(c for c in typed.casefold() if c.isalnum())


def _hash(system: System, staff_id: str, code: str) -> str:
    return system.hash(f"recovery code {staff_id} {code}")
