"""How often somebody may try to sign in: by account and by network address, waiting longer each
time. The counts lie in the database, so a restart forgets nothing.

An account that does not exist is counted like one that does, or the wait would tell them apart.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from clinic.records.models import SignInTries
from clinic.system import System

#: Without a failure for this long, the count begins anew.
FORGET = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """``free`` failures cost nothing; each one more doubles the wait, from ``first`` on."""

    free: int
    first: timedelta
    longest: timedelta

    def wait(self, failures: int) -> timedelta | None:
        over = failures - self.free
        # No power of a number that a stranger can drive up.
        return min(self.first * 2 ** min(over, 16), self.longest) if over >= 0 else None


#: A stranger can make an account wait, too: its wait stays short enough for a night on call.
ACCOUNT = Limit(free=5, first=timedelta(minutes=1), longest=timedelta(minutes=15))
#: A whole clinic may share one address; everybody who gets in clears it.
ADDRESS = Limit(free=20, first=timedelta(minutes=1), longest=timedelta(hours=1))


def waiting(system: System, session: Session, email: str, address: str) -> bool:
    """Whether nothing is taken now, for this account or from this address."""
    now = system.clock.now()
    rows = [session.get(SignInTries, key) for key, _ in _keys(system, email, address)]
    return any(row is not None and row.until is not None and now < row.until for row in rows)


def failed(system: System, session: Session, email: str, address: str) -> timedelta | None:
    """Count it. What is tried during a wait changes nothing, or a stranger could keep somebody out
    without end. Returns the longest wait that begins now."""
    now = system.clock.now()
    # Two first failures at once must not both make the row.
    system.database.serialise(session)
    session.execute(delete(SignInTries).where(SignInTries.last_at < now - FORGET))
    begun = []
    for key, limit in _keys(system, email, address):
        row = session.get(SignInTries, key)
        if row is None:
            row = SignInTries(key=key, failures=0, last_at=now)
            session.add(row)
        if row.until is not None and now < row.until:
            continue
        row.failures, row.last_at = row.failures + 1, now
        if wait := limit.wait(row.failures):
            row.until = now + wait
            begun.append(wait)
    session.flush()
    return max(begun, default=None)


def cleared(system: System, session: Session, email: str, address: str) -> None:
    """Somebody got in: the account and the address begin anew."""
    keys = [key for key, _ in _keys(system, email, address)]
    session.execute(delete(SignInTries).where(SignInTries.key.in_(keys)))


def _keys(system: System, email: str, address: str) -> list[tuple[str, Limit]]:
    found = [(system.hash(f"sign-in account {email}"), ACCOUNT)]
    if network := _network(address):
        found.append((system.hash(f"sign-in address {network}"), ADDRESS))
    return found


def _network(address: str) -> str:
    """What one person holds: an IPv4 address, or an IPv6 network of 64 bits. Empty where it names
    nobody: this machine is a proxy we were not told of (AFTERGLOW_TRUSTED_PROXIES)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is None:
            return "" if known.is_loopback else str(ipaddress.ip_network((known, 64), strict=False))
        known = known.ipv4_mapped
    return "" if known.is_loopback else str(known)
