"""What follows from a notification's outcome: its contact's standing, its alert, the pages.

Rows are locked in one order everywhere, or two transactions could wait for each other: the
notification, its contact, its alert, and last the audit log and the live events.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from clinic import feed
from clinic.notify import contacts
from clinic.records.models import Escalation, Outbox, StaffContact
from clinic.system import System
from clinic.wake import calls


def sent(system: System, session: Session, row: Outbox, now: datetime) -> None:
    """The provider has it. Unless it has told us meanwhile that it could not deliver it."""
    if row.delivery == "failed":
        row.state = "failed"
        failed(system, session, row, now)
        return
    if row.patient_contact_id is not None:
        calls.sent(session, row)
        return
    contact = session.get_one(StaffContact, row.contact_id)
    contact.failing_since = contact.failing = None
    session.flush()


def failed(
    system: System, session: Session, row: Outbox, now: datetime, gone: bool = False
) -> None:
    """It will not arrive by this row: the alert moves on, and the failure is on record.

    The contact is marked but goes on being called at each round. One refusal may be a mistake of a
    mail server's night; with the mark as a ban, that night would leave nobody to call.
    """
    if row.patient_contact_id is not None:
        calls.failed(system, session, row, now, gone)
        return
    contact = session.get_one(StaffContact, row.contact_id)
    contact.failing_since = contact.failing_since or now
    contact.failing = row.last_error
    session.flush()
    alert = _alert(session, row)
    if gone:
        contacts.remove(system, session, contact, "system")
    system.audit.add(
        session,
        now,
        "system",
        "notification.failed",
        f"escalation:{alert.id}" if alert else f"contact:{contact.id}",
        alert.patient_id if alert else None,
        channel=row.channel,
        contact=contact.id,
        error=row.last_error,
    )
    move_on(session, row, now)


def move_on(session: Session, row: Outbox, now: datetime) -> None:
    """The next step is due now, but for the first of a new round: a round's pause is what keeps a
    contact that always fails from calling everybody else without end."""
    alert = _alert(session, row)
    if alert is not None and alert.state == "open" and alert.step > 0:
        alert.next_at = now


def _alert(session: Session, row: Outbox) -> Escalation | None:
    if row.escalation_id is None:
        return None
    return session.get_one(Escalation, row.escalation_id, with_for_update=True)


def show(system: System, session: Session, row: Outbox) -> None:
    """Let the pages show it."""
    if row.escalation_id is None:
        return
    alert = session.get_one(Escalation, row.escalation_id)
    feed.publish(system, session, feed.conversation(alert.conversation_id), "state")
    feed.publish(system, session, feed.STAFF, "escalation", alert.id)
