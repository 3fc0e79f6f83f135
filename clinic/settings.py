"""All settings, from the environment, each with a default that works on one machine.

Secrets are taken from the environment, else from ``<home>/secrets.json``, which the first start
creates readable by its owner only. A clinic that keeps secrets elsewhere sets the variables.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from bot import content

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which and what to do."""


@dataclass(frozen=True)
class Secrets:
    """Keys. ``data_keys`` newest first: the first wraps, all of them unwrap (key rotation)."""

    data_keys: tuple[bytes, ...]
    audit_key: bytes
    lookup_key: bytes
    assistant: str
    tracker_key: str


@dataclass(frozen=True)
class Mail:
    """Outgoing mail. ``port`` 0 means: the demo's local mail sink."""

    host: str = "127.0.0.1"
    port: int = 0
    user: str = ""
    password: str = ""
    sender: str = "afterglow@clinic.invalid"


@dataclass(frozen=True)
class Sms:
    """Text messages by Twilio. ``sender`` is a number, or a messaging service's id (MG...)."""

    account: str = ""
    token: str = ""
    sender: str = ""
    url: str = "https://api.twilio.com"


@dataclass(frozen=True)
class Push:
    """Web Push. ``key``: 32 bytes, the private key on P-256 that browsers subscribe with."""

    key: bytes = b""
    #: Whom a push service tells of trouble: "mailto:..." or "https://...". Empty: no push.
    subject: str = ""
    #: Push services that may be called: these hosts and what lies under them.
    hosts: tuple[str, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
    )


@dataclass(frozen=True)
class Webhook:
    """Signed webhooks; ``hosts`` are the only ones that are called."""

    secret: bytes = b""
    hosts: tuple[str, ...] = ()


#: When the phone's code or a security key is asked for after the clinic's own account: always,
#: unless the provider says it asked for more than a password, or never.
SecondFactor = Literal["always", "unless", "never"]


@dataclass(frozen=True)
class OpenId:
    """The clinic's own accounts (OpenID Connect). ``issuer`` empty: not used."""

    issuer: str = ""
    client_id: str = ""
    secret: str = ""
    #: What the button calls them.
    label: str = "the clinic's account"
    second_factor: SecondFactor = "unless"

    def allows(self, address: str) -> bool:
        """Whether an address may be asked: https, or this machine while trying it out."""
        parts = urlsplit(address)
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname))
        )


def _here(host: str | None) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """Times are in seconds unless the name says otherwise."""

    home: Path
    database_url: str
    secrets: Secrets
    #: How long a write waits for another before the patient is told it was not saved.
    database_wait: float = 3.0
    host: str = "127.0.0.1"
    port: int = 8100
    public_url: str = "http://127.0.0.1:8100"
    assistant_url: str = "http://127.0.0.1:8101"
    mail: Mail = field(default_factory=Mail)
    sms: Sms = field(default_factory=Sms)
    push: Push = field(default_factory=Push)
    webhook: Webhook = field(default_factory=Webhook)
    openid: OpenId = field(default_factory=OpenId)
    #: PagerDuty's address for events; empty: not used.
    pagerduty_url: str = ""
    #: Rooms that apprise reaches, by the name staff choose; the addresses hold secrets.
    apprise: Mapping[str, str] = field(default_factory=dict)
    clock_file: Path | None = None
    #: The language patients are spoken to in (data/content); what it has no words for is English.
    locale: str = "en"
    #: How long a patient waits for the companion before the honest fallback.
    turn_deadline: float = 8.0
    #: How long the detector may take before a message counts as urgent and unscreened.
    screen_deadline: float = 1.0
    max_message_chars: int = 20_000
    max_body_bytes: int = 2_000_000
    tick: float = 0.25
    #: Without a heartbeat of the alert engine for this long, everybody is told. With the pages'
    #: own pace (5 s) that is within a quarter of a minute.
    engine_silent_after: float = 8.0
    #: How often the auditor looks.
    audit_every: float = 60.0
    #: A dead-man's switch outside this machine, pinged after each audit that found nothing.
    dead_man_url: str = ""
    embed_origins: tuple[str, ...] = ()
    #: Addresses of the proxies in front, whose X-Forwarded-For is believed.
    trusted_proxies: tuple[str, ...] = ()

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def static_dir(self) -> Path:
        return ROOT / "clinic" / "static"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from ``AFTERGLOW_*`` variables. Raises SettingsError naming the variable."""
    home = Path(environ.get("AFTERGLOW_HOME", ROOT / "var")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    port = _int(environ, "AFTERGLOW_PORT", 8100)
    mail = Mail(
        host=environ.get("AFTERGLOW_SMTP_HOST", "127.0.0.1"),
        # A host without a port means the port for submission (RFC 6409), never the demo's sink.
        port=_int(environ, "AFTERGLOW_SMTP_PORT", 587 if "AFTERGLOW_SMTP_HOST" in environ else 0),
        user=environ.get("AFTERGLOW_SMTP_USER", ""),
        password=environ.get("AFTERGLOW_SMTP_PASSWORD", ""),
        sender=environ.get("AFTERGLOW_MAIL_FROM", Mail.sender),
    )
    clock_file = environ.get("AFTERGLOW_CLOCK_FILE")
    assistant_port = _int(environ, "AFTERGLOW_ASSISTANT_PORT", port + 1)
    return Settings(
        home=home,
        database_url=environ.get("AFTERGLOW_DATABASE_URL", f"sqlite:///{home / 'clinic.db'}"),
        secrets=_secrets(environ, home),
        host=environ.get("AFTERGLOW_HOST", "127.0.0.1"),
        port=port,
        public_url=environ.get("AFTERGLOW_PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        assistant_url=environ.get(
            "AFTERGLOW_ASSISTANT_URL", f"http://127.0.0.1:{assistant_port}"
        ).rstrip("/"),
        mail=mail,
        sms=Sms(
            account=environ.get("AFTERGLOW_SMS_ACCOUNT", ""),
            token=environ.get("AFTERGLOW_SMS_TOKEN", ""),
            sender=environ.get("AFTERGLOW_SMS_FROM", ""),
            url=environ.get("AFTERGLOW_SMS_URL", Sms.url).rstrip("/"),
        ),
        push=_push(environ, home),
        webhook=Webhook(
            secret=_webhook_secret(environ.get("AFTERGLOW_WEBHOOK_SECRET", "")),
            hosts=tuple(environ.get("AFTERGLOW_WEBHOOK_HOSTS", "").split()),
        ),
        openid=_openid(environ),
        pagerduty_url=environ.get("AFTERGLOW_PAGERDUTY_URL", "").rstrip("/"),
        apprise=_named(environ.get("AFTERGLOW_APPRISE_TARGETS", "")),
        clock_file=Path(clock_file) if clock_file else None,
        audit_every=_float(environ, "AFTERGLOW_AUDIT_EVERY", 60.0),
        dead_man_url=environ.get("AFTERGLOW_DEAD_MAN_URL", ""),
        locale=_locale(environ.get("AFTERGLOW_LOCALE", "en")),
        turn_deadline=_float(environ, "AFTERGLOW_TURN_DEADLINE", 8.0),
        screen_deadline=_float(environ, "AFTERGLOW_SCREEN_DEADLINE", 1.0),
        embed_origins=tuple(environ.get("AFTERGLOW_EMBED_ORIGINS", "").split()),
        trusted_proxies=tuple(environ.get("AFTERGLOW_TRUSTED_PROXIES", "").split()),
    )


def _locale(code: str) -> str:
    known = (content.ENGLISH, *content.locales())
    if code not in known:
        raise SettingsError(f"AFTERGLOW_LOCALE is one of {', '.join(known)}, not {code!r}")
    return code


def _int(environ: Mapping[str, str], name: str, default: int) -> int:
    return int(_float(environ, name, default))


def _float(environ: Mapping[str, str], name: str, default: float) -> float:
    raw = environ.get(name, "")
    try:
        return float(raw) if raw else default
    except ValueError:
        raise SettingsError(f"{name} must be a number, not {raw!r}") from None


def _secrets(environ: Mapping[str, str], home: Path) -> Secrets:
    kept = _kept_secrets(home / "secrets.json")

    def value(variable: str, name: str) -> str:
        return environ.get(variable) or kept[name]

    return Secrets(
        data_keys=tuple(_key(k) for k in value("AFTERGLOW_DATA_KEYS", "data_keys").split(",")),
        audit_key=_key(value("AFTERGLOW_AUDIT_KEY", "audit_key")),
        lookup_key=_key(value("AFTERGLOW_LOOKUP_KEY", "lookup_key")),
        assistant=value("AFTERGLOW_ASSISTANT_SECRET", "assistant"),
        tracker_key=value("AFTERGLOW_TRACKER_KEY", "tracker_key"),
    )


def _key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise SettingsError("a key must be 32 bytes in base64 (make one: openssl rand -base64 32)")
    return raw


def _push(environ: Mapping[str, str], home: Path) -> Push:
    subject = environ.get("AFTERGLOW_PUSH_SUBJECT", "")
    if not subject:
        return Push()
    raw = environ.get("AFTERGLOW_PUSH_KEY") or _kept_secret(home / "push.key")
    hosts = tuple(environ.get("AFTERGLOW_PUSH_HOSTS", "").split())
    return Push(_key(raw), subject, hosts or Push.hosts)


def _openid(environ: Mapping[str, str]) -> OpenId:
    issuer, name = environ.get("AFTERGLOW_OIDC_ISSUER", ""), "AFTERGLOW_OIDC_CLIENT_SECRET"
    if not issuer:
        return OpenId()
    secret, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if path:
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise SettingsError(f"{name}_FILE names a file that cannot be read") from None
    asks = environ.get("AFTERGLOW_OIDC_SECOND_FACTOR", OpenId.second_factor)
    if asks not in get_args(SecondFactor):
        raise SettingsError("AFTERGLOW_OIDC_SECOND_FACTOR must be always, unless or never")
    chosen = OpenId(
        issuer,
        environ.get("AFTERGLOW_OIDC_CLIENT_ID", ""),
        secret,
        environ.get("AFTERGLOW_OIDC_LABEL", OpenId.label),
        asks,  # type: ignore[arg-type]
    )
    if not chosen.allows(issuer):
        raise SettingsError("AFTERGLOW_OIDC_ISSUER must be an address that begins with https")
    if not chosen.client_id or not secret:
        raise SettingsError(f"AFTERGLOW_OIDC_ISSUER needs AFTERGLOW_OIDC_CLIENT_ID and {name}")
    return chosen


def _webhook_secret(text: str) -> bytes:
    """As the Standard Webhooks specification writes it: "whsec_" and base64."""
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        secret = b""
    if text and len(secret) < 24:
        raise SettingsError(
            "AFTERGLOW_WEBHOOK_SECRET must be whsec_ and 24 bytes or more in base64"
        )
    return secret


def _named(text: str) -> dict[str, str]:
    """ "name=address name=address" as a table."""
    pairs = [one.partition("=") for one in text.split()]
    if any(not (name and address) for name, _, address in pairs):
        raise SettingsError("AFTERGLOW_APPRISE_TARGETS must be name=address, separated by spaces")
    return {name: address for name, _, address in pairs}


def _kept_secret(path: Path) -> str:
    """A key of its own, made once. Two parts that start together agree on the first one's."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)).decode())
        with contextlib.suppress(FileExistsError):
            # A link, not a rename: it never replaces, and it is never half written.
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()


def _kept_secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        names = ("data_keys", "audit_key", "lookup_key", "assistant", "tracker_key")
        fresh = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in names}
        try:
            # O_EXCL: two processes starting at once must not end up with different keys.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(fresh, file, indent=1)
        except FileExistsError:
            pass
    loaded: dict[str, str] = json.loads(path.read_text(encoding="ascii"))
    return loaded
