"""Custom actions inside the assistant's own process: no action server that could be down.

Rasa swallows what an action raises and goes on with the turn. Here a failed action is remembered,
and the tracker store refuses to save such a turn (tracker_store.py): the edge gets an error, tells
the patient so, and the same turn can be sent again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft7Validator
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor

# Rasa compiles and checks its answer schema anew at every call, which costs more than the whole
# turn beside it. The same schema, compiled once.
_ANSWER = Draft7Validator(RemoteAction.action_response_format_spec())
RemoteAction._validate_action_result = lambda _self, result: _ANSWER.validate(result) or True

logger = logging.getLogger("afterglow.actions")

_failed: ContextVar[list[str] | None] = ContextVar("failed_actions", default=None)


class ActionFailed(RuntimeError):
    """An action of this turn raised. The text names the action and the kind of error only."""


class InProcessActions(EndpointConfig):
    """Stands where Rasa expects the address of an action server."""

    def __init__(self, package: str = "actions") -> None:
        # selective_domain: the domain is not copied into every call; no action asks for it.
        super().__init__(url="inprocess://actions", selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package(package)

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = None,
        compress: bool = False,
        json: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        call = json or {}
        try:
            return await self._executor.run(call)
        except Exception as error:
            failure = f"{call.get('next_action')}: {type(error).__name__}"
            logger.error("An action failed: %s", failure)
            failures = _failed.get()
            if failures is not None:
                failures.append(failure)
            raise ActionFailed(failure) from None


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """The failures of the actions run inside, in this task only."""
    failures: list[str] = []
    token = _failed.set(failures)
    try:
        yield failures
    finally:
        _failed.reset(token)


def check() -> None:
    """Raise ActionFailed if an action of the turn being watched has failed."""
    failures = _failed.get()
    if failures:
        raise ActionFailed(failures[0])
