"""Known-bad patches, and the tests that must notice each (list.yml; `make mutations`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """One patch: ``old`` becomes ``new`` in ``file``, and a test of ``caught_by`` fails."""

    name: str
    file: str
    old: str
    new: str
    caught_by: list[str]

    def applied(self, root: Path = ROOT) -> str:
        """The file's text with the patch. Raises ValueError when the code has moved on."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: stands {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


def mutations() -> list[Mutation]:
    found: list[dict[str, Any]] = yaml.safe_load(
        (Path(__file__).parent / "list.yml").read_text(encoding="utf-8")
    )
    return [Mutation(**entry) for entry in found]
