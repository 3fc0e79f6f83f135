"""Every page of the desk in a made-up clinic, for the eye of a person: in three sizes, by day and
by night, and on paper. A few of them are what the README shows.

    python -m tests.browser.album artefacts/album [words of addresses]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from playwright.sync_api import Page
from sqlalchemy import select, update

from clinic import demo_weeks, people
from clinic.app import create_app
from clinic.clock import ManualClock
from clinic.console import relations, tour
from clinic.console.desk import COOKIE
from clinic.console.sign_in import access
from clinic.records.models import Escalation, Infusion, Patient, Staff
from clinic.system import assemble
from tests.browser.pictures import take_picture
from tests.browser.test_zoom_and_print import PAGES, PARTS
from tests.builders import World, free_ports, settings
from tests.chromium import chromium
from tests.desk import heartbeat

NOW = datetime(2026, 6, 3, 15, tzinfo=UTC)
#: Phone, tablet, laptop: wide and high.
SIZES = ((360, 780), (820, 1180), (1280, 800))
#: What a person wants who wonders what it looks like: page, theme, and the name in docs/pictures.
KEPT = {
    ("-patients-patient_id-pictures", 1280, "light"): "desk-pictures.png",
    ("-overview", 1280, "dark"): "desk-overview-dark.png",
    ("-overview-room", 820, "print"): "desk-room-paper.png",
}
_SHOWN = Path("docs/pictures")


def take(folder: Path, wanted: list[str]) -> None:
    """One picture a page, size and theme; those of KEPT go to the README's folder too."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        _clinic(Path(home)) as (world, url),
        chromium() as browser,
    ):
        for role in sorted(set(PAGES.values()), reverse=True):
            staff, patient = _staff(world, role), _furthest(world)
            with world.system.database.write() as session:
                session.execute(update(Staff).values(tour=tour.OVER))
                if role != "admin" and patient not in relations.readable(session, staff, NOW):
                    found = session.get_one(Patient, patient)
                    people.relate(world.system, session, found, staff, role)
            window = browser.new_context(locale="en-US")
            cookie = {"name": COOKIE, "value": _token(world, staff), "url": f"{url}/console"}
            window.add_cookies([cookie])  # type: ignore[list-item]
            page = window.new_page()
            page.clock.set_fixed_time(NOW)
            for path in (one for one, may in PAGES.items() if may == role):
                if path not in PARTS and (not wanted or any(word in path for word in wanted)):
                    heartbeat(world)
                    _look(page, url + _filled(world, path, staff, patient), folder, _name(path))
            window.close()


def _look(page: Page, address: str, folder: Path, name: str) -> None:
    answer = page.goto(address)
    assert answer is not None and answer.status == 200, address
    for wide, high in SIZES:
        page.set_viewport_size({"width": wide, "height": high})
        for theme in ("light", "dark"):
            page.emulate_media(media="screen", color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            _keep(page, folder, name, wide, theme)
    # A4 between the margins of the style sheet, in CSS pixels.
    page.emulate_media(media="print", color_scheme="light")
    page.set_viewport_size({"width": 688, "height": 990})
    _keep(page, folder, name, 820, "print")
    page.emulate_media(media="screen")


def _keep(page: Page, folder: Path, name: str, wide: int, theme: str) -> None:
    made = folder / f"desk{name}-{wide}-{theme}.png"
    kept = KEPT.get((name, wide, theme))
    take_picture(page, made, whole=kept is None or theme == "print")
    if kept:
        shutil.copy(made, _SHOWN / kept)


@contextmanager
def _clinic(home: Path) -> Iterator[tuple[World, str]]:
    """Eight weeks of eight patients, on a clock that stands still."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    chosen = settings(home, port=port, public_url=url)
    demo_weeks.make(chosen, NOW, patients=8, weeks=8, seed=1)
    clock = ManualClock(NOW)
    system = assemble(chosen, clock)
    edge = uvicorn.Server(
        uvicorn.Config(create_app(system), port=port, log_level="critical", access_log=False)
    )
    thread = threading.Thread(target=edge.run)
    thread.start()
    try:
        while not edge.started:
            time.sleep(0.05)
        yield World(system, clock), url
    finally:
        edge.should_exit = edge.force_exit = True
        thread.join()
        system.database.close()


def _staff(world: World, role: str) -> Staff:
    with world.system.database.read() as session:
        for one in session.scalars(select(Staff).order_by(Staff.created_at)):
            if role in one.roles:
                return one
    return world.staff(role.title(), role)


def _token(world: World, staff: Staff) -> str:
    with world.system.database.write() as session:
        return access.start(world.system, session, staff.id)


def _furthest(world: World) -> str:
    """A patient with an alert who has come as far as any such."""
    with world.system.database.read() as session:
        return (
            session.scalars(
                select(Patient.id)
                .join(Infusion, Infusion.patient_id == Patient.id)
                .outerjoin(Escalation, Escalation.patient_id == Patient.id)
                .order_by(Escalation.number.is_(None), Infusion.number.desc(), Patient.created_at)
            ).first()
            or ""
        )


def _filled(world: World, path: str, staff: Staff, patient: str) -> str:
    """With this patient, and a colleague who is somebody else."""
    with world.system.database.read() as session:
        other = session.scalars(select(Staff.id).where(Staff.id != staff.id)).first()
    colleague = path.replace("{staff_id}", str(other))
    return colleague.replace("{patient_id}", patient).replace("{seq}", "1")


def _name(path: str) -> str:
    return path.removeprefix("/console").translate(str.maketrans("/", "-", "{}"))


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
