"""Which of the program's sentences this clinic's clinicians have signed.

A signature stands for the words as they were read: it is kept with a fingerprint of the item, and
holds for no other words. It lies in the clinic's home, not in data/content, so that an update of
the program neither brings nor overwrites one. Signatures are added, never changed; of two for the
same item the later counts. A translation is an item of its own (``es/safety.card``): whoever signs
it has read that language. An item's review date passes whoever signed it: reading and signing it
again settles that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from bot import content
from bot.content import UNSIGNED, Item
from clinic.files import replace_file
from clinic.system import System

FILE = "signatures.json"
#: So many characters of a hash are typed by hand.
_MARK = 12


class SignatureError(ValueError):
    """It was not signed; the text says why and what would do."""


@dataclass(frozen=True)
class Signature:
    """``on`` is a date; ``fingerprint`` says of which words exactly."""

    item: str
    version: int
    fingerprint: str
    name: str
    role: str
    on: str


@dataclass(frozen=True)
class Standing:
    """Where an item stands. ``signature`` is the last one, also when the words changed since."""

    item: Item
    signature: Signature | None

    @property
    def signed(self) -> bool:
        if self.item.approver != UNSIGNED:
            return True
        return self.signature is not None and self.signature.fingerprint == fingerprint(self.item)

    @property
    def changed(self) -> bool:
        """Signed once, and not as it reads now."""
        return self.signature is not None and not self.signed

    def overdue(self, today: date) -> bool:
        """Its review date has passed, and nobody has signed it as it reads since then."""
        read_on = self.signature.on if self.signature and not self.changed else ""
        return today > self.item.review and read_on <= self.item.review.isoformat()


def fingerprint(item: Item) -> str:
    """SHA-256 of what a signer answers for: words, buttons, what they do, when it is said."""
    said = asdict(item)
    # Where it was meant to stand and when to read it again are no part of what is said.
    for name in ("source", "approver", "topic", "dated", "review", "stages"):
        del said[name]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def mark(items: Iterable[Item]) -> str:
    """What a reader carries from reading to signing: it differs when any of the words do."""
    prints = sorted(f"{item.id} {fingerprint(item)}" for item in items)
    return hashlib.sha256("\n".join(prints).encode()).hexdigest()[:_MARK]


def at_risk(item: Item) -> bool:
    """Whether it speaks of danger, or what is answered to it can change what is done about it."""
    acts = any(choice.raises or choice.completes_screen for choice in item.choices)
    return acts or bool(item.asks) or item.kind == "card" or item.topic.endswith("safety")


def shown(system: System) -> list[Item]:
    """All that a patient of this clinic can be shown: in its own language, and what the others
    there are have of their own."""
    others = [code for code in content.locales() if code != system.settings.locale]
    return [*system.words, *(item for code in others for item in content.translated(code))]


def choose(words: Iterable[Item], what: Iterable[str]) -> list[Item]:
    """The items of these names; a topic, or a language's code, stands for all of its items."""
    items = list(words)
    chosen: dict[str, Item] = {}
    for name in what:
        found = [
            item for item in items if name in (item.id, item.topic, item.topic.partition("/")[0])
        ]
        if not found:
            raise SignatureError(f"no sentence and no topic is called {name}")
        chosen |= {item.id: item for item in found}
    return list(chosen.values())


def standing(words: Iterable[Item], home: Path) -> list[Standing]:
    """Every sentence and its last signature."""
    last = {one.item: one for one in kept(home)}
    return [Standing(item, last.get(item.id)) for item in words]


def summary(standing: Sequence[Standing], today: date) -> tuple[str, bool]:
    """Where the words stand, in one sentence, and whether there is nothing to do about them."""
    unsigned = [one for one in standing if not one.signed]
    danger = sum(at_risk(one.item) for one in unsigned)
    changed = sum(one.changed for one in unsigned)
    late = sum(one.overdue(today) for one in standing)
    if not unsigned and not late:
        return f"all {len(standing)} sentences are signed", True
    says = f"{len(unsigned)} of {len(standing)} sentences are unsigned"
    says += f", {danger} of them about danger" if danger else ""
    says += f"; {changed} were signed and have changed since" if changed else ""
    says += f"; {late} are past their review date" if late else ""
    return says, False


def kept(home: Path) -> list[Signature]:
    """All signatures, oldest first. Raises SignatureError when the file cannot be read."""
    path = home / FILE
    if not path.exists():
        return []
    try:
        return [Signature(**one) for one in json.loads(path.read_text(encoding="ascii"))]
    except (ValueError, TypeError) as error:
        raise SignatureError(f"{path.name} cannot be read: {type(error).__name__}") from None


def sign(home: Path, items: list[Item], read: str, by: Mapping[str, str], on: date) -> int:
    """Keep a signature for each item; returns how many were new.

    ``read`` is the mark that was shown with the words; ``by`` has ``name`` and ``role``. Raises
    SignatureError, and signs nothing, when the words are not the ones that were read.
    """
    name, role = (" ".join(by[part].split()) for part in ("name", "role"))
    if not name or not role or UNSIGNED in (name.lower(), role.lower()):
        raise SignatureError("a signature needs a person's name and what they are")
    if read != mark(items):
        raise SignatureError(
            "these are not the words you read; read them again (afterglow sign read)"
        )
    before = kept(home)
    last = {one.item: one for one in before}
    fresh = [
        Signature(item.id, item.version, fingerprint(item), name, role, on.isoformat())
        for item in items
        if (now := Standing(item, last.get(item.id))).changed
        or now.signature is None
        or now.overdue(on)
    ]
    lines = [json.dumps(asdict(one)) for one in [*before, *fresh]]
    replace_file(home / FILE, "[\n" + ",\n".join(lines) + "\n]\n")
    return len(fresh)
