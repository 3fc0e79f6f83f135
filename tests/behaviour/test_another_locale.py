"""A language nobody has thought of is a folder of words, and no line of code.

The made-up one is written in Cherokee letters, so that nothing else can be taken for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bot import content
from bot.spoken import languages, spoken
from clinic import converse
from clinic.records.models import Escalation
from clinic.settings import SettingsError, load
from tests.behaviour.conftest import Edge
from tests.builders import settings

HELLO = "\u13a0\u13a1\u13a2"
CARD = HELLO + " {crisis_line}, {emergency_number}"
WAIT = HELLO + " \u13a3\u13a4 {crisis_line}"
GREETING = "\u13ac\u13ad\u13ae"
WORRIED = "\u13a0\u13a1\u13a2\u13a3 \u13a4\u13a5\u13a6\u13a7 \u13a8\u13a9\u13aa\u13ab"
ITEMS: list[dict[str, Any]] = [
    {"id": "safety.card", "version": 1, "text": CARD},
    {"id": "safety.wait_human", "version": 1, "text": WAIT},
    {
        "id": "conversation.greet_day",
        "version": 1,
        "text": [f"{GREETING} {number}" for number in range(4)],
        "choices": [{"id": "skip", "title": HELLO}],
    },
]


def write(root: Path, code: str, items: list[dict[str, Any]]) -> None:
    folder = root / code
    folder.mkdir(exist_ok=True)
    said = {"source": "made up", "review": "2027-11-22", "stages": "any", "items": items}
    text = yaml.safe_dump(said).replace("'2027-11-22'", "2027-11-22")
    (folder / "words.yml").write_text(text, encoding="utf-8")
    (folder / "language.yml").write_text(
        'letters: "\u13a0-\u13f5"\nat_least: 3\n', encoding="utf-8"
    )


def forget() -> None:
    content.registry.cache_clear()
    languages.cache_clear()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tree of its own with the made-up language; the assistant's process is told of it, too."""
    tree = tmp_path / "content"
    shutil.copytree(content.ROOT, tree)
    write(tree, "qx", ITEMS)
    monkeypatch.setattr(content, "ROOT", tree)
    monkeypatch.setenv("AFTERGLOW_CONTENT", str(tree))
    forget()
    yield tree
    forget()


def test_it_is_found_has_its_words_and_english_where_it_has_none(root: Path):
    assert "qx" in content.locales()
    english, theirs = content.registry(), content.registry("qx")
    assert theirs.render("conversation.greet_day", 2) == f"{GREETING} 2"
    assert theirs.render("conversation.rest", 1) == english.render("conversation.rest", 1)
    assert {item.id for item in theirs} == {item.id for item in english}


def test_its_buttons_do_what_the_english_ones_do_whatever_they_are_called(root: Path):
    theirs, english = (
        content.registry(code).item("conversation.greet_day") for code in ("qx", "en")
    )
    assert [c.payload for c in theirs.choices] == [c.payload for c in english.choices]
    assert [c.title for c in theirs.choices if c.id == "skip"] == [HELLO]
    assert (theirs.kind, theirs.stages) == (english.kind, english.stages)


@pytest.mark.parametrize(
    "change",
    [
        {"asks": []},
        {"kind": "say"},
        {"choices": [{"id": "no", "title": "No", "payload": "/affirm"}]},
        {"choices": [{"id": "later", "title": "Later"}]},
    ],
)
def test_a_translation_that_would_act_differently_is_refused(root: Path, change: dict[str, Any]):
    write(root, "qx", [{"id": "safety.ask", "version": 1, "text": HELLO} | change])
    with pytest.raises(content.ContentError, match=r"qx/words\.yml: safety\.ask"):
        content.load(root, "qx")


def test_a_message_in_it_is_known_and_gets_the_card_or_a_human(root: Path, edge: Edge):
    assert spoken(WORRIED) == "qx"
    assert spoken("kana \u3042 and Cherokee names") is None
    waiting = edge.say(WORRIED)["replies"]
    assert [reply["content"] for reply in waiting] == ["safety.wait_human"]
    assert waiting[0]["text"].startswith(HELLO)
    with edge.world.system.database.read() as session:
        assert session.scalars(select(Escalation)).one().reason == "language.qx"
    card, wait = edge.say(f"{WORRIED} I am going to kill myself tonight")["replies"]
    assert card["text"] == f"{HELLO} 988, 911"
    assert wait["text"].startswith(HELLO)


def test_a_language_without_any_safety_words_is_answered_in_english(root: Path, edge: Edge):
    write(root, "qx", [ITEMS[2]])
    forget()
    waiting = edge.say(WORRIED)["replies"]
    assert [reply["content"] for reply in waiting] == ["safety.wait_human"]
    assert "asked a person from your team" in waiting[0]["text"]


def test_a_language_file_that_cannot_be_read_still_lets_words_through(root: Path, edge: Edge):
    (root / "qx" / "language.yml").write_text("letters: [")
    forget()
    assert spoken(WORRIED) is None
    assert edge.say("I am going to kill myself tonight")["replies"][0]["content"] == "safety.card"


def test_a_locale_without_a_folder_is_refused_at_the_start(root: Path, tmp_path: Path):
    known = {"AFTERGLOW_HOME": str(tmp_path), "AFTERGLOW_LOCALE": "qx"}
    assert load(known).locale == "qx"
    with pytest.raises(SettingsError, match=r"en, .*qx"):
        load(known | {"AFTERGLOW_LOCALE": "xx"})


@pytest.mark.assistant
def test_a_clinic_talks_in_it_through_the_real_assistant(root: Path, tmp_path: Path):
    script = tmp_path / "talk.yaml"
    turns = [
        {"patient": "hello", "after": "4h", "expect": {"says": [GREETING, HELLO]}},
        {"patient": "who reads this?", "expect": {"says": ["team"]}},
        {"patient": "I want to kill myself", "expect": {"says": [f"^{HELLO} 988"]}},
    ]
    script.write_text(yaml.safe_dump({"name": "talk", "hours_since_infusion": 20, "turns": turns}))
    (outcome,) = converse.run([script], settings(tmp_path, locale="qx"), quiet=True)
    assert outcome.failures == []
