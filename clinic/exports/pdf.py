"""Everything a patient takes along, to read and to print: the record (record.py) as PDF/UA, with
the lines of their own page drawn. The JSON file holds the same in full, and what pages said before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bot import measures
from clinic import pictures
from clinic.exports import record, typeset
from clinic.exports.typeset import Exact
from clinic.patient.changes import Changes
from clinic.pictures import Line
from clinic.records.models import Patient
from clinic.system import System

Block = dict[str, Any]


def gather(system: System, session: Session, patient: Patient, actor: str) -> Callable[[], bytes]:
    """Read everything kept, audited like the other export; what comes back sets the PDF.

    Setting years takes long, so it is done after the transaction: nobody's message waits for it.
    """
    kept = record.whole(system, session, patient, actor)
    lines = Changes(system, session, patient).lines()
    book = _Book(system, ZoneInfo(patient.timezone))
    made, static = system.clock.now(), system.settings.static_dir
    notice = system.words.render("pdf.signs", 0, {"sign": "{sign}"})
    return lambda: typeset.write("record", book.of(kept, lines), static, made, notice)


class _Book:
    """The document as data: parts with a title, each of blocks (pages/common.typ)."""

    def __init__(self, system: System, zone: ZoneInfo) -> None:
        self._words, self._zone = system.words, zone

    def of(self, kept: Mapping[str, Any], lines: list[Line]) -> dict[str, Any]:
        told = [r for r in kept["records"] if "text" in r["data"] and r["kind"] != "clinic_task"]
        spoken = [m for m in kept["messages"] if m["spoken"] and m["text"]]
        parts = {
            "infusions": self._infusions(kept["infusions"]),
            "over": map(self._drawn, lines),
            "journal": self._each(kept["journal"], self._entry),
            "noted": self._each(told, self._noted),
            "measures": self._measures(kept["measures"]),
            "plan": self._each(kept["safety_plan"].items(), self._plan),
            "chat": self._each(spoken, self._message),
        }
        laid = [{"title": self._say(n), "blocks": list(blocks)} for n, blocks in parts.items()]
        title, day = self._say("title"), self._day(kept["exported_at"])
        lost = kept["unreadable"]
        missing = [self._say("unreadable", count=str(lost))] if lost else []
        return {
            "title": title,
            "foot": f"{title}, {day}",
            "lead": [f"{kept['patient']['name']}, {day}", self._say("more"), *missing],
            "parts": [part for part in laid if part["blocks"]],
        }

    def _each(self, items: Iterable[Any], write: Callable[[Any], list[Block]]) -> Iterable[Block]:
        return (block for item in items for block in write(item))

    def _infusions(self, all_: list[Mapping[str, Any]]) -> list[Block]:
        rows = [
            (
                self._say("infusion", number=str(one["number"])),
                self._day(one["ended"] or one["started"]),
                self._say("cancelled" if one["cancelled"] else "held"),
            )
            for one in all_
        ]
        return self._table(("which", "when", "state"), rows)

    def _measures(self, all_: list[Mapping[str, Any]]) -> list[Block]:
        known = measures.measures()
        rows = []
        for one in all_:
            measure, value = known.get(one["measure"]), (one["score"] or {}).get("value")
            said = f"{value:g}" if isinstance(value, int | float) else self._say("not_finished")
            rows.append((self._day(one["at"]), measure.name if measure else one["measure"], said))
        return self._table(("when", "form", "score"), rows)

    def _table(self, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[Block]:
        said = [self._say(f"head_{name}") for name in heads]
        return [{"kind": "table", "heads": said, "rows": rows}] if rows else []

    def _entry(self, entry: Mapping[str, Any]) -> list[Block]:
        shared = self._say("shared" if entry["sharing"] == "shared" else "private")
        found = [_small(f"{self._day(entry['at'])}, {shared}")]
        for part in entry["parts"]:
            found += [_small(part["question"])] if part["question"] else []
            found += [_said(part["text"])] if part["text"] else []
        return found

    def _noted(self, one: Mapping[str, Any]) -> list[Block]:
        return [_small(self._day(one["at"])), _said(one["data"]["text"])]

    def _plan(self, part: tuple[str, list[Mapping[str, str]]]) -> list[Block]:
        return [_small(part[0].replace("_", " ")), _said(part[1][-1]["text"])]

    def _message(self, message: Mapping[str, Any]) -> list[Block]:
        author = self._say(f"by_{message['author']}")
        return [_small(f"{self._day(message['at'])}, {author}"), _said(message["text"])]

    def _drawn(self, line: Line) -> Block:
        drawing = pictures.drawing(line, self._local)
        return {
            "kind": "picture",
            "title": line.title,
            "sentence": line.sentence,
            "svg": Exact(drawing.alone()),
            "heads": drawing.heads,
            "rows": drawing.rows,
        }

    def _day(self, at: str) -> str:
        return self._local(datetime.fromisoformat(at))

    def _local(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local:%b} {local.day}, {local.year}"

    def _say(self, name: str, **values: str) -> str:
        said: str = self._words.render(f"pdf.{name}", 0, values)
        return said


def _small(words: str) -> Block:
    return {"kind": "small", "words": words}


def _said(words: str) -> Block:
    return {"kind": "said", "words": words}
