"""Who signed which words: kept by the clinic, for the words as they were read and no others."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import content
from bot.content import Item, Registry, registry
from clinic import doctor, signatures
from clinic.cli import app
from tests.builders import settings

BY = {"name": "Test Signer", "role": "medical director"}
ON = date(2026, 11, 21)
LATER = date(2026, 11, 23)
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def ag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("AFTERGLOW_HOME", str(tmp_path))

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["sign", *words])
        return result.exit_code, result.output

    return run


def signed(home: Path, words: Registry) -> set[str]:
    return {one.item.id for one in signatures.standing(words, home) if one.signed}


def words_of(output: str) -> str:
    found = re.search(r"Mark: (\w+)", output)
    assert found
    return found[1]


def with_text(item: Item, **changes: object) -> Registry:
    """The program after an update that changed this one item."""
    changed = dataclasses.replace(item, **changes)  # type: ignore[arg-type]
    return Registry([changed if one.id == item.id else one for one in registry()])


def test_what_is_read_can_be_signed_and_stands_in_the_clinics_home(tmp_path: Path, ag: Run):
    assert "safety" in ag("list")[1].splitlines()[0], "what is about danger comes first"
    _, shown = ag("read", "safety.ask", "grounding")
    assert "Are you thinking" in shown or "thoughts" in shown
    code, said = ag(
        *("words", "safety.ask", "grounding", "--mark", words_of(shown)),
        *("--name", BY["name"], "--role", BY["role"]),
    )
    assert code == 0, said
    expected = {one.id for one in registry() if one.topic == "grounding"} | {"safety.ask"}
    assert signed(tmp_path, registry()) == expected
    last = signatures.kept(tmp_path)[-1]
    assert (last.name, last.role) == (BY["name"], BY["role"])
    assert last.version == registry().item(last.item).version
    assert (tmp_path / signatures.FILE).stat().st_mode & 0o077 == 0


def test_words_that_are_not_the_ones_that_were_read_are_refused(tmp_path: Path, ag: Run):
    _, shown = ag("read", "safety.ask")
    code, said = ag(
        *("words", "safety.ask", "safety.card", "--mark", words_of(shown)),
        *("--name", BY["name"], "--role", BY["role"]),
    )
    assert code == 2
    assert "not the words you read" in said
    item = registry().item("safety.ask")
    read = signatures.mark([item])
    for changes in ({"variants": ("Other words.",)}, {"choices": ()}, {"asks": ()}):
        now = with_text(item, **changes).item(item.id)
        with pytest.raises(signatures.SignatureError, match="not the words"):
            signatures.sign(tmp_path, [now], read, BY, ON)
    assert signatures.kept(tmp_path) == []


@pytest.mark.parametrize("name", ["", "  ", "unsigned"])
def test_a_signature_needs_a_person(tmp_path: Path, name: str):
    item = registry().item("safety.ask")
    with pytest.raises(signatures.SignatureError, match="person"):
        signatures.sign(tmp_path, [item], signatures.mark([item]), BY | {"name": name}, ON)


def test_an_update_that_changes_signed_words_makes_them_unsigned_again(tmp_path: Path):
    item = registry().item("safety.ask")
    signatures.sign(tmp_path, [item], signatures.mark([item]), BY, ON)
    assert signed(tmp_path, registry()) == {item.id}
    updated = with_text(item, variants=("Other words.",))
    assert signed(tmp_path, updated) == set()
    (one,) = [one for one in signatures.standing(updated, tmp_path) if one.changed]
    assert one.item.id == item.id
    new = updated.item(item.id)
    signatures.sign(tmp_path, [new], signatures.mark([new]), BY, ON)
    assert signed(tmp_path, updated) == {item.id}
    assert len(signatures.kept(tmp_path)) == 2, "the earlier signature is kept"


def test_a_translation_is_signed_by_itself_by_who_reads_that_language(tmp_path: Path, ag: Run):
    assert any(line.startswith("es/safety") for line in ag("list")[1].splitlines())
    _, read = ag("read", "es")
    assert "Puedes llamar ahora" in read
    assert "Are you thinking" not in read, "the English words are another signer's"
    code, said = ag("words", "es", "--mark", words_of(read), "--name", "A", "--role", "physician")
    assert code == 0, said
    names = {one.item for one in signatures.kept(tmp_path)}
    assert "es/safety.card" in names
    assert all(name.startswith("es/") for name in names), "it stands for no other language"
    assert signed(tmp_path, registry()) == set()


def test_a_citation_may_change_without_a_new_signature(tmp_path: Path):
    item = registry().item("safety.ask")
    signatures.sign(tmp_path, [item], signatures.mark([item]), BY, ON)
    assert signed(tmp_path, with_text(item, source="another page")) == {item.id}


def test_the_check_up_counts_what_is_unsigned_and_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def says() -> str:
        (found,) = [one for one in doctor.examine(settings(tmp_path)) if one.name == "words"]
        return found.says

    total = len(list(registry())) + sum(len(content.translated(one)) for one in content.locales())
    assert says().startswith(f"{total} of {total} sentences are unsigned")
    item = registry().item("safety.ask")
    signatures.sign(tmp_path, [item], signatures.mark([item]), BY, ON)
    assert says().startswith(f"{total - 1} of {total} sentences are unsigned")
    updated = with_text(item, variants=("Other words.",))
    monkeypatch.setattr("clinic.system.content.registry", lambda _locale: updated)
    assert "1 were signed and have changed since" in says()


def test_a_review_that_is_overdue_is_seen_until_somebody_reads_it_again(
    tmp_path: Path, ag: Run, monkeypatch: pytest.MonkeyPatch
):
    def says() -> str:
        (found,) = [one for one in doctor.examine(settings(tmp_path)) if one.name == "words"]
        return found.says

    item = registry().item("safety.ask")
    assert item.review > datetime.now(UTC).date(), "what is shipped is not overdue"
    assert "review date" not in says()
    signatures.sign(tmp_path, [item], signatures.mark([item]), BY, ON)
    old = with_text(item, review=ON)
    monkeypatch.setattr("clinic.system.content.registry", lambda _locale: old)
    (standing,) = [o for o in signatures.standing(old, tmp_path) if o.item.id == item.id]
    assert standing.signed, "a date that passes takes no signature away"
    assert [standing.overdue(day) for day in (ON, LATER)] == [False, True]
    assert says().endswith("1 are past their review date. See: afterglow sign list")
    assert "; 1 past their review date" in ag("list")[1].splitlines()[0]
    again = [old.item(item.id)]
    assert signatures.sign(tmp_path, again, signatures.mark(again), BY, LATER) == 1
    assert signatures.sign(tmp_path, again, signatures.mark(again), BY, LATER) == 0
    assert "review date" not in says()


def test_another_review_date_or_stage_asks_for_no_new_signature(tmp_path: Path):
    item = registry().item("safety.ask")
    signatures.sign(tmp_path, [item], signatures.mark([item]), BY, ON)
    assert signed(tmp_path, with_text(item, review=LATER, stages=("evening",))) == {item.id}


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, ag: Run):
    (tmp_path / signatures.FILE).write_text("[{")
    code, said = ag("list")
    assert code == 2
    assert "cannot be read" in said
    (found,) = [one for one in doctor.examine(settings(tmp_path)) if one.name == "words"]
    assert found.mark == "MEND"
