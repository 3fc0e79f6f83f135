"""Staff, patients, infusions and a patient's record."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer

from clinic.cli.shared import find_patient, moment, work

app = typer.Typer()
staff = typer.Typer(help="People who work here.", no_args_is_help=True)
patient = typer.Typer(help="Patients and their way in.", no_args_is_help=True)
infusion = typer.Typer(help="Infusions start a patient's window.", no_args_is_help=True)


@staff.command("add")
def staff_add(
    name: Annotated[str, typer.Argument(help='How patients see them, e.g. "Dr. Robin Ames".')],
    email: Annotated[str, typer.Argument(help="Signs in with this; alerts go here.")],
    title: Annotated[str, typer.Option(help="Shown beside the name.")] = "Therapist",
    role: Annotated[
        list[str], typer.Option(help="therapist, on_call, supervisor or admin; may repeat.")
    ] = ["therapist"],  # noqa: B006 - typer reads it, nobody changes it
    on_call: Annotated[bool, typer.Option(help="On call from now on.")] = False,
) -> None:
    """Add a member of staff and print a one-time password for the first sign-in."""
    from clinic import people
    from clinic.console import access

    with work() as (system, session):
        password = access.create_staff(system, session, name, title, email, role)
        person = people.by_email(session, email)
        people.add_contact(system, session, person, "email", email)
        if on_call:
            people.put_on_call(system, session, person)
    typer.echo(f"{email} can sign in at {system.settings.public_url}/console")
    typer.echo(f"One-time password: {password}")


@staff.command("reset")
def staff_reset(email: str) -> None:
    """A new one-time password and a new second factor for somebody who lost theirs."""
    from clinic.console import access

    with work() as (system, session):
        password = access.reset_sign_in(system, session, email)
    typer.echo(f"One-time password: {password}")


@patient.command("add")
def patient_add(
    name: str,
    timezone: Annotated[str, typer.Option(help="IANA name, e.g. America/New_York.")],
    phone: Annotated[str | None, typer.Option(help="Call-back number.")] = None,
    therapist: Annotated[str | None, typer.Option(help="Their therapist's e-mail.")] = None,
) -> None:
    """Add a patient; prints their id."""
    from clinic import people

    with work() as (system, session):
        added = people.add_patient(system, session, name, timezone, phone)
        if therapist:
            person = people.by_email(session, therapist)
            people.relate(system, session, added, person, "therapist")
    typer.echo(added.id)


@patient.command("list")
def patient_list() -> None:
    """List patients by id and name."""
    from sqlalchemy import select

    from clinic.records.models import Patient

    with work() as (system, session):
        vault = system.vault(session)
        for found in session.scalars(select(Patient).order_by(Patient.created_at)):
            typer.echo(f"{found.id}  {vault.name(found)}")


@patient.command("invite")
def patient_invite(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a fresh single-use invitation. Earlier unused ones stop working."""
    from clinic.patient import access

    with work() as (system, session):
        token = access.invite(system, session, find_patient(session, who).id)
    typer.echo(access.invitation_url(system, token))


@infusion.command("record")
def infusion_record(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
    ended: Annotated[
        str, typer.Option(help="When it ended, with zone: 2026-11-19T15:30-05:00. Default: now.")
    ] = "",
    minutes: Annotated[float, typer.Option(help="How long it ran.")] = 45,
) -> None:
    """Record an infusion that has ended: the patient's window starts there."""
    from clinic import people

    with work() as (system, session):
        end = moment(ended) if ended else system.clock.now()
        recorded = people.record_infusion(
            system, session, find_patient(session, who), end - timedelta(minutes=minutes), end
        )
    typer.echo(f"Infusion {recorded.number} recorded.")


@app.command()
def export(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a patient's whole record as JSON. The export is audited."""
    from clinic.exports import record

    with work() as (system, session):
        whole = record.whole(system, session, find_patient(session, who), "system")
    typer.echo(json.dumps(whole, indent=1, ensure_ascii=False))
