"""The house rules that a newcomer would otherwise have to remember, checked from the sources."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[2]
#: Dependencies point one way (design 5): what each place may import of ours.
MAY_IMPORT = {
    "bot": {"bot"},
    "actions": {"actions", "bot"},
    "bot/rasa": {"bot", "actions"},
    "clinic": {"clinic", "bot"},
}
OURS = {"bot", "actions", "clinic"}
FOREIGN_TO_PURE = {"rasa", "rasa_sdk", "tensorflow", "spacy", "sqlalchemy", "fastapi", "httpx"}
#: Rasa features that lose messages or bypass the safety policy (research: traps T5, T11, 2.8).
BANNED = {"ConversationPaused", "FollowupAction", "ReminderScheduled"}


def sources(place: str) -> list[Path]:
    found = sorted((ROOT / place).rglob("*.py"))
    if place == "bot":
        found = [p for p in found if not p.is_relative_to(ROOT / "bot" / "rasa")]
    return [p for p in found if ".venv" not in p.parts]


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_dependencies_point_one_way(place: str):
    for path in sources(place):
        wrong = {
            name
            for name in imports(path)
            if name.split(".")[0] in OURS - MAY_IMPORT[place]
            or (place in ("bot", "clinic") and name.startswith("bot.rasa"))
        }
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_what_both_sides_share_is_pure():
    for path in sources("bot"):
        wrong = {name for name in imports(path) if name.split(".")[0] in FOREIGN_TO_PURE}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_actions_have_no_clock_no_network_and_no_database():
    """Custom actions are pure: all they need comes with the turn."""
    impure = {"datetime.datetime.now", "time", "requests", "httpx", "sqlalchemy", "random", "os"}
    for path in sources("actions"):
        names = imports(path)
        assert not {n for n in names if n.split(".")[0] in impure}, path
        calls = [
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        ]
        assert not {"now", "utcnow", "today"} & set(calls), path


def test_banned_events_appear_nowhere():
    for place in ("actions", "bot/rasa"):
        for path in sources(place):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert not names & BANNED, path


def test_sql_never_asks_the_database_for_the_time():
    """Invariant I8: time comes from the injected clock."""
    for path in sources("clinic"):
        text = path.read_text(encoding="utf-8")
        if path.name == "clock.py":
            continue
        for wrong in ("func.now(", "CURRENT_TIMESTAMP", "datetime.now(", "utcnow(", "time.time("):
            assert wrong not in text, f"{path.relative_to(ROOT)} uses {wrong}"


def test_modules_stay_short_enough_to_read():
    long = {
        str(path.relative_to(ROOT)): lines
        for place in MAY_IMPORT
        for path in sources(place)
        if "migrations" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 460
    }
    assert not long


def test_migrations_have_one_order():
    """Two with one number, from two branches, would leave a clinic with no way up."""
    scripts = ScriptDirectory(str(ROOT / "clinic" / "records" / "migrations"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(scripts.get_heads()) == 1
