"""A patient's safety plan: what they wrote, part by part, and every earlier version of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.safety_plan import PARTS
from clinic.records.models import Record
from clinic.records.vault import Vault
from clinic.system import System

KIND = "safety_plan_part"


@dataclass(frozen=True)
class Part:
    """One part as it reads now. ``version`` counts from 1."""

    name: str
    title: str
    text: str
    at: datetime
    version: int


def versions(
    session: Session, vault: Vault, patient_id: str
) -> dict[str, list[tuple[datetime, str]]]:
    """Every version of every part, oldest first."""
    found: dict[str, list[tuple[datetime, str]]] = {part: [] for part in PARTS}
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == KIND)
        .order_by(Record.created_at, Record.key)
    )
    for row, data in vault.documents(rows):
        if data["part"] in found:
            found[data["part"]].append((row.created_at, data["text"]))
    return found


def current(session: Session, vault: Vault, patient_id: str) -> dict[str, str]:
    """The newest text of each part there is, by part."""
    said = versions(session, vault, patient_id)
    return {part: texts[-1][1] for part, texts in said.items() if texts}


def shown(system: System, session: Session, patient_id: str) -> list[Part]:
    """The plan as pages show it, in order, with the parts' titles from the registry."""
    said = versions(session, system.vault(session), patient_id)
    return [
        Part(
            part,
            system.words.render(f"plan.{part}"),
            said[part][-1][1],
            said[part][-1][0],
            len(said[part]),
        )
        for part in PARTS
        if said[part]
    ]
