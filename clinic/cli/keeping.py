"""The audit chain and the keys."""

from __future__ import annotations

import typer

from clinic.cli.shared import mend, open_system

audit = typer.Typer(help="The chain of who did and read what.", no_args_is_help=True)
keys = typer.Typer(help="The clinic's encryption keys.", no_args_is_help=True)


@audit.command("verify")
def audit_verify() -> None:
    """Walk the audit chain and compare it with the head anchored outside the database."""
    system = open_system()
    with system.database.read() as session:
        verdict = system.audit.verify(session, system.settings.home / "audit.head")
    typer.echo(f"{verdict.rows} rows: {verdict.says}")
    raise typer.Exit(not verdict.whole)


@keys.command("rotate")
def keys_rotate() -> None:
    """Make a new clinic key and re-wrap every data key with it. Stop the system first."""
    from clinic.records import rotation

    try:
        count = rotation.rotate(open_system())
    except rotation.RotationError as error:
        raise mend(str(error)) from None
    typer.echo(f"{count} data keys are wrapped with a new clinic key. Back up secrets.json.")
