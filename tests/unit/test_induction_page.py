"""The page that a clinician signs the wording from shows today's words (`make induction`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.content import Item, registry
from clinic.settings import ROOT

PAGE = (ROOT / "docs/clinical/induction.md").read_text()
_SAID = re.compile(r"^\d\d:\d\d \*\*Companion\*\* (?P<text>.*?)(?P<buttons>(?: `[^`]+`)*)$", re.M)
_PLACE = re.compile(r"\\{\w+\\}")


def _open(text: str) -> str:
    """A pattern for the sentence, whatever fills its places, on one line as the page has it."""
    return _PLACE.sub(".+", re.escape(" ".join(text.split())))


def _shapes(item: Item) -> Iterator[str]:
    buttons = "".join(f" `{_open(choice.title)}`" for choice in item.choices)
    for variant in item.variants:
        # A sentence that is nothing but a place to fill in would let everything pass.
        if _PLACE.sub("", re.escape(variant)).strip():
            yield _open(variant) + buttons


def test_every_sentence_and_button_on_the_page_is_in_the_registry_as_it_stands() -> None:
    known = re.compile("|".join(shape for item in registry() for shape in _shapes(item)))
    said = [match["text"] + match["buttons"] for match in _SAID.finditer(PAGE)]
    assert len(said) > 200
    assert [line for line in said if not known.fullmatch(line)] == []


def test_the_page_goes_through_all_six_infusions() -> None:
    assert {int(n) for n in re.findall(r"^## .* infusion (\d)$", PAGE, re.M)} == set(range(1, 7))
