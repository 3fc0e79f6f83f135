"""Who is on call: shifts, rotations, overrides, the fallback list, and gaps before they hurt."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from clinic.cli.shared import mend, moment, work

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.console.wording import When
    from clinic.escalation.on_call import Span
    from clinic.records.models import Staff
    from clinic.system import System

on_call = typer.Typer(
    help="Who is on call now and in the next seven days.", invoke_without_command=True
)

_FROM = "With zone: 2026-11-24T09:00-05:00. Default: now."


@on_call.callback()
def show(
    ctx: typer.Context,
    days: Annotated[int, typer.Option(help="How many days ahead.")] = 7,
) -> None:
    """Print who is on call, stretch by stretch. Ends with 1 when there is a gap."""
    if ctx.invoked_subcommand is not None:
        return
    from clinic.escalation import on_call as rota

    with work() as (system, session):
        found = rota.spans(session, system.clock.now(), timedelta(days=days))
        when = _when(system, session)
    for span in found:
        typer.echo(_line(when, span))
    raise typer.Exit(any(not span.reachable for span in found))


@on_call.command("shift")
def shift(
    email: str,
    start: Annotated[str, typer.Option("--from", help=_FROM)] = "",
    until: Annotated[str, typer.Option(help="Without it: until further notice.")] = "",
    instead_of: Annotated[
        str, typer.Option(help="A colleague's e-mail: who is off for as long.")
    ] = "",
) -> None:
    """Put somebody on call, perhaps instead of a colleague."""
    from clinic.escalation import rota

    with work() as (system, session):
        replaced = _person(session, instead_of) if instead_of else None
        rota.add_shift(
            system,
            session,
            _person(session, email),
            _at(system, start),
            moment(until) if until else None,
            instead_of=replaced,
        )
    _after()


@on_call.command("end")
def end(email: str, at: Annotated[str, typer.Option("--at", help=_FROM)] = "") -> None:
    """End somebody's shifts. Their turns in a rotation stay: stand in for them, or set it anew."""
    from clinic.escalation import rota

    with work() as (system, session):
        changed = rota.end_shifts(system, session, _person(session, email), _at(system, at))
    typer.echo(f"{changed} shifts ended.")
    _after()


@on_call.command("rotation")
def rotation(
    name: str,
    members: Annotated[list[str], typer.Argument(help="E-mails, in the order of their turns.")],
    starts: Annotated[str, typer.Option(help="Day of the first hand-over: 2026-11-23.")],
    hand_over: Annotated[str, typer.Option(help="By the clinic's clock: 09:00.")] = "09:00",
    days: Annotated[int, typer.Option(help="How long a turn is.")] = 7,
) -> None:
    """Let people take turns. A rotation of the same name ends where this one starts."""
    from clinic.escalation import rota

    with work() as (system, session):
        rota.set_rotation(
            system,
            session,
            name,
            [_person(session, email) for email in members],
            _day(starts),
            _time(hand_over),
            days,
        )
    _after()


@on_call.command("end-rotation")
def end_rotation(name: str, on: Annotated[str, typer.Argument(help="2026-12-21")]) -> None:
    """No more turns from that day on."""
    from clinic.escalation import rota

    with work() as (system, session):
        rota.end_rotation(system, session, name, _day(on))
    _after()


@on_call.command("fallback")
def fallback(
    emails: Annotated[list[str], typer.Argument(help="Who is called when nobody answers.")],
) -> None:
    """Name the people an alert calls too once a whole round went by without an answer."""
    from clinic.escalation import rota

    with work() as (system, session):
        rota.set_fallback(system, session, [_person(session, email) for email in emails])


def _after() -> None:
    """What the change leaves uncovered, said at once."""
    from clinic.escalation import on_call as rota

    with work() as (system, session):
        found = rota.gaps(session, system.clock.now())
        when = _when(system, session)
    for span in found:
        typer.echo(_line(when, span))
    if not found:
        typer.echo("No gap in the next seven days.")


def _line(when: When, span: Span) -> str:
    stretch = f"{when.short(span.starts_at)} to {when.short(span.ends_at)}"
    if not span.people:
        return f"GAP  {stretch}: nobody"
    names = ", ".join(span.people)
    return f"     {stretch}: {names}" if span.reachable else f"GAP  {stretch}: {names}, unreachable"


def _when(system: System, session: Session) -> When:
    from clinic.console.desk import zone
    from clinic.console.wording import When
    from clinic.records.models import Clinic

    return When(system.clock.now(), zone(session.get(Clinic, 1)))


def _person(session: Session, email: str) -> Staff:
    from clinic import people

    return people.by_email(session, email)


def _at(system: System, text: str) -> datetime:
    return moment(text) if text else system.clock.now()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise mend(f"{text!r} is not a day such as 2026-11-23") from None


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise mend(f"{text!r} is not a time such as 09:00") from None
