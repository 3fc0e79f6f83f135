"""What a provider reports after it took a notification: delivered, or failed after all.

A report names the row it is about. One about an attempt that is past, or about a row that has its
report, changes nothing and is on record.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from clinic.notify import replies
from clinic.outbox import outcome
from clinic.records.models import Outbox
from clinic.system import System


def delivered(system: System, session: Session, channel: str, row: str, provider_id: str) -> None:
    """It arrived. That is not a human's answer: the alert goes on as it is."""
    found = _open(system, session, channel, row, provider_id)
    if found is not None:
        found.delivery, found.delivery_at = "delivered", system.clock.now()
        outcome.show(system, session, found)


def failed(
    system: System, session: Session, channel: str, row: str, provider_id: str, error: str
) -> None:
    """It will not arrive. ``error``: a code of ours or the provider's, never its words."""
    found = _open(system, session, channel, row, provider_id)
    if found is None:
        return
    now = system.clock.now()
    found.delivery, found.delivery_at, found.last_error = "failed", now, error
    # A row that is still ``sending`` fails when its sender settles it.
    if found.state == "sent":
        found.state = "failed"
        outcome.failed(system, session, found, now)
    outcome.show(system, session, found)


def _open(
    system: System, session: Session, channel: str, row: str, provider_id: str
) -> Outbox | None:
    known = row.isdecimal() and row.isascii() and len(row) < 18
    found = session.get(Outbox, int(row), with_for_update=True) if known else None
    if found is None or found.channel != channel:
        replies.refused(system, session, channel, "unknown notification")
        return None
    past = found.provider_id not in (None, provider_id)
    if past or found.delivery or found.state not in ("sending", "sent"):
        replies.refused(system, session, channel, "late")
        return None
    return found
