"""What a notification says: a text for each template, short enough for a phone's lock screen.

A channel may have texts of its own in ``<channel>/templates``. A template that has no text at all
still goes out, as a call to open the console: no wording may hold up an alert.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clinic.notify import Outgoing

_HERE = Path(__file__).parent
_ANYTHING = "anything"


def text(outgoing: Outgoing, public_url: str, channel: str = "") -> str:
    """The text, in the channel's own words where it has some."""
    template = _environment(channel).select_template(
        [f"{outgoing.template}.txt", f"{_ANYTHING}.txt"]
    )
    return template.render(outgoing.params, console=f"{public_url}/console").strip()


@lru_cache(maxsize=16)
def _environment(channel: str) -> Environment:
    folders = [_HERE / channel / "templates", _HERE / "templates"]
    # Plain text: nothing in it is HTML, so nothing needs HTML escaping.
    return Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
    )
