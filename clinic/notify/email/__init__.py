"""E-mail by SMTP (RFC 5321), with STARTTLS (RFC 3207) whenever the server offers it."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from clinic.notify import (
    AccountError,
    AddressError,
    Health,
    Outgoing,
    PermanentError,
    TemporaryError,
    texts,
)
from clinic.settings import Mail
from clinic.system import System

_TIMEOUT = 10
#: Replies that refuse us, not the reader (RFC 4954).
_OURS = {530, 534, 535, 538}
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


def open_channel(system: System) -> EmailChannel:
    # Asked at every mail: the demo's sink may come up after the engine, or again on another port.
    return EmailChannel(lambda: mail_settings(system), system.settings.public_url)


def mail_settings(system: System) -> Mail:
    """The configured server, or the demo's mail sink whose port stands in its own file."""
    mail = system.settings.mail
    if mail.port:
        return mail
    return Mail(port=sink_port(system.settings.home), sender=mail.sender)


def sink_port(home: Path) -> int:
    """Port of the local mail sink, 0 when none runs."""
    try:
        return int((home / "mail" / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


class EmailChannel:
    """One connection a mail: a clinic sends few, and a stale connection must not delay an alert."""

    def __init__(self, mail: Callable[[], Mail], public_url: str) -> None:
        self._mail = mail
        self._public_url = public_url

    @property
    def configured(self) -> bool:
        return True

    def address(self, typed: str) -> str:
        address = typed.strip().lower()
        if not _ADDRESS.fullmatch(address) or len(address) > 254:
            raise AddressError("Write an e-mail address, such as noor@clinic.example.")
        return address

    def send(self, outgoing: Outgoing) -> str:
        mail = self._mail()
        if not mail.port:
            raise TemporaryError("no mail server yet")
        message = self._compose(outgoing, mail.sender)
        try:
            with smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT) as server:
                _secure(server, mail)
                server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
            raise _refusal(error) from None
        except smtplib.SMTPNotSupportedError:
            raise AccountError("the server offers no STARTTLS") from None
        except (OSError, smtplib.SMTPException) as error:
            raise TemporaryError(type(error).__name__) from None
        return str(message["Message-ID"])

    def check(self) -> Health:
        mail = self._mail()
        if not mail.port:
            return Health("MEND", "no server set. Set AFTERGLOW_SMTP_HOST and _PORT")
        try:
            with smtplib.SMTP(mail.host, mail.port, timeout=5):
                pass
        except (OSError, smtplib.SMTPException):
            return Health("MEND", f"{mail.host}:{mail.port} does not answer")
        if mail.host == "127.0.0.1":
            return Health("note", "a server on this machine (the demo's keeps every mail)")
        return Health("ok", mail.host)

    def _compose(self, outgoing: Outgoing, sender: str) -> EmailMessage:
        text = texts.text(outgoing, self._public_url, "email")
        subject, _, body = text.partition("\n")
        message = EmailMessage()
        message["From"] = sender
        message["To"] = outgoing.address
        message["Subject"] = subject
        message["Date"] = formatdate()
        # The same notification sent twice is one mail in the reader's eyes.
        digest = hashlib.sha256(outgoing.key.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@{sender.partition('@')[2] or 'localhost'}>"
        if outgoing.unsubscribe:
            # One press in the mail program itself (RFC 8058).
            message["List-Unsubscribe"] = f"<{outgoing.unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(body.lstrip("\n"))
        return message


def _secure(server: smtplib.SMTP, mail: Mail) -> None:
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    elif mail.user:
        # Never a password over an open line.
        raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")
    if mail.user:
        server.login(mail.user, mail.password)


def _refusal(error: smtplib.SMTPException) -> TemporaryError | PermanentError:
    code = _code(error)
    if code in _OURS or isinstance(error, smtplib.SMTPSenderRefused):
        return AccountError(f"smtp {code}")
    if 500 <= code < 600:
        return PermanentError(f"smtp {code}")
    return TemporaryError(f"smtp {code}")


def _code(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _ in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
