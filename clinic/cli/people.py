"""Staff, patients, infusions and a patient's record."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clinic.cli.contacts import add as add_contact
from clinic.cli.shared import find_patient, mend, moment, open_system, work

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.records.models import Patient

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
    from clinic.console.sign_in import setting_up

    with work() as (system, session):
        password = setting_up.create_staff(system, session, name, title, email, role)
        person = people.by_email(session, email)
        if on_call:
            people.put_on_call(system, session, person)
    typer.echo(f"{email} can sign in at {system.settings.public_url}/console")
    typer.echo(f"One-time password: {password}")
    add_contact(email, "email", email)


@staff.command("reset")
def staff_reset(email: str) -> None:
    """A new one-time password and a new second factor for somebody who lost theirs."""
    from clinic.console.sign_in import setting_up

    with work() as (system, session):
        password = setting_up.reset_sign_in(system, session, email)
    typer.echo(f"One-time password: {password}")


@patient.command("add")
def patient_add(
    name: str,
    timezone: Annotated[str, typer.Option(help="IANA name, e.g. America/New_York.")],
    phone: Annotated[str | None, typer.Option(help="Call-back number.")] = None,
    therapist: Annotated[str | None, typer.Option(help="Their therapist's e-mail.")] = None,
    country: Annotated[
        str | None, typer.Option(help="Two letters, when they are not where the clinic is: GB.")
    ] = None,
) -> None:
    """Add a patient; prints their id."""
    from clinic import people

    with work() as (system, session):
        added = people.add_patient(system, session, name, timezone, phone, country)
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
            typer.echo(f"{found.id}  {vault.shown_name(found)}")


@patient.command("invite")
def patient_invite(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a fresh single-use invitation. Earlier unused ones stop working."""
    from clinic.patient import access

    with work() as (system, session):
        token = access.invite(system, session, find_patient(session, who).id)
    typer.echo(access.invitation_url(system, token))


@patient.command("zone")
def patient_zone(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
    timezone: Annotated[str, typer.Argument(help="IANA name, e.g. Europe/Paris.")],
    country: Annotated[
        str | None,
        typer.Option(help="Two letters, such as FR; without it, the clinic's."),
    ] = None,
) -> None:
    """Where the patient is now, when they travel."""
    from clinic import infusions

    with work() as (system, session):
        infusions.travel(system, session, find_patient(session, who), timezone, country)


@patient.command("program")
def patient_program(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
    program: Annotated[str, typer.Argument(help="induction, maintenance or ended.")],
) -> None:
    """Set the program a patient is in: only staff decide that the series, or all of it, is over."""
    from clinic import infusions

    with work() as (system, session):
        infusions.set_program(system, session, find_patient(session, who), program)


@patient.command("indications")
def patient_indications(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
    indications: Annotated[
        list[str] | None, typer.Argument(help="pain, ptsd; none of them: name none.")
    ] = None,
) -> None:
    """What the treatment is for, as far as it selects questionnaires (PEG for pain, PCL-5)."""
    from clinic import infusions

    with work() as (system, session):
        found = find_patient(session, who)
        infusions.set_indications(system, session, found, indications or [])


@patient.command("erase")
def patient_erase(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
    name: Annotated[str, typer.Option(help="Their full name, so that nobody else is meant.")],
) -> None:
    """Erase everything about a patient, for good. The assistant must be running.

    What stays: that somebody was here, how alerts ran and ended as codes, and the audit log.
    Backups made before still hold the rest. Take a copy first: afterglow export.
    """
    from clinic import erasure
    from clinic.people import NotPossibleError
    from clinic.records.vault import ERASED

    system = open_system()
    system.database.migrate()
    with system.database.read() as session:
        found = find_patient(session, who)
        known = system.vault(session).shown_name(found)
    if known not in (name, ERASED):
        raise mend("That is not this patient's name. Nothing was erased.")
    try:
        erasure.erase(system, who, "system")
    except NotPossibleError as error:
        raise mend(str(error)) from None
    typer.echo("Erased. Backups made before still hold them.")


@patient.command("touches")
def patient_touches(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """When the companion comes by itself, by the patient's clock, and what became of each time."""
    from zoneinfo import ZoneInfo

    from clinic.touches import plan

    with work() as (_system, session):
        found = find_patient(session, who)
        for touch in plan.of(session, found):
            due = touch.due_at.astimezone(ZoneInfo(found.timezone))
            reason = f"({touch.reason})" if touch.reason else ""
            typer.echo(f"{due:%a %Y-%m-%d %H:%M}  {touch.kind:10} {touch.state} {reason}".rstrip())


WHO = Annotated[str, typer.Argument(help="The patient's id (see: patient list).")]
NUMBER = Annotated[int, typer.Argument(help="The infusion's number (see: infusion list).")]
STARTS = Annotated[str, typer.Option(help="When, with zone: 2026-11-19T15:30-05:00.")]
BOOSTER = Annotated[bool, typer.Option(help="Given after the series.")]


@infusion.command("plan")
def infusion_plan(who: WHO, starts: STARTS, booster: BOOSTER = False) -> None:
    """Plan an infusion: the companion helps to prepare for it."""
    from clinic import infusions

    with work() as (system, session):
        found = find_patient(session, who)
        planned = infusions.plan(system, session, found, moment(starts), booster)
    typer.echo(f"Infusion {planned.number} planned.")


@infusion.command("begin")
def infusion_begin(who: WHO) -> None:
    """It runs from now on: the companion is silent until its end is recorded."""
    from clinic import infusions

    with work() as (system, session):
        running = infusions.begin(system, session, find_patient(session, who))
    typer.echo(f"Infusion {running.number} runs.")


@infusion.command("record")
def infusion_record(
    who: WHO,
    ended: Annotated[
        str, typer.Option(help="When it ended, with zone: 2026-11-19T15:30-05:00. Default: now.")
    ] = "",
    minutes: Annotated[float, typer.Option(help="How long it ran.")] = 45,
    booster: BOOSTER = False,
    dose_mg: Annotated[str, typer.Option(help="Dose in mg.")] = "",
    dose_mg_per_kg: Annotated[str, typer.Option(help="Dose in mg/kg.")] = "",
    route: Annotated[str, typer.Option(help="iv, im, sc, nasal or oral.")] = "",
    rate_mg_per_hour: Annotated[str, typer.Option(help="Rate in mg/h.")] = "",
    adjunct: Annotated[
        list[str] | None, typer.Option(help="Given besides, e.g. anti_nausea; may repeat.")
    ] = None,
) -> None:
    """Record an infusion that has ended: the patient's window starts there."""
    from clinic import details, infusions

    with work() as (system, session):
        end = moment(ended) if ended else system.clock.now()
        start = end - timedelta(minutes=minutes)
        found = find_patient(session, who)
        typed = {
            "dose_mg": dose_mg,
            "dose_mg_per_kg": dose_mg_per_kg,
            "route": route,
            "rate_mg_per_hour": rate_mg_per_hour,
            "adjuncts": adjunct or [],
        }
        entered = details.read(typed)
        recorded = infusions.record(system, session, found, start, end, booster, entered)
    typer.echo(f"Infusion {recorded.number} recorded.")


@infusion.command("import")
def infusion_import(
    table: Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.")],
    yes: Annotated[bool, typer.Option("--yes", help="Keep the good rows without asking.")] = False,
) -> None:
    """Record infusions from a table. Bad rows are named with their reason; the good ones are kept
    once you say so."""
    from clinic import importing

    try:
        text = table.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise mend(f"{table} cannot be read as text (UTF-8).") from None
    system = open_system()
    system.database.migrate()
    found = importing.look(system, text, patient_named, "system")
    for bad in found.bad:
        typer.echo(f"line {bad.line}: {bad.reason}", err=True)
    typer.echo(f"{len(found.good)} rows can be kept, {len(found.bad)} cannot.")
    if not found.good or not (yes or typer.confirm("Keep the good ones?")):
        raise typer.Exit(1 if found.bad else 0)
    kept = importing.keep(system, text, patient_named, "system")
    typer.echo(f"Infusions recorded: {len(kept.good)}.")


def patient_named(session: Session, who: str) -> Patient:
    """The patient a table names, by id."""
    from clinic.people import NotPossibleError
    from clinic.records.models import Patient

    found = session.get(Patient, who)
    if found is None:
        raise NotPossibleError(f"There is no patient {who}.")
    return found


@infusion.command("move")
def infusion_move(who: WHO, number: NUMBER, starts: STARTS) -> None:
    """Give a planned infusion another time."""
    from clinic import infusions

    with work() as (system, session):
        found = find_patient(session, who)
        moved = infusions.move(system, session, found, number, moment(starts))
    typer.echo(f"It is infusion {moved.number} now.")


@infusion.command("cancel")
def infusion_cancel(who: WHO, number: NUMBER) -> None:
    """A planned infusion will not be held."""
    from clinic import infusions

    with work() as (system, session):
        infusions.cancel(system, session, find_patient(session, who), number)
    typer.echo(f"Infusion {number} is cancelled.")


@infusion.command("list")
def infusion_list(who: WHO) -> None:
    """A patient's infusions in order."""
    from clinic import infusions

    with work() as (_system, session):
        for one in infusions.of(session, find_patient(session, who)):
            end = one.ended_at.isoformat(timespec="minutes") if one.ended_at else "no end recorded"
            marks = [word for word in ("booster", "cancelled") if getattr(one, word)]
            start = one.started_at.isoformat(timespec="minutes")
            typer.echo("  ".join([str(one.number), start, end, *marks]))


@app.command()
def export(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a patient's whole record as JSON. The export is audited."""
    from clinic.exports import record

    with work() as (system, session):
        whole = record.whole(system, session, find_patient(session, who), "system")
    typer.echo(json.dumps(whole, indent=1, ensure_ascii=False))
