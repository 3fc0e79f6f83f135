"""Tell those who were called by a machine, such as PagerDuty, that a human has answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.notify import ALERT, follows
from clinic.records.models import Escalation, Outbox

#: After calls, before codes.
_PRIORITY = 50


def tell(session: Session, alert: Escalation, template: str, now: datetime) -> None:
    """One row for each incident that a channel which follows has opened for this alert."""
    called = session.scalars(
        select(Outbox).where(
            Outbox.escalation_id == alert.id, Outbox.template == ALERT, Outbox.state == "sent"
        )
    ).all()
    rows = {
        f"follow/{alert.id}/{call.contact_id}/{call.provider_id}/{template}": call
        for call in called
        if call.provider_id and follows(call.channel)
    }
    told = set(session.scalars(select(Outbox.key).where(Outbox.key.in_(rows))))
    for key, call in rows.items():
        if key not in told:
            session.add(
                Outbox(
                    key=key,
                    channel=call.channel,
                    contact_id=call.contact_id,
                    template=template,
                    escalation_id=alert.id,
                    params={"number": alert.number, "ref": call.provider_id},
                    priority=_PRIORITY,
                    due_at=now,
                    created_at=now,
                )
            )
