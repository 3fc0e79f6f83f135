"""A made-up clinic to try things on: the same for the same seed, and as a real one would be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from clinic import demo_weeks
from clinic.people import NotPossibleError
from clinic.records.models import (
    Escalation,
    Infusion,
    Message,
    Patient,
    Record,
    RiskAssessment,
    Touch,
)
from clinic.system import assemble
from tests.builders import settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def made(home: Path, seed: int = 1) -> dict[str, Any]:
    home.mkdir()
    chosen = settings(home)
    demo_weeks.make(chosen, NOW, patients=3, weeks=4, seed=seed)
    system = assemble(chosen)
    with system.database.read() as session:
        found: dict[str, Any] = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model))
            for model in (Patient, Infusion, Message, Record, Touch, Escalation, RiskAssessment)
        }
        found["kinds"] = set(session.scalars(select(Record.kind)))
        found["came"] = set(session.scalars(select(Touch.state)))
        found["waiting"] = session.query(Message).filter_by(turn="waiting").count()
        found["latest"] = session.scalar(select(func.max(Message.created_at)))
        found["unseen"] = session.scalar(
            select(func.count())
            .select_from(Message)
            .outerjoin(RiskAssessment, RiskAssessment.message_id == Message.id)
            .where(Message.author == "patient", Message.kind != "open")
            .where(RiskAssessment.message_id.is_(None))
        )
    system.database.close()
    return found


def test_the_same_seed_makes_the_same_clinic(tmp_path: Path):
    one, two = made(tmp_path / "one"), made(tmp_path / "two")
    assert one == two
    # The demo clinic's own patient, and three more.
    assert one["patient"] == 4
    assert one["infusion"] > 6
    # What every page draws from: days before and after, wishes, measures, pages, steps.
    kinds = {"intention", "check_in", "measure", "journal_entry", "small_step", "practice"}
    assert kinds <= one["kinds"]
    assert one["touch"] > 20
    assert {"answered", "missed"} <= one["came"], "its visits are answered, and not always"
    assert one["waiting"] == 0
    assert one["unseen"] == 0
    assert one["latest"] < NOW


def test_a_clinic_that_is_there_is_left_alone(tmp_path: Path):
    made(tmp_path / "one")
    with pytest.raises(NotPossibleError):
        demo_weeks.make(settings(tmp_path / "one"), NOW, patients=1, weeks=2, seed=1)
