"""Typed words as they come in: tidied, and refused when they are nothing or too much."""

from __future__ import annotations

import unicodedata


class NotAcceptedError(Exception):
    """The message is not one we can take; ``code`` is stable, ``says`` is for the person."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(code)
        self.code = code
        self.says = says


def accepted(text: str, most: int) -> str:
    """The words, tidied. Raises NotAcceptedError for none, or for more than ``most`` characters."""
    clean = normalise(text)
    if not clean:
        raise NotAcceptedError("empty", "There was nothing to send.")
    if len(clean) > most:
        raise NotAcceptedError(
            "too-long",
            f"That is longer than {most} characters. "
            "Nothing was sent. Please send it in two parts.",
        )
    return clean


def normalise(text: str) -> str:
    """Composed Unicode without control characters (line breaks and tabs stay), trimmed.

    The words themselves are kept as typed; the detector has a stricter normaliser of its own.
    """
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (c for c in composed if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    clean = "".join(kept).strip()
    # Only invisible characters (zero-width, bidi marks) is the same as nothing.
    return clean if any(unicodedata.category(c) != "Cf" and not c.isspace() for c in clean) else ""
