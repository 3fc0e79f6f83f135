"""Ways to reach staff, one folder a channel: delete the folder and the channel is gone.

A channel is a package with ``open_channel(system) -> Channel``. What goes out holds no patient
words, names or levels of detail beyond "an alert needs you" (invariant I9).
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from clinic.system import System


class TemporaryError(Exception):
    """It may work later. The text is a code, never a message body."""


class PermanentError(Exception):
    """It will never work for this contact."""


@dataclass(frozen=True)
class Outgoing:
    """``key`` is unique for the notification: a resend carries the same one."""

    key: str
    address: str
    template: str
    params: dict[str, Any]


class Channel(Protocol):
    def send(self, outgoing: Outgoing) -> str:
        """Hand it over; returns the provider's id. Raises TemporaryError or PermanentError."""
        ...


class Channels:
    """All channels that are installed, by folder name."""

    def __init__(self, system: System) -> None:
        names = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
        self._channels: dict[str, Channel] = {
            name: importlib.import_module(f"{__name__}.{name}").open_channel(system)
            for name in names
        }

    def send(self, channel: str, outgoing: Outgoing) -> str:
        if channel not in self._channels:
            raise PermanentError(f"no channel {channel}")
        return self._channels[channel].send(outgoing)
