"""One turn at a time for a conversation: who may ask the assistant now, and until when.

A lease on the conversation's row, so that a crashed worker's turn is taken up by another when the
lease runs out. The caller holds the row.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from clinic.records.models import Conversation
from clinic.system import System

#: The assistant's deadline, and this for storing what it said.
_SLACK = timedelta(seconds=5)


def take(system: System, conversation: Conversation, now: datetime) -> bool:
    """Hold the conversation from now on; False while another worker does."""
    until = conversation.turn_lease_until
    if until is not None and until > now and conversation.turn_owner != system.worker:
        return False
    conversation.turn_owner = system.worker
    conversation.turn_lease_until = now + timedelta(seconds=system.settings.turn_deadline) + _SLACK
    return True


def held(system: System, conversation: Conversation, now: datetime) -> bool:
    """Whether this worker holds it, by a lease that has not run out."""
    until = conversation.turn_lease_until
    return conversation.turn_owner == system.worker and until is not None and until > now


def give_back(conversation: Conversation) -> None:
    conversation.turn_owner = conversation.turn_lease_until = None
