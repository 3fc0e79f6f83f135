"""What the detector, the model and the whole path make of texts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from clinic.cli.shared import assistant, load_settings, mend

app = typer.Typer()


@app.command()
def screen(
    explain: Annotated[str | None, typer.Option(help="Show the reasoning for one text.")] = None,
    hours: Annotated[
        float | None, typer.Option(help="With --explain: hours since the infusion.")
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(help="With --explain: an earlier message; may be given again, oldest first."),
    ] = None,
) -> None:
    """Assess messages: JSON lines in, JSON lines out.

    In: {"id": 1, "text": "...", "hours_since_infusion": 20, "history": ["earlier", "messages"]}
    (the last two are optional). Out: {"id", "level", "categories", "evidence": [{"start", "end",
    "rule", "version", "level", "reason"}], "score", "rules", "unscreened"}. The level is the
    conversation's; "unscreened": true says that the screen itself failed on the text, which then
    counts as urgent. A line that cannot be read gives {"error"}. Example:

    echo '{"id": 1, "text": "I died in there and it was peaceful"}' | afterglow screen
    """
    from bot.risk import screen as screening

    if explain is not None:
        typer.echo(screening.explain(explain, hours, history or ()))
        return
    if hours is not None or history:
        raise mend("--hours and --history go with --explain; a JSON line brings its own.")
    for line in screening.screen(sys.stdin):
        sys.stdout.write(line if line.endswith("\n") else line + "\n")


@app.command()
def understand() -> None:
    """What the trained model takes texts for: JSON lines {"text"} in, {"intent", "confidence"} out.

    echo '{"text": "who can see this?"}' | afterglow understand
    """
    assistant("bot.rasa.understand")


@app.command()
def converse(
    scripts: Annotated[list[Path], typer.Argument(help="YAML scripts, or folders of them.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the whole record here.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write what was said as a page to read here.")
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
      - patient: ["yes", "hope", "3"]  # one after another; expectations are of the last
      - planned_in: 2d               # staff plan an infusion
      - infusion_minutes: 50         # the next one is held, when its time comes
      - opens: true                  # the patient looks at the page
    """
    from clinic import converse as driver
    from clinic import reading
    from clinic.scripts import ScriptError
    from clinic.supervisor import StartError

    paths = sorted(
        path for given in scripts for path in (given.rglob("*.y*ml") if given.is_dir() else [given])
    )
    try:
        outcomes = driver.run(paths, load_settings())
    except (ScriptError, StartError) as error:
        raise mend(str(error)) from None
    if json_file is not None:
        record = [vars(outcome) for outcome in outcomes]
        json_file.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    if page is not None:
        page.write_text("\n".join(map(reading.page, outcomes)), encoding="utf-8")
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    typer.echo(f"{len(outcomes) - failed} passed, {failed} failed")
    raise typer.Exit(failed > 0)
