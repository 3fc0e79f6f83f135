"""`afterglow doctor`: is this installation fit for patients, and if not, what is the mend?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot import content, embedding
from bot.risk import rules_version
from clinic import signatures
from clinic.console.sign_in import keys
from clinic.conversation import delivery
from clinic.escalation import hours, on_call, policy
from clinic.notify import Channels
from clinic.openid import Provider, ProviderError
from clinic.records.database import DatabaseError
from clinic.records.models import Clinic, Staff, StaffContact
from clinic.settings import ROOT, Settings
from clinic.supervisor import ASSISTANT_PYTHON
from clinic.system import System, assemble

_LITTLE_DISK = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """``mark``: ok, note (know it), or MEND (not fit for patients)."""

    mark: str
    name: str
    says: str


def examine(settings: Settings) -> list[Finding]:
    """Every check, each by itself: one that breaks is a finding, not the end."""
    system = assemble(settings)
    checks: list[Callable[[System], Finding]] = [
        _assistant,
        _model,
        _embedding,
        _rules,
        _words,
        _policy,
        _database,
        _engine,
        _on_call,
        _contacts,
        _hours,
        _keys,
        _accounts,
        _disk,
    ]
    channels = Channels(system)
    checks += [partial(_channel, channels, name) for name in channels.names]
    return [_guarded(check, system) for check in checks]


def _guarded(check: Callable[[System], Finding], system: System) -> Finding:
    try:
        return check(system)
    except (DatabaseError, SQLAlchemyError) as error:
        return Finding("MEND", "database", f"{type(error).__name__}. Run: make setup")
    except Exception as error:
        name = getattr(check, "__name__", "channel").strip("_")
        return Finding("MEND", name, str(error) or type(error).__name__)


def _assistant(_system: System) -> Finding:
    if ASSISTANT_PYTHON.exists():
        return Finding("ok", "assistant", "its environment is there")
    return Finding("MEND", "assistant", "its environment is missing. Run: make setup")


def _model(_system: System) -> Finding:
    if (ROOT / "models" / "manifest.json").exists():
        return Finding("ok", "model", "trained")
    return Finding("MEND", "model", "not trained. Run: uv run afterglow train")


def _embedding(_system: System) -> Finding:
    embedding.model()
    return Finding("ok", "sentence embedding", "the published weights, by their hash")


def _rules(_system: System) -> Finding:
    return Finding("ok", "risk rules", rules_version())


def _words(system: System) -> Finding:
    standing = signatures.standing(signatures.shown(system), system.settings.home)
    says, settled = signatures.summary(standing, system.clock.now().date())
    if settled:
        return Finding("ok", "words", says)
    return Finding("note", "words", f"{says}. See: afterglow sign list")


def _policy(_system: System) -> Finding:
    approver = policy.load()["approver"]
    mark = "note" if approver == content.UNSIGNED else "ok"
    return Finding(mark, "alert policy", f"approver: {approver}")


def _database(system: System) -> Finding:
    system.database.check()
    return Finding("ok", "database", "durable settings in force")


def _engine(system: System) -> Finding:
    with system.database.read() as session:
        alive = delivery.engine_alive(system, session, system.clock.now())
    says = "beating" if alive else "not running. Start it: make run"
    return Finding("ok" if alive else "note", "alert engine", says)


def _on_call(system: System) -> Finding:
    now = system.clock.now()
    with system.database.read() as session:
        reachable = on_call.reachable(session, now)
        gaps = on_call.gaps(session, now)
    if not reachable:
        return Finding(
            "MEND", "on call", "nobody is reachable. Run: afterglow on-call shift E-MAIL"
        )
    if gaps:
        says = f"{len(gaps)} gaps in the next seven days. See: afterglow on-call"
        return Finding("note", "on call", says)
    return Finding("ok", "on call", f"{len(reachable)} reachable now, no gap for seven days")


def _hours(system: System) -> Finding:
    with system.database.read() as session:
        clinic = session.get_one(Clinic, 1)
    hours.check(clinic.timezone, clinic.settings)
    line = clinic.settings.get("opening")
    if not line:
        says = f"not set, taken as {hours.DEFAULT}. Run: afterglow clinic set opening"
        return Finding("note", "opening hours", says)
    return Finding("ok", "opening hours", str(line))


def _contacts(system: System) -> Finding:
    """Ways that stopped working, and ways nobody has confirmed yet."""
    with system.database.read() as session:
        rows = session.scalars(
            select(StaffContact)
            .join(Staff, Staff.id == StaffContact.staff_id)
            .where(Staff.active, StaffContact.removed_at.is_(None))
        ).all()
    failing = sum(row.failing_since is not None for row in rows)
    unproved = sum(row.verified_at is None for row in rows)
    if failing or unproved:
        says = f"{failing} of {len(rows)} failed last time, {unproved} wait for their code"
        return Finding("note", "contacts", f"{says}. See: afterglow contact list")
    return Finding("ok", "contacts", f"{len(rows)} confirmed")


def _channel(channels: Channels, name: str, _system: System) -> Finding:
    health = channels.get(name).check()
    return Finding(health.mark, f"channel {name}", health.says)


def _keys(system: System) -> Finding:
    """Whether staff could use security keys at all."""
    if keys.possible(system.settings):
        return Finding("ok", "security keys", f"work at {system.settings.public_url}")
    says = "need a public address that is a name over https. Set: AFTERGLOW_PUBLIC_URL"
    return Finding("note", "security keys", says)


def _accounts(system: System) -> Finding:
    """The clinic's own accounts: without them the passwords still work."""
    chosen, name = system.settings.openid, "clinic's accounts"
    if not chosen.issuer:
        return Finding("ok", name, "not used: staff sign in with a password")
    try:
        Provider(chosen, system.clock).check()
    except ProviderError as error:
        return Finding("note", name, f"the provider cannot be used: {error}. Passwords still work")
    says = "its addresses and keys are sound"
    if chosen.second_factor == "never":
        return Finding("note", name, f"{says}; no second factor of ours is asked for after it")
    return Finding("ok", name, says)


def _disk(system: System) -> Finding:
    free = shutil.disk_usage(system.settings.home).free
    if free < _LITTLE_DISK:
        return Finding("MEND", "disk", f"only {free // 1_000_000} MB free")
    return Finding("ok", "disk", f"{free // 1_000_000_000} GB free")
