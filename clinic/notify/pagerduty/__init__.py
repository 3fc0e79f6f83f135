"""PagerDuty by its Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview).

The address is the integration key of a service. There is one incident for each round of the policy,
whichever of its steps calls: within the round PagerDuty's own rules call on, and a new round opens
a new one, so that an incident somebody silenced there does not silence us. Acknowledging or
resolving the alert here does the same to its incidents. What is done to an incident there changes
nothing here: it names no person of ours.
"""

from __future__ import annotations

import re

from clinic.notify import (
    ACKNOWLEDGED,
    ALERT,
    CODE,
    RESOLVED,
    AccountError,
    AddressError,
    ChannelError,
    Health,
    Outgoing,
    http,
    texts,
)
from clinic.system import System

FOLLOWS = True
_ACTIONS = {ACKNOWLEDGED: "acknowledge", RESOLVED: "resolve"}
_SEVERITY = {"emergency": "critical", "urgent": "error"}
_LONGEST_KEY = 255


def open_channel(system: System) -> PagerDutyChannel:
    return PagerDutyChannel(system.settings.pagerduty_url, system.settings.public_url)


class PagerDutyChannel:
    def __init__(self, url: str, public_url: str) -> None:
        self._url = url
        self._public_url = public_url

    @property
    def configured(self) -> bool:
        return bool(self._url)

    def address(self, typed: str) -> str:
        key = typed.strip().lower()
        if not re.fullmatch(r"[0-9a-z]{32}", key):
            raise AddressError("Paste the service's integration key: 32 letters and digits.")
        return key

    def send(self, outgoing: Outgoing) -> str:
        """Returns the dedup key, by which the incident is acknowledged and resolved later."""
        if not self.configured:
            raise AccountError("pagerduty is not set up")
        action = _ACTIONS.get(outgoing.template, "trigger")
        key = str(outgoing.params.get("ref") or incident(outgoing))
        event: dict[str, object] = {
            "routing_key": outgoing.address,
            "event_action": action,
            "dedup_key": key,
        }
        if action == "trigger":
            event |= self._details(outgoing)
        answer = http.request("POST", f"{self._url}/v2/enqueue", repeatable=True, json=event)
        http.refuse(answer, "pagerduty", repeatable=True)
        return key

    def check(self) -> Health:
        if not self.configured:
            return Health("note", "not set up")
        try:
            # There is no way to ask for nothing; any answer says that the way is open.
            http.request("GET", f"{self._url}/v2/enqueue", repeatable=True)
        except ChannelError as error:
            return Health("MEND", f"{self._url} does not answer: {error}")
        return Health("ok", "reachable; keys are tried when they are confirmed")

    def _details(self, outgoing: Outgoing) -> dict[str, object]:
        level = str(outgoing.params.get("level", ""))
        return {
            "client": "Afterglow",
            "client_url": f"{self._public_url}/console",
            "payload": {
                "summary": texts.text(outgoing, self._public_url),
                "source": self._public_url,
                "severity": "info" if outgoing.template == CODE else _SEVERITY.get(level, "error"),
            },
        }


def incident(outgoing: Outgoing) -> str:
    """The dedup key: for a policy step its alert and round, for all else the notification's own."""
    if outgoing.template == ALERT and (step := re.match(r"(esc/[^/]+/\d+)/", outgoing.key)):
        return step[1]
    return outgoing.key[-_LONGEST_KEY:]
