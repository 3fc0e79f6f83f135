"""Deliver what is due. You can read this worker in one sitting.

1. Claim one row in a short transaction: it becomes ``sending`` with a lease and a higher attempt.
   A row whose lease ran out is claimable again: a worker that died loses nothing.
2. At the claim, ask whether it is still wanted, and whether its contact still counts.
3. Send, with no transaction open.
   One to a patient is looked at once more, right before (clinic/wake).
4. Settle, only if this worker still has the lease under this attempt: a late worker changes
   nothing.

Duplicates are acceptable, losses are not. Provider acceptance is not a human's answer: only an
acknowledgement stops an escalation. What cannot be delivered moves its alert on at once.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, select, true, update
from sqlalchemy.orm import Session

from clinic import invitations
from clinic.notify import (
    ACKNOWLEDGED,
    CODE,
    INVITED,
    RENEWED,
    RESOLVED,
    AccountError,
    Channels,
    GoneError,
    Outgoing,
    PermanentError,
    TemporaryError,
    UnknownError,
    contacts,
)
from clinic.outbox import outcome
from clinic.records.models import Escalation, Outbox, StaffContact
from clinic.system import System
from clinic.wake import calls

log = logging.getLogger("afterglow.outbox")

_LEASE = timedelta(seconds=30)
_FIRST_WAIT = 5.0
_LONGEST_WAIT = 300.0
#: What is only news while the alert is in this state.
_NEWS_WHILE = {ACKNOWLEDGED: "acked", RESOLVED: "resolved"}

Lane = ColumnElement[bool]


@dataclass(frozen=True)
class Claimed:
    row: int
    attempt: int
    channel: str
    outgoing: Outgoing
    to_patient: bool = False


def lanes(channels: Channels) -> list[Lane]:
    """One for each channel, so that a provider that hangs holds up nobody else's; and one for rows
    of channels that are no longer installed."""
    names = channels.names
    return [*(Outbox.channel == name for name in names), Outbox.channel.not_in(names)]


def deliver_due(system: System, channels: Channels, owner: str, lane: Lane | None = None) -> int:
    """Deliver every row that is due now, of one lane or of all; returns how many were tried."""
    tried = 0
    for one in lanes(channels) if lane is None else [lane]:
        # Looking costs no write lock; most of the time there is nothing.
        while _anything_due(system, one) and (claimed := claim(system, owner, one)) is not None:
            tried += 1
            deliver(system, channels, owner, claimed)
    return tried


def deliver(system: System, channels: Channels, owner: str, claimed: Claimed) -> None:
    """Send one claimed row and settle it by what came of it."""
    if claimed.to_patient and not calls.still_wanted(system, claimed.row):
        settle(system, owner, claimed, "dropped")
        return
    try:
        provider_id = channels.send(claimed.channel, claimed.outgoing)
    except (PermanentError, UnknownError) as error:
        gone = isinstance(error, GoneError)
        doubt = "unknown: " if isinstance(error, UnknownError) else ""
        settle(system, owner, claimed, "failed", error=f"{doubt}{error}", gone=gone)
    except TemporaryError as error:
        # Our own account is refused: that will not be mended within the step's minutes.
        move_on = isinstance(error, AccountError) and claimed.attempt == 1
        settle(
            system, owner, claimed, "queued", error=str(error), wait=error.after, move_on=move_on
        )
    except Exception as error:
        # An error nobody foresaw is worth another try; its name is all that is safe to keep.
        settle(system, owner, claimed, "queued", error=type(error).__name__)
    else:
        settle(system, owner, claimed, "sent", provider_id=provider_id)


def claim(system: System, owner: str, lane: Lane | None = None) -> Claimed | None:
    """Take the most urgent row that is due, or one whose sender went silent."""
    now = system.clock.now()
    with system.database.write() as session:
        while (row := _first_due(session, now, true() if lane is None else lane)) is not None:
            row.attempt += 1
            outgoing = _outgoing(system, session, row)
            if outgoing is not None:
                row.state, row.lease_owner, row.lease_until = "sending", owner, now + _LEASE
                to_patient = row.patient_contact_id is not None
                return Claimed(row.id, row.attempt, row.channel, outgoing, to_patient)
            row.attempt -= 1
            if row.state != "failed":
                row.state = "dropped"
            session.flush()
    return None


def settle(
    system: System,
    owner: str,
    claimed: Claimed,
    state: str,
    provider_id: str | None = None,
    error: str | None = None,
    wait: float = 0.0,
    gone: bool = False,
    move_on: bool = False,
) -> bool:
    """Write the outcome, if this worker still holds the row. Returns whether it did."""
    now = system.clock.now()
    with system.database.write() as session:
        row = session.scalars(
            update(Outbox)
            .where(
                Outbox.id == claimed.row,
                Outbox.state == "sending",
                Outbox.lease_owner == owner,
                Outbox.attempt == claimed.attempt,
            )
            .values(
                state=state,
                provider_id=provider_id,
                # A provider that reported a failure before we could note the sending is right.
                last_error=case((Outbox.delivery == "failed", Outbox.last_error), else_=error),
                lease_until=None,
                sent_at=now if state == "sent" else None,
                due_at=now + timedelta(seconds=max(wait, _wait(claimed.attempt))),
            )
            .returning(Outbox)
        ).first()
        if row is None:
            return False
        if state == "failed":
            outcome.failed(system, session, row, now, gone=gone)
        elif state == "sent":
            outcome.sent(system, session, row, now)
        elif move_on:
            outcome.move_on(session, row, now)
        outcome.show(system, session, row)
    if error is not None:
        log.warning("notification %s not delivered: %s", claimed.row, error)
    return True


def _first_due(session: Session, now: datetime, lane: Lane) -> Outbox | None:
    """The most urgent of those never tried or due again, and those whose lease ran out.

    Two questions, each answered from the front of an index: one with OR would sort all that wait.
    """
    found = [
        row
        for query in _due(now, lane)
        if (row := session.scalars(query.with_for_update(skip_locked=True)).first()) is not None
    ]
    return min(found, key=lambda row: (row.priority, row.due_at, row.id), default=None)


def _anything_due(system: System, lane: Lane) -> bool:
    now = system.clock.now()
    with system.database.read() as session:
        return any(session.scalars(query).first() is not None for query in _due(now, lane))


def _due(now: datetime, lane: Lane) -> list[Select[Outbox]]:
    states = (
        and_(Outbox.state == "queued", Outbox.due_at <= now),
        and_(Outbox.state == "sending", Outbox.lease_until <= now),
    )
    order = (Outbox.priority, Outbox.due_at)
    return [select(Outbox).where(state, lane).order_by(*order).limit(1) for state in states]


def _wanted(session: Session, row: Outbox) -> bool:
    """Whether anybody still needs to hear it: not once a human has answered."""
    if row.escalation_id is None:
        return True
    alert = session.get_one(Escalation, row.escalation_id)
    if row.template in _NEWS_WHILE:
        return alert.state == _NEWS_WHILE[row.template]
    return alert.state == "open" or (alert.state == "acked" and "/more/" in row.key)


def _params(system: System, session: Session, row: Outbox) -> dict[str, object] | None:
    """What the text needs. A code's digits and an invitation's link are worked out here and stored
    nowhere; None: over."""
    if row.template in (INVITED, RENEWED):
        return invitations.params(system, session, row.params["link_of"])
    if row.template != CODE:
        return dict(row.params)
    digits = contacts.code_for(system, session, row.params["code_of"])
    return (digits and {"code": digits, "minutes": row.params["minutes"]}) or None


def _outgoing(system: System, session: Session, row: Outbox) -> Outgoing | None:
    """What is to be sent; None: it is not wanted any more, or has failed already."""
    if row.patient_contact_id is not None:
        return calls.outgoing(system, session, row)
    if not _wanted(session, row):
        return None
    contact = session.get_one(StaffContact, row.contact_id)
    if contact.verified_at is None and row.template not in (CODE, INVITED, RENEWED):
        # Removed since, or never confirmed: nothing goes there, and somebody else is told.
        row.state, row.last_error = "failed", "contact does not count"
        outcome.failed(system, session, row, system.clock.now())
        return None
    params = _params(system, session, row)
    if params is None:
        return None
    return Outgoing(row.key, contact.address, row.template, params, row.id, row.attempt, contact.id)


def _wait(attempt: int) -> float:
    """Seconds until the next try: doubling, with jitter so that retries do not march in step."""
    base: float = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
    return base * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
