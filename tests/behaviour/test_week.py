"""A therapist's week on a made clinic: everything unread is opened and marked through the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from clinic import demo_weeks
from clinic.clock import ManualClock
from clinic.console.review import review
from clinic.records.models import CareRelation, Staff
from clinic.system import assemble
from tests.builders import World, settings
from tests.desk import Browser, audit, heartbeat, read_week

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_week_is_read_patient_by_patient_until_nothing_is_left(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    demo_weeks.make(chosen, NOW, patients=7, weeks=4, seed=2)
    clock = ManualClock(NOW)
    world = World(assemble(chosen, clock), clock)
    heartbeat(world)
    with world.system.database.read() as session:
        therapist = session.scalars(select(Staff).where(Staff.name == "Therapist 1")).one()
        mine = session.scalars(
            select(CareRelation.patient_id).where(CareRelation.staff_id == therapist.id)
        ).all()
        before = review.unread(session, therapist.id, mine)
    assert before
    read, pages = read_week(Browser(world).sign_in(therapist), most=40)
    with world.system.database.read() as session:
        assert review.unread(session, therapist.id, mine) == {}
    assert read == len(before)
    # Every page that was marked was shown first, and each patient is told.
    assert len(audit(world, "transcript.reviewed")) == pages
    world.system.database.close()
