"""Ways to reach staff, one folder a channel: delete the folder and the channel is gone.

A channel is a package with ``open_channel(system) -> Channel``. It may have ``callbacks.py`` with
``routes(system) -> APIRouter`` for what its provider tells us, and ``FOLLOWS = True`` when it wants
to hear that an alert was answered. What goes out holds no patient words, names or levels of detail
beyond "an alert needs you" (invariant I9).

What can go wrong, by what is done about it::

    ChannelError
    ├── TemporaryError      may work later: tried again, waiting longer each time
    │   └── AccountError    our own account is refused: tried again, and the alert moves on
    ├── UnknownError        may have arrived, and a second one would hurt: not sent again; moves on
    └── PermanentError      will never work for this contact: the alert moves on
        └── GoneError       the provider says so for good: the contact is removed as well
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from fastapi import APIRouter

    from clinic.system import System

ALERT = "escalation.alert"
ACKNOWLEDGED = "escalation.acknowledged"
RESOLVED = "escalation.resolved"
CODE = "contact.code"
INVITED = "staff.invited"
RENEWED = "staff.renewed"
RECOVERED = "access.recovered"


class ChannelError(Exception):
    """A notification was not delivered. The text is a code, never a message body."""


class TemporaryError(ChannelError):
    """It may work later; ``after`` is how many seconds the provider asks us to wait."""

    def __init__(self, code: str, after: float = 0.0) -> None:
        super().__init__(code)
        self.after = after


class AccountError(TemporaryError):
    """Our own account or setting is refused. The contact is not to blame."""


class UnknownError(ChannelError):
    """No answer after it was handed over: it may have arrived."""


class PermanentError(ChannelError):
    """It will never work for this contact as it is."""


class GoneError(PermanentError):
    """The address no longer exists, by the provider's own word."""


class AddressError(ValueError):
    """What was typed is no address of this channel; the text says what would be."""


@dataclass(frozen=True)
class Outgoing:
    """``key`` is unique for the notification: a resend carries the same one.

    ``row`` and ``attempt`` name the outbox row, for callbacks; ``contact`` is the contact's id.
    """

    key: str
    address: str
    template: str
    params: dict[str, Any]
    row: int = 0
    attempt: int = 0
    contact: str = ""
    #: Where a patient can say, with one press, that no more of these are wanted.
    unsubscribe: str = ""


@dataclass(frozen=True)
class Health:
    """What ``afterglow doctor`` says of a channel. ``mark``: ok, note or MEND."""

    mark: str
    says: str


class Channel(Protocol):
    @property
    def configured(self) -> bool:
        """Whether this clinic has set it up: only then can staff add it."""
        ...

    def address(self, typed: str) -> str:
        """The address as it is stored. Raises AddressError."""
        ...

    def send(self, outgoing: Outgoing) -> str:
        """Hand it over; returns the provider's id. Raises a ChannelError."""
        ...

    def check(self) -> Health:
        """Ask the provider whether it would take something from us, sending nothing."""
        ...


class Channels:
    """All channels that are installed, by folder name."""

    def __init__(self, system: System) -> None:
        self._channels: dict[str, Channel] = {
            name: package.open_channel(system) for name, package in _packages().items()
        }

    @property
    def names(self) -> list[str]:
        return list(self._channels)

    def configured(self) -> list[str]:
        """The channels this clinic has set up."""
        return [name for name, channel in self._channels.items() if channel.configured]

    def get(self, name: str) -> Channel:
        if name not in self._channels:
            raise PermanentError(f"no channel {name}")
        return self._channels[name]

    def send(self, channel: str, outgoing: Outgoing) -> str:
        return self.get(channel).send(outgoing)


def follows(channel: str) -> bool:
    """Whether a channel wants to hear that an alert was acknowledged or resolved."""
    return bool(getattr(_packages().get(channel), "FOLLOWS", False))


def routers(system: System) -> list[APIRouter]:
    """What providers may call, of every channel that has such a thing."""
    names = [f"{__name__}.{name}.callbacks" for name in _packages()]
    return [
        importlib.import_module(name).routes(system)
        for name in names
        if importlib.util.find_spec(name) is not None
    ]


@lru_cache(maxsize=1)
def _packages() -> dict[str, ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
