"""Reading and signing what patients are told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from clinic.cli.shared import mend, open_system, work

if TYPE_CHECKING:
    from bot.content import Item
    from clinic.signatures import Signature

sign = typer.Typer(help="Read and sign what patients are told.", no_args_is_help=True)

What = Annotated[list[str], typer.Argument(help="Sentences, topics or languages: safety.ask, es")]


@sign.command("list")
def sign_list(
    changed: Annotated[bool, typer.Option(help="Only what was signed and has changed")] = False,
) -> None:
    """What is unsigned or past its review date, by topic; how much of it speaks of danger."""
    from clinic import signatures

    system = open_system()
    try:
        all_of_them = signatures.standing(signatures.shown(system), system.settings.home)
    except signatures.SignatureError as error:
        raise mend(str(error)) from None
    if changed:
        for one in all_of_them:
            if one.changed and one.signature:
                typer.echo(
                    f"{one.item.id}  version {one.item.version}, last {_said(one.signature)}"
                )
        return
    open_ones = [one for one in all_of_them if not one.signed]
    topics = Counter(one.item.topic for one in open_ones)
    danger = Counter(one.item.topic for one in open_ones if signatures.at_risk(one.item))
    today = system.clock.now().date()
    late = Counter(one.item.topic for one in all_of_them if one.overdue(today))
    for topic in sorted(topics | late, key=lambda name: (-danger[name], name)):
        says = f"{topic:16} {topics[topic]:4} unsigned, {danger[topic]:3} of them about danger"
        typer.echo(f"{says}; {late[topic]} past their review date" if late[topic] else says)
    moved = sum(one.changed for one in open_ones)
    typer.echo(
        f"{len(open_ones)} of {len(all_of_them)} sentences are unsigned; {moved} were signed"
    )
    typer.echo(f"and have changed since; {late.total()} are past their review date.")
    typer.echo("Read a topic: afterglow sign read TOPIC")


@sign.command("read")
def sign_read(what: What) -> None:
    """Show sentences as they are, and the mark to sign them with."""
    from clinic import signatures

    items = _chosen(what)
    for item in items:
        stages = ", ".join(item.stages) or "any stage"
        typer.echo(f"{item.id}, version {item.version}, for {stages}. Source: {item.source}")
        typer.echo(f"  to be read again by {item.review}")
        for text in item.variants:
            typer.echo(f"    {text}")
        for choice in item.choices:
            does = [f"raises to {choice.raises}"] if choice.raises else []
            does += ["ends the screen"] if choice.completes_screen else []
            typer.echo(f"    [{choice.title}] {', '.join(does)}".rstrip())
    typer.echo(f"{len(items)} sentences. Mark: {signatures.mark(items)}")


@sign.command("words")
def sign_words(
    what: What,
    mark: Annotated[str, typer.Option(help="The mark shown by: afterglow sign read")],
    name: Annotated[str, typer.Option(help="Who signs, by full name")],
    role: Annotated[str, typer.Option(help="What they are: medical director")],
) -> None:
    """Sign what was read, for this clinic. Only the person who read it should give this command."""
    from clinic import signatures

    items = _chosen(what)
    try:
        with work() as (system, session):
            by, now = {"name": name, "role": role}, system.clock.now()
            system.audit.add(
                session, now, "system", "words.sign", f"words:{mark}", sentences=len(items)
            )
            count = signatures.sign(system.settings.home, items, mark, by, now.date())
    except signatures.SignatureError as error:
        raise mend(str(error)) from None
    typer.echo(f"{count} sentences are signed by {name}, {role}.")


def _chosen(what: list[str]) -> list[Item]:
    from clinic import signatures

    try:
        return signatures.choose(signatures.shown(open_system()), what)
    except signatures.SignatureError as error:
        raise mend(str(error)) from None


def _said(signature: Signature) -> str:
    return f"version {signature.version} by {signature.name}, {signature.role}, {signature.on}"
