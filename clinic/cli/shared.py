"""What the commands share: the system, a unit of work, and errors in one plain line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from clinic import settings as settings_module
from clinic.settings import ROOT, Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.records.models import Patient
    from clinic.system import System

# Heavy imports stay inside the functions: `afterglow run` must have the edge up within 3 seconds.


def load_settings() -> Settings:
    return settings_module.load()


def open_system() -> System:
    from clinic.system import assemble

    return assemble(load_settings())


@contextmanager
def work() -> Iterator[tuple[System, Session]]:
    """One command's unit of work on the clinic's database."""
    system = open_system()
    system.database.migrate()
    with system.database.write() as session:
        yield system, session


def find_patient(session: Session, who: str) -> Patient:
    from clinic.records.models import Patient

    found = session.get(Patient, who)
    if found is None:
        raise mend(f"There is no patient {who}. See: afterglow patient list")
    return found


def moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise mend(f"{text!r} is not a time such as 2026-11-19T15:30-05:00") from None
    if moment.tzinfo is None:
        raise mend("Give the time with its zone, e.g. 2026-11-19T15:30-05:00")
    return moment


def assistant(module: str) -> None:
    """Run a module of the assistant's environment with our standard streams."""
    from clinic.supervisor import ASSISTANT_PYTHON, environment, without_keys

    if not ASSISTANT_PYTHON.exists():
        raise mend("The assistant's environment is missing. Run: make setup")
    result = subprocess.run(  # noqa: S603 - our own module
        [str(ASSISTANT_PYTHON), "-m", module],
        cwd=ROOT,
        env=without_keys(environment(load_settings())),
        check=False,
    )
    raise typer.Exit(result.returncode)


def mend(text: str) -> typer.Exit:
    typer.echo(f"afterglow: {text}", err=True)
    return typer.Exit(2)


def say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()
