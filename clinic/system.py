"""What every part of the clinic service is handed: settings, time, database, keys, words."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from bot import content
from clinic.clock import Clock, FileClock, SystemClock
from clinic.records.audit import AuditLog
from clinic.records.crypto import Keyring, token_hash
from clinic.records.database import Database
from clinic.records.vault import Vault
from clinic.settings import Settings


@dataclass(frozen=True)
class System:
    """One installation. ``vault(session)`` opens patient fields within a unit of work."""

    settings: Settings
    clock: Clock
    database: Database
    keyring: Keyring
    audit: AuditLog
    words: content.Registry
    #: This process, as a lease names it.
    worker: str = field(default_factory=lambda: f"{os.getpid()}-{uuid.uuid4().hex[:8]}")

    def vault(self, session: Session) -> Vault:
        return Vault(session, self.keyring)

    def hash(self, token: str) -> str:
        """The stored form of a bearer token."""
        return token_hash(self.settings.secrets.lookup_key, token)


def assemble(settings: Settings, clock: Clock | None = None) -> System:
    """Build the system without touching the database (``database.migrate()`` prepares it)."""
    if clock is None:
        clock = FileClock(settings.clock_file) if settings.clock_file else SystemClock()
    database = Database(settings.database_url, settings.database_wait)
    return System(
        settings=settings,
        clock=clock,
        database=database,
        keyring=Keyring(settings.secrets.data_keys),
        audit=AuditLog(database, settings.secrets.audit_key),
        words=content.registry(settings.locale),
    )
