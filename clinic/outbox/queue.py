"""Deliver what is due. You can read this worker in one sitting.

1. Claim one row in a short transaction: it becomes ``sending`` with a lease and a higher attempt.
   A row whose lease ran out is claimable again: a worker that died loses nothing.
2. At the claim, ask whether it is still wanted; if not, drop it.
3. Send, with no transaction open.
4. Settle, only if this worker still has the lease under this attempt: a late worker changes
   nothing.

Duplicates are acceptable, losses are not. Provider acceptance is not a human's answer: only an
acknowledgement stops an escalation.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from clinic import feed
from clinic.notify import Channels, Outgoing, PermanentError, TemporaryError
from clinic.records.models import Conversation, Escalation, Outbox, StaffContact
from clinic.system import System

log = logging.getLogger("afterglow.outbox")

_LEASE = timedelta(seconds=30)
_FIRST_WAIT = 5.0
_LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Claimed:
    row: int
    attempt: int
    channel: str
    outgoing: Outgoing


def deliver_due(system: System, channels: Channels, owner: str) -> int:
    """Deliver every row that is due now; returns how many were tried."""
    tried = 0
    while (claimed := claim(system, owner)) is not None:
        tried += 1
        deliver(system, channels, owner, claimed)
    return tried


def deliver(system: System, channels: Channels, owner: str, claimed: Claimed) -> None:
    """Send one claimed row and settle it by what came of it."""
    try:
        provider_id = channels.send(claimed.channel, claimed.outgoing)
    except PermanentError as error:
        settle(system, owner, claimed, "failed", error=str(error))
    except TemporaryError as error:
        settle(system, owner, claimed, "queued", error=str(error))
    except Exception as error:
        # An error nobody foresaw is worth another try; its name is all that is safe to keep.
        settle(system, owner, claimed, "queued", error=type(error).__name__)
    else:
        settle(system, owner, claimed, "sent", provider_id=provider_id)


def claim(system: System, owner: str) -> Claimed | None:
    """Take the most urgent row that is due, or one whose sender went silent."""
    now = system.clock.now()
    with system.database.write() as session:
        while True:
            row = session.scalars(
                select(Outbox)
                .where(
                    or_(
                        and_(Outbox.state == "queued", Outbox.due_at <= now),
                        and_(Outbox.state == "sending", Outbox.lease_until <= now),
                    )
                )
                .order_by(Outbox.priority, Outbox.due_at, Outbox.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return None
            if not _wanted(session, row):
                row.state = "dropped"
                session.flush()
                continue
            row.state, row.lease_owner, row.lease_until = "sending", owner, now + _LEASE
            row.attempt += 1
            contact = session.get_one(StaffContact, row.contact_id)
            return Claimed(
                row.id,
                row.attempt,
                row.channel,
                Outgoing(row.key, contact.address, row.template, dict(row.params)),
            )


def settle(
    system: System,
    owner: str,
    claimed: Claimed,
    state: str,
    provider_id: str | None = None,
    error: str | None = None,
) -> bool:
    """Write the outcome, if this worker still holds the row. Returns whether it did."""
    now = system.clock.now()
    with system.database.write() as session:
        changed = session.execute(
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
                last_error=error,
                lease_until=None,
                sent_at=now if state == "sent" else None,
                due_at=now + timedelta(seconds=_wait(claimed.attempt)),
            )
            .returning(Outbox.escalation_id)
        ).first()
        if changed is None:
            return False
        if changed[0] is not None:
            _after(system, session, changed[0], state, now)
    if error is not None:
        log.warning("notification %s not delivered: %s", claimed.row, error)
    return True


def _after(system: System, session: Session, escalation_id: str, state: str, now: datetime) -> None:
    """Let the pages show it; a contact that can never work moves the alert on at once."""
    alert = session.get_one(Escalation, escalation_id)
    # Not past the last step: with every address dead the steps would run round without a pause.
    if state == "failed" and alert.state == "open" and alert.step > 0:
        alert.next_at = now
    conversation = session.get_one(Conversation, alert.conversation_id)
    feed.publish(system, session, feed.conversation(conversation.id), "state")
    feed.publish(system, session, feed.STAFF, "escalation", alert.id)


def _wanted(session: Session, row: Outbox) -> bool:
    """Whether anybody still needs to hear it: not once a human has answered."""
    if row.escalation_id is None:
        return True
    alert = session.get_one(Escalation, row.escalation_id)
    return alert.state == "open" or (alert.state == "acked" and "/more/" in row.key)


def _wait(attempt: int) -> float:
    """Seconds until the next try: doubling, with jitter so that retries do not march in step."""
    base: float = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
    return base * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
