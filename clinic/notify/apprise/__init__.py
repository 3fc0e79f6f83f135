"""A fan-out to a team's rooms (Slack, Teams, Matrix and others) by the apprise library.

Beside the way of an alert, never the way itself: apprise answers yes or no, with no id and no
reason. The addresses hold secrets and are the administrator's, by name; staff choose a name.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from clinic.notify import AccountError, AddressError, Health, Outgoing, UnknownError, texts
from clinic.system import System


def open_channel(system: System) -> AppriseChannel:
    return AppriseChannel(system.settings.apprise, system.settings.public_url)


class AppriseChannel:
    def __init__(self, targets: Mapping[str, str], public_url: str) -> None:
        self._targets = targets
        self._public_url = public_url

    @property
    def configured(self) -> bool:
        return bool(self._targets) and importlib.util.find_spec("apprise") is not None

    def address(self, typed: str) -> str:
        name = typed.strip()
        if name not in self._targets:
            raise AddressError(f"Choose one of: {', '.join(self._targets) or 'none yet'}.")
        return name

    def send(self, outgoing: Outgoing) -> str:
        if not self.configured or outgoing.address not in self._targets:
            raise AccountError("apprise has no such target")
        sender = _sender(self._targets[outgoing.address])
        if sender is None:
            raise AccountError("apprise cannot read this target")
        if not sender.notify(body=texts.text(outgoing, self._public_url), title="Afterglow"):
            # Yes or no is all it says: some of a target's rooms may have it.
            raise UnknownError("apprise")
        return ""

    def check(self) -> Health:
        if not self._targets:
            return Health("note", "not set up")
        if not self.configured:
            return Health("MEND", "the library is missing. Install the extra: fanout")
        unread = [name for name, url in self._targets.items() if _sender(url) is None]
        if unread:
            return Health("MEND", f"cannot be read: {', '.join(unread)}")
        return Health("ok", f"{len(self._targets)} targets")


def _sender(url: str) -> Any | None:
    """One target, kept in memory only."""
    import apprise

    asset = apprise.AppriseAsset(secure_logging=True, storage_mode="memory", app_id="Afterglow")
    sender = apprise.Apprise(asset=asset)
    return sender if sender.add(url) else None
