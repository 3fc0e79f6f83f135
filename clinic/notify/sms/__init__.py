"""Text messages by Twilio's REST API (https://www.twilio.com/docs/messaging/api).

Twilio has no idempotency key for messages, so what may have arrived is not sent again: the alert
moves on instead.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

from clinic.notify import (
    AccountError,
    AddressError,
    ChannelError,
    Health,
    Outgoing,
    PermanentError,
    http,
    texts,
)
from clinic.settings import Sms
from clinic.system import System

#: E.164, the only form Twilio takes.
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
#: Twilio's codes that blame our own account or number (https://www.twilio.com/docs/api/errors).
#: With status 400 or 404, so the status alone would blame the contact.
_OURS = {20404, 21408, 21603, 21606, 21608, 21609, 21612, 21659, 21660}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
STATUS_PATH = "/notify/sms/status"


def open_channel(system: System) -> SmsChannel:
    return SmsChannel(system.settings.sms, system.settings.public_url)


class SmsChannel:
    def __init__(self, sms: Sms, public_url: str) -> None:
        self._sms = sms
        self._public_url = public_url

    @property
    def configured(self) -> bool:
        return bool(self._sms.account and self._sms.token and self._sms.sender)

    def address(self, typed: str) -> str:
        number = re.sub(r"[\s().-]", "", typed)
        if not _NUMBER.fullmatch(number):
            raise AddressError("Write the number with its country code, such as +1 555 0142 000.")
        return number

    def send(self, outgoing: Outgoing) -> str:
        if not self.configured:
            raise AccountError("sms is not set up")
        sender = "MessagingServiceSid" if self._sms.sender.startswith("MG") else "From"
        fields = {
            "To": outgoing.address,
            sender: self._sms.sender,
            "Body": texts.text(outgoing, self._public_url, "sms"),
        }
        # Twilio refuses a message whose callback it could never reach.
        if urlsplit(self._public_url).hostname not in _LOOPBACK:
            about = urlencode({"row": outgoing.row, "attempt": outgoing.attempt})
            fields["StatusCallback"] = f"{self._public_url}{STATUS_PATH}?{about}"
        answer = self._ask("POST", "/Messages.json", data=fields)
        said = answer.json()
        if answer.status == 400 or answer.status == 404:
            code = said.get("code")
            ours = code in _OURS or code is None
            raise (AccountError if ours else PermanentError)(f"twilio {code or answer.status}")
        http.refuse(answer, "twilio", repeatable=False, code=said.get("code"))
        return str(said.get("sid", ""))

    def check(self) -> Health:
        if not self.configured:
            return Health("note", "not set up")
        try:
            answer = self._ask("GET", ".json")
            http.refuse(answer, "twilio", repeatable=True)
        except ChannelError as error:
            return Health("MEND", f"Twilio does not take us: {error}")
        status = str(answer.json().get("status"))
        return Health("ok" if status == "active" else "MEND", f"the Twilio account is {status}")

    def _ask(self, method: str, path: str, **options: object) -> http.Answer:
        account = self._sms.account
        url = f"{self._sms.url}/2010-04-01/Accounts/{account}{path}"
        return http.request(
            method, url, repeatable=False, auth=(account, self._sms.token), **options
        )
