"""What is taken along as PDF is PDF/UA, in any alphabet; the check of it would notice if not."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from clinic.exports import typeset
from clinic.records.models import Patient
from tests import pdf_ua
from tests.behaviour.test_changes import a_measure, an_infusion
from tests.builders import World
from tests.desk import message, record

ALPHABETS = [
    "Žluťoučký kůň, Đường, ß", "Привет, море", "Καλημέρα", "नमस्ते दुनिया", "สวัสดี", "海は広い",
    "한국어", "The sea 🌊",
]  # fmt: skip
HEBREW = "שלום עולם"


@pytest.fixture
def taken(world: World, sam: Patient, page: TestClient) -> bytes:
    """A record with something of everything, as the patient downloads it."""
    an_infusion(world, sam, "1", intensity=4, mood=-2)
    an_infusion(world, sam, "2", intensity=5, mood=3)
    a_measure(world, sam, "phq9", 15)
    a_measure(world, sam, "phq9", 6)
    for number, words in enumerate([*ALPHABETS, HEBREW]):
        record(world, sam, "win", f"w{number}", {"text": words})
    message(world, sam, '#strong[x] = y $a$ @b // <c> "d" \\ *e* `f`')
    answer = page.post("/team/download/pdf")
    assert answer.status_code == 200
    return bytes(answer.content)


def test_another_program_finds_nothing_against_the_record(taken: bytes) -> None:
    assert pdf_ua.problems(taken) == []


def test_it_is_read_aloud_in_order_with_pictures_in_words_and_tables_with_heads(
    taken: bytes,
) -> None:
    spoken = pdf_ua.spoken(taken)
    heads = [words for role, words in spoken if role == "H1"]
    assert heads == ["Infusions", "Over time", "Steps, wins and notes", "Forms", "The chat"]
    assert spoken[0] == ("P", "What is kept about you")
    figures = [words for role, words in spoken if role == "Figure"]
    assert any(words.startswith("PHQ-9. ") and "15" in words for words in figures)
    place = spoken.index(("H1", "Infusions"))
    assert spoken[place + 1 : place + 4] == [("TH", "Which"), ("TH", "When"), ("TH", "Held or not")]


def test_words_of_any_alphabet_stand_as_they_were_written_and_none_is_markup(taken: bytes) -> None:
    said = [words for role, words in pdf_ua.spoken(taken) if role == "P"]
    for words in ALPHABETS:
        assert words in said, words
    assert all(any(word in line for line in said) for word in HEBREW.split())
    assert '#strong[x] = y $a$ @b // <c> "d" \\ *e* `f`' in said
    assert not any("could not be drawn" in line for line in said)


def test_a_letter_no_font_has_is_said_and_shown_and_takes_nothing_else_along(
    world: World, sam: Patient, page: TestClient
) -> None:
    for number, words in enumerate(["ⰀⰁ and more", "bell\x07 \u2028\ue000", "W" * 3000, "a\u0489"]):
        record(world, sam, "win", f"w{number}", {"text": words})
    taken = page.post("/team/download/pdf").content
    assert pdf_ua.problems(taken) == []
    said = [words for _, words in pdf_ua.spoken(taken)]
    assert "\ufffd\ufffd and more" in said
    assert any("Where you see \ufffd" in line for line in said)


def test_what_does_not_open_is_said_on_the_first_page(
    world: World, sam: Patient, page: TestClient
) -> None:
    record(world, sam, "win", "w1", {"text": "a walk"})
    with world.system.database.write() as session:
        session.execute(text("UPDATE record SET data_sealed = x'01'"))
    taken = page.post("/team/download/pdf").content
    said = "Some parts could not be opened and are not here. How many: 1. Please tell your team."
    assert ("P", said) in pdf_ua.spoken(taken)


def test_without_the_other_alphabets_a_record_is_still_written(tmp_path: Path) -> None:
    """The front end was never built: Latin letters, and a question mark for the rest."""
    data = {
        "title": "T",
        "foot": "",
        "lead": [],
        "parts": [{"title": "A", "blocks": [{"kind": "said", "words": "sea 海"}]}],
    }
    written = typeset.write("record", data, tmp_path, datetime(2026, 1, 1, tzinfo=UTC), "{sign}!")
    assert pdf_ua.problems(written) == []
    assert ("P", "sea ?") in pdf_ua.spoken(written)
    assert ("P", "?!") in pdf_ua.spoken(written)


def _drop_alts(pdf: pikepdf.Pdf) -> None:
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/S") == "/Figure":
            del one["/Alt"]


def _drop_scopes(pdf: pikepdf.Pdf) -> None:
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/S") == "/TH" and "/A" in one:
            del one["/A"]


def _deepen(pdf: pikepdf.Pdf) -> None:
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/S") == "/H2":
            one["/S"] = pikepdf.Name("/H4")


def _paint(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].contents_add(b"0 0 5 5 re f")


def _unembed(pdf: pikepdf.Pdf) -> None:
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor":
            for key in ("/FontFile2", "/FontFile3"):
                if key in one:
                    del one[key]


def _metadata(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata() as metadata:
        del metadata["pdfuaid:part"]


BROKEN: dict[str, Callable[[pikepdf.Pdf], Any]] = {
    "no language": lambda pdf: pdf.Root.__delitem__("/Lang"),
    "not marked": lambda pdf: pdf.Root.__delitem__("/MarkInfo"),
    "no structure tree": lambda pdf: pdf.Root.__delitem__("/StructTreeRoot"),
    "the title is not shown": lambda pdf: pdf.Root.__delitem__("/ViewerPreferences"),
    "does not say that it is PDF/UA-1": _metadata,
    "is not in the tree": lambda pdf: pdf.pages[0].obj.__delitem__("/StructParents"),
    "neither tagged nor an artifact": _paint,
    "a Figure without words": _drop_alts,
    "a header that heads nothing": _drop_scopes,
    "H4 after level": _deepen,
    "is not embedded": _unembed,
}


def test_the_check_notices_what_it_is_for(taken: bytes) -> None:
    for problem, breaking in BROKEN.items():
        with pikepdf.open(io.BytesIO(taken)) as pdf:
            breaking(pdf)
            out = io.BytesIO()
            pdf.save(out)
        found = pdf_ua.problems(out.getvalue())
        assert any(problem in one for one in found), (problem, found[:3])
