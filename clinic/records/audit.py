"""The audit chain: every act and every read of a transcript, one row each, chained by HMAC.

Changing or removing a row inside the chain breaks it; removing the tail is seen against the head
that the engine writes outside the database (``anchor``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.files import replace_file
from clinic.records.database import Database
from clinic.records.models import Audit

_START = "0" * 64


class ChainError(Exception):
    """Rows of the audit chain are missing or changed."""


class AuditLog:
    """Appends rows inside the caller's transaction, so an act and its row commit together."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key

    def add(
        self,
        session: Session,
        at: datetime,
        actor: str,
        action: str,
        subject: str,
        patient_id: str | None = None,
        **detail: Any,
    ) -> None:
        """``actor``: "patient:ID", "staff:ID", "system" or "anonymous"; detail holds codes only."""
        self._database.serialise(session)
        last = session.execute(
            select(Audit.seq, Audit.mac).order_by(Audit.seq.desc()).limit(1)
        ).first()
        row = Audit(
            seq=last.seq + 1 if last else 1,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            patient_id=patient_id,
            detail=detail,
            mac="",
        )
        row.mac = self._mac(row, last.mac if last else _START)
        session.add(row)

    def verify(self, session: Session, anchor: Path | None = None) -> Verdict:
        """Walk the whole chain. ``anchor`` holds the last head seen outside, if there is one."""
        previous, seq = _START, 0
        anchored = _read_anchor(anchor)
        for row in session.scalars(select(Audit).order_by(Audit.seq)).yield_per(1000):
            if row.seq != seq + 1:
                return Verdict(False, seq, f"rows are missing after number {seq}")
            if not hmac.compare_digest(row.mac, self._mac(row, previous)):
                return Verdict(False, row.seq, f"row {row.seq} was changed")
            if anchored and anchored[0] == row.seq and anchored[1] != row.mac:
                return Verdict(False, row.seq, f"row {row.seq} is not the one that was anchored")
            previous, seq = row.mac, row.seq
        if anchored and seq < anchored[0]:
            return Verdict(False, seq, f"rows {seq + 1} to {anchored[0]} were removed from the end")
        return Verdict(True, seq, "the chain is whole")

    def anchor(self, session: Session, path: Path) -> None:
        """Write the head of the chain outside the database.

        Raises ChainError, and keeps the old head, when the row anchored last is gone or another:
        what was cut off must stay visible.
        """
        earlier = _read_anchor(path)
        if earlier is not None:
            row = session.get(Audit, earlier[0])
            if row is None or row.mac != earlier[1]:
                raise ChainError("the audit chain is not the one that was anchored")
        last = session.scalars(select(Audit).order_by(Audit.seq.desc()).limit(1)).first()
        if last is not None:
            replace_file(path, f"{last.seq} {last.mac}\n")

    def _mac(self, row: Audit, previous: str) -> str:
        body = json.dumps(
            [
                previous,
                row.seq,
                row.at.isoformat(),
                row.actor,
                row.action,
                row.subject,
                row.patient_id,
                row.detail,
            ],
            sort_keys=True,
        )
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Verdict:
    whole: bool
    rows: int
    says: str


def _read_anchor(path: Path | None) -> tuple[int, str] | None:
    if path is None or not path.exists():
        return None
    seq, mac = path.read_text(encoding="ascii").split()
    return int(seq), mac
