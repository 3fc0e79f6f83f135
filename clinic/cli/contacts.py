"""How staff are reached: the same as the console's page, for the person who runs Afterglow."""

from __future__ import annotations

from typing import Annotated

import typer

from clinic.cli.shared import mend, work

app = typer.Typer(help="Ways to reach staff, confirmed by a code.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The e-mail address they sign in with.")]


@app.command("list")
def listing() -> None:
    """Everybody's ways: whether each counts, and whether it failed last time."""
    from sqlalchemy import select

    from clinic.notify import contacts
    from clinic.records.models import Staff

    with work() as (_system, session):
        for person in session.scalars(select(Staff).where(Staff.active).order_by(Staff.email)):
            for one in contacts.of(session, person.id):
                state = "counts" if one.verified_at else "waits for its code"
                failing = f", failing: {one.failing}" if one.failing else ""
                typer.echo(f"{one.id}  {person.email}  {one.channel}  {state}{failing}")


@app.command()
def add(
    email: Email,
    channel: Annotated[str, typer.Argument(help="email, sms, pagerduty, webhook or apprise.")],
    address: Annotated[str, typer.Argument(help="Address, number, key or name.")],
) -> None:
    """Add a way to reach somebody and send a code there. It counts once the code is entered."""
    from clinic import people
    from clinic.notify import Channels, contacts

    with work() as (system, session):
        person = people.by_email(session, email)
        contacts.add(system, session, Channels(system), person, channel, address, "system")
    _send_codes()
    typer.echo(f"A code is on its way by {channel}. Who has it enters it in the console, or:")
    typer.echo(f"  afterglow contact verify {email} CODE")


@app.command()
def code(contact: Annotated[str, typer.Argument(help="Its id (see: contact list).")]) -> None:
    """Send a fresh code to a way that still waits for one."""
    from clinic.notify import contacts
    from clinic.records.models import StaffContact

    with work() as (system, session):
        found = session.get(StaffContact, contact)
        if found is None or found.removed_at or found.verified_at:
            raise mend("This is not waiting for a code. See: afterglow contact list")
        contacts.send_code(system, session, found, "system")
    _send_codes()
    typer.echo("A fresh code is on its way.")


@app.command()
def verify(email: Email, code: str) -> None:
    """Enter the code that somebody was sent: from then on alerts go there."""
    from clinic import people
    from clinic.notify import contacts

    with work() as (system, session):
        person = people.by_email(session, email)
        waiting = contacts.waiting(session, person.id)
        confirmed = contacts.confirm(system, session, waiting, code, "system")
    if confirmed is None:
        raise mend("That code does not match or is over. Send a fresh one: afterglow contact code")
    typer.echo(f"Confirmed: {confirmed.channel} counts from now on.")


@app.command()
def remove(contact: Annotated[str, typer.Argument(help="Its id (see: contact list).")]) -> None:
    """Nothing is sent there any more, also of alerts under way."""
    from clinic.notify import contacts
    from clinic.records.models import StaffContact

    with work() as (system, session):
        found = session.get(StaffContact, contact)
        if found is None:
            raise mend("There is no such way. See: afterglow contact list")
        contacts.remove(system, session, found, "system")
    typer.echo("Removed.")


def _send_codes() -> None:
    """At once, also while nothing runs: a clinic is set up before its first start."""
    from clinic.cli.shared import open_system
    from clinic.notify import CODE, Channels
    from clinic.outbox import queue
    from clinic.records.models import Outbox

    system = open_system()
    queue.deliver_due(system, Channels(system), system.worker, Outbox.template == CODE)
