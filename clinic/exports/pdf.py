"""Everything a patient takes along, to read and to print: the record (record.py) as a PDF, with the
lines of their own page drawn. The JSON file holds the same in full; signs the font lacks stand as ?
here, and the first page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fontTools.ttLib import TTFont
from fpdf import FPDF
from sqlalchemy.orm import Session

from bot import measures
from clinic.exports import record
from clinic.patient.changes import Changes
from clinic.pictures import Line
from clinic.records.models import Patient
from clinic.system import System

_FONT = Path(__file__).parent / "fonts" / "atkinson-hyperlegible-next.ttf"
_WIDE, _HIGH = 174.0, 34.0
_SMALL, _BODY, _HEAD, _TITLE = 9, 10.5, 14, 20


def gather(system: System, session: Session, patient: Patient, actor: str) -> Callable[[], bytes]:
    """Read everything kept, audited like the other export; what comes back draws the PDF.

    Drawing years takes long, so it is done after the transaction: nobody's message waits for it.
    """
    kept = record.whole(system, session, patient, actor)
    lines = Changes(system, session, patient).lines()
    book = _Book(system, ZoneInfo(patient.timezone), system.clock.now())
    return lambda: book.write(kept, lines)


@lru_cache(maxsize=1)
def _signs() -> frozenset[int]:
    """What the font can draw."""
    return frozenset(TTFont(_FONT).getBestCmap())


class _Book:
    """One document, page by page."""

    def __init__(self, system: System, zone: ZoneInfo, now: datetime) -> None:
        self._words, self._zone = system.words, zone
        self._pdf = FPDF(format="A4")
        self._pdf.set_creation_date(now)
        self._pdf.set_margins(18, 18)
        self._pdf.set_auto_page_break(True, 18)
        self._pdf.add_font("body", "", str(_FONT))
        self._known = _signs()
        self._widths: dict[str, float] = {}
        self._pdf.set_title(self._say("title"))
        self._pdf.set_lang("en")
        self._pdf.add_page()

    def write(self, kept: Mapping[str, Any], lines: list[Line]) -> bytes:
        self._line(self._say("title"), _TITLE)
        self._line(f"{kept['patient']['name']}, {self._day(kept['exported_at'])}")
        self._line(self._say("signs"), _SMALL)
        self._part("infusions", kept["infusions"], self._infusion)
        if lines:
            self._head("over")
            for line in lines:
                self._draw(line)
        self._part("journal", kept["journal"], self._entry)
        told = [r for r in kept["records"] if "text" in r["data"] and r["kind"] != "clinic_task"]
        self._part("noted", told, self._noted)
        self._part("measures", kept["measures"], self._measure)
        self._part("plan", list(kept["safety_plan"].items()), self._plan)
        self._part(
            "chat", [m for m in kept["messages"] if m["spoken"] and m["text"]], self._message
        )
        return bytes(self._pdf.output())

    def _part(self, name: str, items: list[Any], write: Callable[[Any], None]) -> None:
        if items:
            self._head(name)
            for item in items:
                write(item)

    def _infusion(self, one: Mapping[str, Any]) -> None:
        state = self._say("cancelled") if one["cancelled"] else ""
        number = self._say("infusion", number=str(one["number"]))
        self._line(f"{number}: {self._day(one['ended'] or one['started'])} {state}".rstrip())

    def _entry(self, entry: Mapping[str, Any]) -> None:
        shared = self._say("shared" if entry["sharing"] == "shared" else "private")
        self._line(f"{self._day(entry['at'])}, {shared}", _SMALL)
        for part in entry["parts"]:
            if part["question"]:
                self._line(part["question"], _SMALL)
            if part["text"]:
                self._line(part["text"])
        self._pdf.ln(2)

    def _noted(self, one: Mapping[str, Any]) -> None:
        self._line(self._day(one["at"]), _SMALL)
        self._line(one["data"]["text"])

    def _measure(self, one: Mapping[str, Any]) -> None:
        known = measures.measures().get(one["measure"])
        name = known.name if known else one["measure"]
        value = (one["score"] or {}).get("value")
        said = f"{value:g}" if isinstance(value, int | float) else self._say("not_finished")
        self._line(f"{self._day(one['at'])}: {name} {said}")

    def _plan(self, part: tuple[str, list[Mapping[str, str]]]) -> None:
        self._line(part[0].replace("_", " "), _SMALL)
        self._line(part[1][-1]["text"])

    def _message(self, message: Mapping[str, Any]) -> None:
        author = self._say(f"by_{message['author']}")
        self._line(f"{self._day(message['at'])}, {author}", _SMALL)
        self._line(message["text"])

    def _draw(self, line: Line) -> None:
        """The line between the ends of its scale, infusions as thin uprights, then the sentence."""
        pdf = self._pdf
        if pdf.will_page_break(_HIGH + 24):
            pdf.add_page()
        self._line(line.title)
        self._line(line.sentence, _SMALL)
        left, top = pdf.l_margin, pdf.get_y() + 2
        begin, end = line.points[0].at, line.points[-1].at
        length = (end - begin).total_seconds() or 1.0

        def place(at: datetime, value: float) -> tuple[float, float]:
            along = (at - begin).total_seconds() / length
            up = (value - line.low) / ((line.high - line.low) or 1)
            return left + 8 + along * (_WIDE - 12), top + _HIGH - up * _HIGH

        pdf.set_draw_color(190)
        for value in (line.low, line.high):
            _, y = place(begin, value)
            pdf.line(left + 8, y, left + _WIDE - 4, y)
            pdf.set_font("body", size=_SMALL)
            pdf.text(left, y + 1, f"{value:g}")
        for event in line.events:
            if begin <= event.at <= end:
                x, _ = place(event.at, 0)
                pdf.line(x, top, x, top + _HIGH)
                pdf.text(x - 1, top - 0.5, event.label)
        pdf.set_draw_color(75, 90, 138)
        pdf.set_fill_color(75, 90, 138)
        points = [place(point.at, point.value) for point in line.points]
        pdf.polyline(points)
        for x, y in points:
            pdf.circle(x, y, 0.9, style="F")
        pdf.set_y(top + _HIGH + 2)
        self._line(f"{self._day(begin.isoformat())}: {line.points[0].value:g}", _SMALL)
        self._line(f"{self._day(end.isoformat())}: {line.points[-1].value:g}", _SMALL)
        pdf.ln(3)

    def _head(self, name: str) -> None:
        self._pdf.ln(4)
        self._line(self._say(name), _HEAD)

    def _line(self, text: str, size: float = _BODY) -> None:
        self._pdf.set_font("body", size=size)
        self._pdf.set_text_color(*((85, 100, 106) if size == _SMALL else (31, 42, 46)))
        drawn = "".join(c if c == "\n" or ord(c) in self._known else "?" for c in text)
        for line in self._broken(drawn, (self._pdf.epw - 2 * self._pdf.c_margin) / size):
            self._pdf.cell(0, size * 0.55, line, new_x="LMARGIN", new_y="NEXT")

    def _broken(self, text: str, room: float) -> Iterator[str]:
        """Lines of at most ``room`` (mm at size 1), broken between words. Each word is measured
        once: fpdf's own breaking measures the line anew at every letter, minutes for years."""
        space = self._width(" ")
        for paragraph in text.split("\n"):
            line: list[str] = []
            used = 0.0
            for word in paragraph.split(" "):
                for piece in self._fitting(word, room):
                    width = self._width(piece)
                    if line and used + space + width > room:
                        yield " ".join(line)
                        line, used = [], 0.0
                    used += width + (space if line else 0)
                    line.append(piece)
            yield " ".join(line)

    def _fitting(self, word: str, room: float) -> Iterator[str]:
        """The word, in pieces where it is wider than a line."""
        while self._width(word) > room:
            end = max(1, int(len(word) * room / self._width(word)))
            while end > 1 and self._width(word[:end]) > room:
                end -= 1
            yield word[:end]
            word = word[end:]
        yield word

    def _width(self, word: str) -> float:
        """In mm at size 1."""
        if word not in self._widths:
            self._widths[word] = self._pdf.get_string_width(word) / self._pdf.font_size_pt
        return self._widths[word]

    def _day(self, at: str) -> str:
        local = datetime.fromisoformat(at).astimezone(self._zone)
        return f"{local:%b} {local.day}, {local.year}"

    def _say(self, name: str, **values: str) -> str:
        said: str = self._words.render(f"pdf.{name}", 0, values)
        return said
