"""Who read what, for the patients one may read; newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic.console import relations, wording
from clinic.console.desk import Desk
from clinic.console.inbox import queue
from clinic.console.sign_in.access import Who
from clinic.records.models import Audit, Staff

PAGE = 100


@dataclass(frozen=True)
class Act:
    seq: int
    at: datetime
    who: str
    what: str
    detail: str
    patient_id: str
    initials: str


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/audit")
    def audit(
        who: Annotated[Who, Depends(desk.signed_in)],
        before: Annotated[int | None, Query(ge=1)] = None,
    ) -> Response:
        now = system.clock.now()
        with system.database.read() as session:
            mine = relations.readable(session, who.staff, now)
            query = select(Audit).where(
                Audit.patient_id.in_(mine), Audit.action != "message.receive"
            )
            if before is not None:
                query = query.where(Audit.seq < before)
            found = session.scalars(query.order_by(Audit.seq.desc()).limit(PAGE + 1)).all()
            letters = queue.initials(system, session, list(mine))
            acts = [_act(session, row, letters) for row in found[:PAGE]]
        return desk.page(
            "audit.html",
            who,
            here="audit",
            acts=acts,
            older=len(found) > PAGE,
            first=before is None,
        )


def _act(session: Session, row: Audit, letters: dict[str, str]) -> Act:
    patient_id = row.patient_id or ""
    return Act(
        seq=row.seq,
        at=row.at,
        who=actor(session, row.actor),
        what=wording.ACTIONS.get(row.action, row.action),
        detail=_detail(row),
        patient_id=patient_id,
        initials=letters.get(patient_id, ""),
    )


def actor(session: Session, actor: str) -> str:
    kind, _, name = actor.partition(":")
    if kind == "staff":
        person = session.get(Staff, name)
        return person.name if person else "Somebody no longer here"
    return {"patient": "The patient", "system": "Afterglow"}.get(kind, "Somebody not signed in")


def _detail(row: Audit) -> str:
    if row.action == "transcript.read":
        reason = wording.REASONS.get(str(row.detail.get("reason")), "")
        return f"{reason}; messages {row.detail.get('first')} to {row.detail.get('last')}"
    if row.action == "glass.open":
        return wording.GLASS.get(str(row.detail.get("code")), "")
    level = wording.LEVELS.get(str(row.detail.get("level")), "")
    return level or str(row.detail.get("disposition", "")).replace("_", " ")
