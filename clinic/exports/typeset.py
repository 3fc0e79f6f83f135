"""A document as PDF/UA: what it says as data, its layout in ``pages/*.typ``, set by Typst
(typesetter.py, a process of its own).

Typst tags what it sets (headings, paragraphs, lists, tables with their headers, pictures with their
words) and refuses to call a document PDF/UA that is not. Words reach it as JSON: nothing a patient
writes is ever markup. Letters no font of ours has are replaced by a sign, and counted.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont

log = logging.getLogger(__name__)
_FONTS = Path(__file__).parent / "fonts"
#: Seconds; a record of years takes some.
_LONGEST = 300
#: By name: what it loads is not wanted in this process.
_SETTER, _WITHOUT_CLAIM = "clinic.exports.typesetter", 3
#: Stands for a letter that cannot be drawn; where even it has no drawing, a question mark does.
_MISSING = "\N{REPLACEMENT CHARACTER}"


_LONG = re.compile(r"\S{40}(?=\S)")


class NotSetError(Exception):
    """The document could not be set."""


class Exact(str):
    """Not to be read: an address, a picture. It is left as it is."""

    __slots__ = ()


@lru_cache(maxsize=2)
def _known(folders: tuple[Path, ...]) -> frozenset[int]:
    """What the fonts of these folders can draw."""
    files = [file for folder in folders for file in sorted(folder.glob("*.ttf"))]
    return frozenset(code for file in files for code in TTFont(file, lazy=True).getBestCmap())


def write(
    page: str, data: Mapping[str, Any], static_dir: Path, made: datetime, notice: str = ""
) -> bytes:
    """The document ``pages/<page>.typ`` of these data. ``notice`` is said in it when a letter could
    not be drawn; ``{sign}`` in it is what stands instead.

    A document some letter of which cannot be placed after all is still written and tagged, only not
    called PDF/UA: a patient gets their record in any case. Raises NotSetError, TimeoutExpired.
    """
    # Our own typeface, and those the front end's build lays beside it (web/build.mjs).
    folders = tuple(folder for folder in (_FONTS, static_dir / "print") if folder.exists())
    known = _known(folders)
    missing = _MISSING if ord(_MISSING) in known else "?"
    drawable = _Drawable(known, missing)
    shown = drawable.of(dict(data))
    shown["missing"] = notice.replace("{sign}", missing) if drawable.replaced else ""
    seconds = str(int(made.timestamp()))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", _SETTER, page, seconds, *map(str, folders)],
        input=json.dumps(shown).encode(),
        capture_output=True,
        timeout=_LONGEST,
        env={},
    )
    if done.returncode not in (0, _WITHOUT_CLAIM):
        raise NotSetError(f"the typesetter ended with {done.returncode}")
    if done.returncode:
        log.warning("a document was set without the claim of PDF/UA")
    return done.stdout


def _breakable(found: re.Match[str]) -> str:
    """A place at which a word longer than a line may be broken, unless a sign would be torn."""
    torn = unicodedata.combining(found.string[found.end()])
    return found[0] if torn else f"{found[0]}\N{ZERO WIDTH SPACE}"


class _Drawable:
    """Text with every sign replaced that no font has. Remembers whether there was any."""

    def __init__(self, known: frozenset[int], missing: str) -> None:
        self._known, self._missing = known, missing
        self.replaced = False

    def of(self, value: Any) -> Any:
        if isinstance(value, Exact):
            return value
        if isinstance(value, str):
            signs = "".join(map(self._sign, value.replace("\r\n", "\n")))
            return _LONG.sub(_breakable, signs)
        if isinstance(value, Mapping):
            return {name: self.of(one) for name, one in value.items()}
        return [self.of(one) for one in value] if isinstance(value, list | tuple) else value

    def _sign(self, sign: str) -> str:
        if ord(sign) in self._known or sign == "\n":
            return sign
        kind = unicodedata.category(sign)
        if kind in ("Cc", "Zl", "Zp"):
            return "\n" if kind in ("Zl", "Zp") else " "
        # Joiners and the like change how others are drawn and have no shape of their own.
        if kind == "Cf" or 0xFE00 <= ord(sign) <= 0xFE0F:
            return ""
        self.replaced = True
        return self._missing
