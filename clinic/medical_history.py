"""What staff have noted of a patient's history, and what it changes: a sign of the body counts one
level higher (domain.md 4.2, ``data/policy/medical_history.yml``).

Kept sealed, one record a patient; who changed it and when stands in the audit log. One that does
not open counts as if something were noted: it fails toward a human.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.contract import RISK_CATEGORIES
from bot.risk import opinion
from bot.risk.levels import Assessment, Evidence, Level
from clinic import feed
from clinic.people import NotPossibleError
from clinic.records.models import Record, new_id
from clinic.settings import ROOT
from clinic.system import System

KIND = "medical_history"
RULE = "medical_history"
PATH = ROOT / "data" / "policy" / "medical_history.yml"


@lru_cache(maxsize=1)
def policy() -> dict[str, Any]:
    """What can be noted, and which kinds of risk it raises. Raises ValueError."""
    document: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    missing = {"history", "raises", "version", "why"} - {
        name for name in document if document[name]
    }
    if missing:
        raise ValueError(f"{PATH.name}: {', '.join(sorted(missing))} is missing")
    unknown = set(document["raises"]) - set(RISK_CATEGORIES)
    if unknown:
        raise ValueError(f"{PATH.name}: no such risk as {', '.join(sorted(unknown))}")
    return document


def noted(system: System, session: Session, patient_id: str) -> tuple[str, ...]:
    """The codes that staff have noted."""
    row = _row(session, patient_id)
    if row is None:
        return ()
    opened = [data["noted"] for _, data in system.vault(session).documents([row])]
    return tuple(opened[0]) if opened else tuple(policy()["history"])


def note(
    system: System, session: Session, patient_id: str, codes: Collection[str], actor: str
) -> None:
    """Keep what is so from now on. Raises NotPossibleError."""
    known = policy()["history"]
    if set(codes) - set(known):
        raise NotPossibleError(f"What can be noted is one of {', '.join(known)}.")
    now = system.clock.now()
    row = _row(session, patient_id) or Record(
        id=new_id(), patient_id=patient_id, kind=KIND, key=KIND, created_at=now
    )
    row.updated_at = now
    data = {"noted": [code for code in known if code in codes]}
    row.data_sealed = system.vault(session).seal(
        patient_id, "record", "data", row.id, json.dumps(data)
    )
    session.add(row)
    action, subject = "patient.medical_history", f"patient:{patient_id}"
    system.audit.add(session, now, actor, action, subject, patient_id)
    feed.publish(system, session, feed.STAFF, "record", row.id)


def _row(session: Session, patient_id: str) -> Record | None:
    return session.scalars(
        select(Record).where(Record.patient_id == patient_id, Record.kind == KIND)
    ).first()


def raised(
    system: System, session: Session, patient_id: str, level: Level, kinds: Collection[str]
) -> Level:
    """The level of a sign of these kinds in this patient."""
    if level in (Level.none, Level.emergency) or not set(kinds) & set(policy()["raises"]):
        return level
    return Level(level + 1) if noted(system, session, patient_id) else level


def weighed(
    system: System, session: Session, patient_id: str, assessment: Assessment
) -> Assessment:
    """The assessment of typed words, with the history heeded and said. A statistical guess is no
    sign yet: it leads to the six taps, whose answers are weighed (``raised``)."""
    signs = [
        one
        for one in assessment.evidence
        if one.category in policy()["raises"] and not opinion.guessed(one.rule)
    ]
    gravest = max(signs, key=lambda one: one.level, default=None)
    if gravest is None:
        return assessment
    level = raised(system, session, patient_id, gravest.level, (gravest.category,))
    if level == gravest.level:
        return assessment
    because = Evidence(
        gravest.start,
        gravest.end,
        RULE,
        policy()["version"],
        gravest.category,
        level,
        policy()["why"],
    )
    return dataclasses.replace(
        assessment,
        level=max(level, assessment.level),
        conversation_level=max(level, assessment.conversation_level),
        evidence=(*assessment.evidence, because),
    )
