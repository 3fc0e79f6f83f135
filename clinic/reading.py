"""A scripted conversation as a page to read, for whoever signs the wording."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any

from bot.content import registry
from clinic.converse import Outcome

WHO = {"patient": "Patient", "bot": "Companion", "system": "Companion", "staff": "Clinician"}


def page(outcome: Outcome) -> str:
    """Markdown: a heading a stage and day as the patient's page names them, a line a message at the
    patient's own time, buttons after what offers them."""
    title = outcome.script.replace("-", " ").capitalize()
    parts = [f"# {title}\n"]
    for (day, infusion, stage), said in groupby(outcome.record, _place):
        where = registry().item(f"place.{stage}")
        of = {"number": str(infusion)} if where.values else {}
        parts.append(f"## {day}: {registry().render(where.id, 0, of)}\n")
        parts.extend(map(_line, said))
    return "\n".join(parts)


def _place(said: dict[str, Any]) -> tuple[str, int | None, str]:
    day = datetime.fromisoformat(said["at"]).strftime("%d %B")
    return day, said["infusion"], said["stage"]


def _line(said: dict[str, Any]) -> str:
    time = datetime.fromisoformat(said["at"]).strftime("%H:%M")
    text = said["text"].replace("\n", " ")
    buttons = "".join(f" `{title}`" for title in said["choices"])
    return f"{time} **{WHO[said['author']]}** {text}{buttons}\n"
