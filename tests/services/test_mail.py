"""E-mail over a real SMTP server: encrypted when it can be, and never a password in the open."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clinic.notify import Outgoing, PermanentError, TemporaryError
from clinic.notify.email import EmailChannel
from clinic.settings import Mail
from tests.builders import free_ports

OUT = Outgoing(
    "esc/1/0/0/c", "noor@harbor.test", "escalation.alert", {"number": 7, "level": "urgent"}
)


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.encrypted: list[bool] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content)
        self.encrypted.append(session.ssl is not None)
        return self.answer


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for loopback that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def serve(inbox: Inbox, **options: object) -> Controller:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_ports(1)[0], **options)
    controller.start()
    return controller


@pytest.fixture
def plain(inbox: Inbox) -> Iterator[Controller]:
    controller = serve(inbox)
    yield controller
    controller.stop()


@pytest.fixture
def secure(inbox: Inbox, certificate: ssl.SSLContext) -> Iterator[Controller]:
    controller = serve(
        inbox,
        tls_context=certificate,
        authenticator=lambda *_: AuthResult(success=True),
        auth_require_tls=True,
    )
    yield controller
    controller.stop()


def channel(controller: Controller, **more: str) -> EmailChannel:
    mail = Mail("127.0.0.1", controller.port, sender="clinic@harbor.test", **more)
    return EmailChannel(lambda: mail, "https://harbor.test")


def test_the_line_is_encrypted_when_the_server_offers_it(secure: Controller, inbox: Inbox):
    channel(secure, user="clinic", password="secret").send(OUT)
    assert inbox.encrypted == [True]


def test_a_certificate_nobody_vouches_for_gets_no_mail(
    secure: Controller, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(TemporaryError):
        channel(secure).send(OUT)
    assert inbox.mails == []


def test_a_password_never_goes_over_an_open_line(plain: Controller, inbox: Inbox):
    with pytest.raises(TemporaryError):
        channel(plain, user="clinic", password="secret").send(OUT)
    assert inbox.mails == []


def test_the_same_notification_twice_has_the_same_message_id(plain: Controller, inbox: Inbox):
    assert channel(plain).send(OUT) == channel(plain).send(OUT)
    assert b"alert 7" in inbox.mails[0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [("550 no such user", PermanentError), ("451 later", TemporaryError)],
)
def test_the_servers_no_is_permanent_and_its_not_now_temporary(
    plain: Controller, inbox: Inbox, answer: str, error: type[Exception]
):
    inbox.answer = answer
    with pytest.raises(error):
        channel(plain).send(OUT)


def test_no_server_at_all_is_temporary():
    mail = Mail("127.0.0.1", free_ports(1)[0])
    with pytest.raises(TemporaryError):
        EmailChannel(lambda: mail, "https://harbor.test").send(OUT)
