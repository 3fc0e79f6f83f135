"""Starting, setting up and examining an installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clinic.cli.shared import assistant, load_settings, mend, open_system, say, work

if TYPE_CHECKING:
    from clinic.system import System

app = typer.Typer()
clinic = typer.Typer(help="Your clinic.", no_args_is_help=True)
demo = typer.Typer(invoke_without_command=True)


@app.command()
def run() -> None:
    """Start everything and keep it running. Ctrl-C stops it.

    Starts the edge (patients and staff), the engine (alerts), the assistant (dialogue) and, when no
    mail server is configured, a local mail sink. A part that dies is started again; nothing on the
    record is lost. The first start creates a demo clinic.
    """
    from clinic.supervisor import Supervisor

    parts = Supervisor(load_settings(), say)
    # Patients' page first: what follows here would only take processor time from it.
    parts.heed_signals()
    parts.start()
    try:
        parts.wait_for_edge()
        _check_data()
        system = open_system()
        system.database.migrate()
        _welcome(system)
        _check_on_call(system)
        parts.watch()
    finally:
        say("Stopping.")
        parts.stop()
    say("Stopped.")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema (`run` does it by itself)."""
    open_system().database.migrate()
    typer.echo("The database is up to date.")


@app.command()
def train() -> None:
    """Train the assistant's model. Does nothing when nothing it learns from has changed."""
    assistant("bot.rasa.train")


@app.command()
def doctor() -> None:
    """Check this installation and say what to mend. Ends with 1 when something must be mended."""
    from clinic.doctor import examine

    findings = examine(load_settings())
    for finding in findings:
        typer.echo(f"{finding.mark:7} {finding.name}: {finding.says}")
    raise typer.Exit(any(f.mark == "MEND" for f in findings))


@clinic.command("found")
def clinic_found(
    name: Annotated[str, typer.Argument(help="As patients know it.")],
    timezone: Annotated[str, typer.Option(help="IANA name, e.g. America/New_York.")],
    phone: Annotated[str, typer.Option(help="The number patients call.")] = "",
    hours: Annotated[str, typer.Option(help="When it is answered.")] = "Weekdays 9 to 5",
    country: Annotated[str, typer.Option(help="Two letters: decides the numbers to call.")] = "US",
    emergency_number: Annotated[str, typer.Option(help="Instead of the country's.")] = "",
    crisis_line: Annotated[str, typer.Option(help="Instead of the country's.")] = "",
    reads_within: Annotated[
        str, typer.Option(help="How soon somebody reads the chat; patients are told.")
    ] = "2 working days",
) -> None:
    """Set up your own clinic on an empty database, instead of the demo. Then add staff."""
    from clinic import people
    from clinic.records.models import Clinic

    with work() as (_system, session):
        if session.get(Clinic, 1) is not None:
            raise mend("This database has a clinic already. Use another AFTERGLOW_HOME.")
        chosen = {
            "phone": phone,
            "hours": hours,
            "country": country.upper(),
            "reads_within": reads_within,
        }
        own = {"emergency_number": emergency_number, "crisis_line": crisis_line}
        chosen |= {name: number for name, number in own.items() if number}
        people.found_clinic(session, name, timezone, chosen)
    typer.echo(f"{name} is set up. Next: afterglow staff add NAME E-MAIL --on-call")


@clinic.command("set")
def clinic_set(
    name: Annotated[str, typer.Argument(help="Such as fasting, music, planned, driving_hours.")],
    value: Annotated[str, typer.Argument(help="Empty text: back to the default.")],
) -> None:
    """Change one of the clinic's settings. What is said to patients is shown as you write it."""
    from clinic import people

    with work() as (system, session):
        people.change_setting(system, session, name, value)


@demo.callback()
def demo_clinic(
    context: typer.Context,
    patients: Annotated[int, typer.Option(min=1, max=999, help="How many people.")] = 20,
    weeks: Annotated[int, typer.Option(min=2, max=156, help="Until today.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed makes the same clinic.")] = 1,
) -> None:
    """Fill an empty database with weeks of a made-up clinic, to try pages and reports on."""
    if context.invoked_subcommand:
        return
    from clinic import demo_weeks
    from clinic.clock import SystemClock

    now = SystemClock().now()
    made = demo_weeks.make(load_settings(), now, patients, weeks, seed)
    typer.echo(f"{patients} people, {weeks} weeks, {made} messages. Start it with: afterglow run")


@demo.command("code")
def demo_code(email: str) -> None:
    """The current second-factor code of a demo clinician, for trying it without a phone."""
    from clinic import people
    from clinic.console.sign_in import proofs
    from clinic.records.models import Clinic

    with work() as (system, session):
        founded = session.get(Clinic, 1)
        if founded is None or not founded.settings.get("demo"):
            raise mend("Only the demo clinic gives out codes. Use your authenticator app.")
        code = proofs.current_code(system, people.by_email(session, email))
    typer.echo(code or "Open the console and sign in once first: it shows the key to enrol.")


def _check_data() -> None:
    """Refuse to start with broken words, rules or policy, before a patient meets them."""
    from bot import cadence, content, risk
    from clinic import crisis, medical_history
    from clinic.escalation import policy
    from clinic.journal import prompts
    from clinic.touches import schedule

    try:
        content.registry()
        risk.ruleset()
        policy.load()
        schedule.load()
        prompts.load()
        crisis.countries()
        cadence.load()
        medical_history.policy()
    except ValueError as error:
        raise mend(str(error)) from None


def _check_on_call(system: System) -> None:
    """Refuse to serve patients when no alert could reach anybody on call. A gap in the rota is only
    said: the policy then calls the other clinicians, and a system that is down would call nobody.
    """
    from clinic.escalation import on_call

    now = system.clock.now()
    with system.database.read() as session:
        if not on_call.ever(session, now):
            raise mend(
                "Nobody who can be reached is on call, now or in the next seven days, so nobody "
                "would be told of an alert. Run: afterglow on-call shift E-MAIL (the address must "
                "be verified; see: afterglow doctor)"
            )
        gaps = on_call.gaps(session, now)
    if gaps:
        say(f"WARNING: {len(gaps)} gaps on call in the next seven days. See: afterglow on-call")


def _welcome(system: System) -> None:
    from clinic import demo as demo_clinic

    if not demo_clinic.ensure(system):
        say(f"Afterglow runs at {system.settings.public_url}")
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
    say("\n".join(lines))


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
