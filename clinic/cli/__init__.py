"""The command line: `uv run afterglow ...`. Each command's --help teaches it."""

from __future__ import annotations

import logging
import os
import sys

import typer

from clinic.cli import contacts, keeping, measuring, on_call, people, running, signing
from clinic.settings import SettingsError

app = typer.Typer(
    help="Afterglow keeps a ketamine-infusion patient company between sessions and brings in a "
    "human when words show risk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (running.app, people.app, measuring.app):
    app.add_typer(commands)
for name, group in {
    "clinic": running.clinic,
    "staff": people.staff,
    "contact": contacts.app,
    "patient": people.patient,
    "infusion": people.infusion,
    "on-call": on_call.on_call,
    "audit": keeping.audit,
    "keys": keeping.keys,
    "demo": running.demo,
    "sign": signing.sign,
}.items():
    app.add_typer(group, name=name)


def main() -> None:
    """The entry point: errors a person can mend are one plain line, not a trace."""
    from clinic.console.sign_in.setting_up import AccessError
    from clinic.people import NotPossibleError
    from clinic.supervisor import StartError

    # What we write holds people's words: nobody else on the machine may read it.
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        app()
    except (AccessError, NotPossibleError, SettingsError, StartError) as error:
        typer.echo(f"afterglow: {error}", err=True)
        sys.exit(2)
