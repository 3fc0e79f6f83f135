"""The command line: `uv run afterglow ...`. Each command's --help teaches it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clinic import settings as settings_module
from clinic.settings import ROOT, Settings, SettingsError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.records.models import Patient
    from clinic.system import System

# Heavy imports stay inside the commands: `afterglow run` must have the edge up within 3 seconds.

app = typer.Typer(
    help="Afterglow keeps a ketamine-infusion patient company between sessions and brings in a "
    "human when words show risk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
clinic = typer.Typer(help="Your clinic.", no_args_is_help=True)
staff = typer.Typer(help="People who work here.", no_args_is_help=True)
patient = typer.Typer(help="Patients and their way in.", no_args_is_help=True)
infusion = typer.Typer(help="Infusions start a patient's window.", no_args_is_help=True)
audit = typer.Typer(help="The chain of who did and read what.", no_args_is_help=True)
keys = typer.Typer(help="The clinic's encryption keys.", no_args_is_help=True)
demo = typer.Typer(help="The demo clinic that `make run` creates.", no_args_is_help=True)
for name, group in {
    "clinic": clinic,
    "staff": staff,
    "patient": patient,
    "infusion": infusion,
    "audit": audit,
    "keys": keys,
    "demo": demo,
}.items():
    app.add_typer(group, name=name)


# --- running ------------------------------------------------------------------------------------


@app.command()
def run() -> None:
    """Start everything and keep it running. Ctrl-C stops it.

    Starts the edge (patients and staff), the engine (alerts), the assistant (dialogue) and, when no
    mail server is configured, a local mail sink. A part that dies is started again; nothing on the
    record is lost. The first start creates a demo clinic.
    """
    from clinic.supervisor import Supervisor

    system = _system()
    _check_data()
    system.database.migrate()
    parts = Supervisor(system.settings, _say)
    try:
        parts.start()
        _welcome(system)
        parts.watch()
    finally:
        _say("Stopping.")
        parts.stop()
    _say("Stopped.")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema (`run` does it by itself)."""
    _system().database.migrate()
    typer.echo("The database is up to date.")


@app.command()
def train() -> None:
    """Train the assistant's model. Does nothing when nothing it learns from has changed."""
    _assistant("bot.rasa.train")


@app.command()
def doctor() -> None:
    """Check this installation and say what to mend. Ends with 1 when something must be mended."""
    from clinic.doctor import examine

    findings = examine(_settings())
    for finding in findings:
        typer.echo(f"{finding.mark:7} {finding.name}: {finding.says}")
    raise typer.Exit(any(f.mark == "MEND" for f in findings))


@clinic.command("found")
def clinic_found(
    name: Annotated[str, typer.Argument(help="As patients know it.")],
    timezone: Annotated[str, typer.Option(help="IANA name, e.g. America/New_York.")],
    phone: Annotated[str, typer.Option(help="The number patients call.")] = "",
    hours: Annotated[str, typer.Option(help="When it is answered.")] = "Weekdays 9 to 5",
    emergency_number: Annotated[str, typer.Option(help="Where your patients are.")] = "911",
    crisis_line: Annotated[str, typer.Option(help="Where your patients are.")] = "988",
) -> None:
    """Set up your own clinic on an empty database, instead of the demo. Then add staff."""
    from clinic import people
    from clinic.records.models import Clinic

    with _work() as (_system, session):
        if session.get(Clinic, 1) is not None:
            raise _mend("This database has a clinic already. Use another AFTERGLOW_HOME.")
        chosen = {
            "phone": phone,
            "hours": hours,
            "emergency_number": emergency_number,
            "crisis_line": crisis_line,
        }
        people.found_clinic(session, name, timezone, chosen)
    typer.echo(f"{name} is set up. Next: afterglow staff add NAME E-MAIL --on-call")


# --- people -------------------------------------------------------------------------------------


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

    with _work() as (system, session):
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

    with _work() as (system, session):
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

    with _work() as (system, session):
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

    with _work() as (system, session):
        vault = system.vault(session)
        for found in session.scalars(select(Patient).order_by(Patient.created_at)):
            typer.echo(f"{found.id}  {vault.name(found)}")


@patient.command("invite")
def patient_invite(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a fresh single-use invitation. Earlier unused ones stop working."""
    from clinic.patient import access

    with _work() as (system, session):
        token = access.invite(system, session, _patient(session, who).id)
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

    with _work() as (system, session):
        end = _moment(ended) if ended else system.clock.now()
        recorded = people.record_infusion(
            system, session, _patient(session, who), end - timedelta(minutes=minutes), end
        )
    typer.echo(f"Infusion {recorded.number} recorded.")


@app.command()
def export(
    who: Annotated[str, typer.Argument(help="The patient's id (see: patient list).")],
) -> None:
    """Print a patient's whole record as JSON. The export is audited."""
    from clinic.exports import record

    with _work() as (system, session):
        whole = record.whole(system, session, _patient(session, who), "system")
    typer.echo(json.dumps(whole, indent=1, ensure_ascii=False))


# --- keeping ------------------------------------------------------------------------------------


@audit.command("verify")
def audit_verify() -> None:
    """Walk the audit chain and compare it with the head anchored outside the database."""
    system = _system()
    with system.database.read() as session:
        verdict = system.audit.verify(session, system.settings.home / "audit.head")
    typer.echo(f"{verdict.rows} rows: {verdict.says}")
    raise typer.Exit(not verdict.whole)


@keys.command("rotate")
def keys_rotate() -> None:
    """Make a new clinic key and re-wrap every data key with it. Stop the system first."""
    from clinic.records import rotation

    try:
        count = rotation.rotate(_system())
    except rotation.RotationError as error:
        raise _mend(str(error)) from None
    typer.echo(f"{count} data keys are wrapped with a new clinic key. Back up secrets.json.")


@demo.command("code")
def demo_code(email: str) -> None:
    """The current second-factor code of a demo clinician, for trying it without a phone."""
    from clinic import people
    from clinic.console import access
    from clinic.records.models import Clinic

    with _work() as (system, session):
        founded = session.get(Clinic, 1)
        if founded is None or not founded.settings.get("demo"):
            raise _mend("Only the demo clinic gives out codes. Use your authenticator app.")
        code = access.current_code(system, people.by_email(session, email))
    typer.echo(code or "Open the console and sign in once first: it shows the key to enrol.")


# --- measuring ----------------------------------------------------------------------------------


@app.command()
def screen(
    explain: Annotated[str | None, typer.Option(help="Show the reasoning for one text.")] = None,
) -> None:
    """Assess messages: JSON lines in, JSON lines out.

    In: {"id": 1, "text": "...", "hours_since_infusion": 20, "history": ["earlier", "messages"]}
    (the last two are optional). Out: {"id", "level", "categories", "evidence": [{"start", "end",
    "rule", "reason"}], "score"}. Example:

    echo '{"id": 1, "text": "I died in there and it was peaceful"}' | afterglow screen
    """
    from bot.risk import screen as screening

    if explain is not None:
        typer.echo(screening.explain(explain))
        return
    for line in screening.screen(sys.stdin):
        sys.stdout.write(line if line.endswith("\n") else line + "\n")


@app.command()
def understand() -> None:
    """What the trained model takes texts for: JSON lines {"text"} in, {"intent", "confidence"} out.

    echo '{"text": "who can see this?"}' | afterglow understand
    """
    _assistant("bot.rasa.understand")


@app.command()
def converse(
    scripts: Annotated[list[Path], typer.Argument(help="YAML scripts, or folders of them.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the whole record here.")
    ] = None,
) -> None:
    """Drive scripted conversations through a fresh, complete system on a manual clock.

    Prints each expectation that failed, and last `N passed, N failed`. A script:

    \b
    name: evening-fog
    hours_since_infusion: 3          # null = before the first infusion
    turns:
      - patient: "still foggy and my chest hurts"
        after: 10m                   # time passing before this turn (m, h, d)
        expect:                      # all optional
          level_min: emergency
          level_max: emergency
          says: ["911"]              # each regex matches the joined reply
          says_not: ["normal"]
          clinician_alerted: true
    """
    from clinic import converse as driver
    from clinic.supervisor import StartError

    paths = sorted(
        path for given in scripts for path in (given.rglob("*.y*ml") if given.is_dir() else [given])
    )
    try:
        outcomes = driver.run(paths, _settings())
    except (driver.ScriptError, StartError) as error:
        raise _mend(str(error)) from None
    if json_file is not None:
        record = [vars(outcome) for outcome in outcomes]
        json_file.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    typer.echo(f"{len(outcomes) - failed} passed, {failed} failed")
    raise typer.Exit(failed > 0)


# --- shared -------------------------------------------------------------------------------------


def main() -> None:
    """The entry point: errors a person can mend are one plain line, not a trace."""
    from clinic.console.access import AccessError
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


def _settings() -> Settings:
    return settings_module.load()


def _system() -> System:
    from clinic.system import assemble

    return assemble(_settings())


@contextmanager
def _work() -> Iterator[tuple[System, Session]]:
    """One command's unit of work on the clinic's database."""
    system = _system()
    system.database.migrate()
    with system.database.write() as session:
        yield system, session


def _patient(session: Session, who: str) -> Patient:
    from clinic.records.models import Patient

    found = session.get(Patient, who)
    if found is None:
        raise _mend(f"There is no patient {who}. See: afterglow patient list")
    return found


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _mend(f"{text!r} is not a time such as 2026-11-19T15:30-05:00") from None
    if moment.tzinfo is None:
        raise _mend("Give the time with its zone, e.g. 2026-11-19T15:30-05:00")
    return moment


def _assistant(module: str) -> None:
    """Run a module of the assistant's environment with our standard streams."""
    from clinic.supervisor import ASSISTANT_PYTHON, environment

    if not ASSISTANT_PYTHON.exists():
        raise _mend("The assistant's environment is missing. Run: make setup")
    result = subprocess.run(  # noqa: S603 - our own module
        [str(ASSISTANT_PYTHON), "-m", module], cwd=ROOT, env=environment(_settings()), check=False
    )
    raise typer.Exit(result.returncode)


def _mend(text: str) -> typer.Exit:
    typer.echo(f"afterglow: {text}", err=True)
    return typer.Exit(2)


def _check_data() -> None:
    """Refuse to start with broken words, rules or policy, before a patient meets them."""
    from bot import content, risk
    from clinic.escalation import policy

    try:
        content.registry()
        risk.ruleset()
        policy.load()
    except ValueError as error:
        raise _mend(str(error)) from None


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


def _welcome(system: System) -> None:
    from clinic import demo as demo_clinic

    if not demo_clinic.ensure(system):
        _say(f"Afterglow runs at {system.settings.public_url}")
        return
    shown = demo_clinic.welcome(system)
    lines: list[Any] = [
        "",
        "Afterglow runs. This is a demo clinic; its people are made up.",
        "",
        "  Patient    (Sam, infusion 3 was yesterday; the link works once)",
        f"    {shown.patient_url}",
        "",
        f"  Clinicians  {shown.console_url}",
    ]
    for who, email, password in shown.staff:
        way = f"one-time password {password}" if password else "has signed in before"
        lines.append(f"    {who}: {email}, {way}")
    lines += [
        "    The second factor without a phone: uv run afterglow demo code E-MAIL",
        "",
        f"  Outgoing mail lands in {_relative(system.settings.home / 'mail')}",
        "  The companion answers as soon as its model is loaded (about 20 seconds).",
        "  Ctrl-C stops everything.",
        "",
    ]
    _say("\n".join(lines))


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
