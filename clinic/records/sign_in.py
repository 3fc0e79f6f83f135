"""The tables of staff sign-in: security keys, accounts of the clinic's own, one-time codes for a
lost phone, invitations, and how often it was tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from clinic.records.base import Base, new_id


class RecoveryCode(Base):
    """A code that stands in for the authenticator app, once. Only its keyed hash is stored."""

    __tablename__ = "recovery_code"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SecurityKey(Base):
    """A key (or passkey) that signs for one member of staff at the clinic's address. Nothing in
    here is secret: the private half never leaves the key."""

    __tablename__ = "security_key"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    #: WebAuthn's "attested credential data": its id and public key, as the key gave them.
    credential: Mapped[bytes]
    #: How often the key says it has signed; 0 always, where a key does not count.
    signed: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StaffAccount(Base):
    """Which account at the clinic's own provider is whose: told apart by the provider's subject,
    which stays when a name or an address changes."""

    __tablename__ = "staff_account"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    issuer: Mapped[str]
    subject: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("staff_id", "issuer"))


class ProviderVisit(Base):
    """Somebody on the way to the clinic's provider and back, who may come back once."""

    __tablename__ = "provider_visit"
    #: Keyed hash of OpenID Connect's ``state``, which their browser holds too.
    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    nonce: Mapped[str]
    verifier: Mapped[str]
    next: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInTries(Base):
    """Failed tries to sign in, by keyed hash of an account or of a network address."""

    __tablename__ = "sign_in_tries"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
    #: Nothing is taken before this moment.
    until: Mapped[datetime | None]


class StaffInvitation(Base):
    """A one-time way in for somebody who is about to work here, or whose sign-in was reset. Its
    link is worked out from ``nonce`` and a key, never stored. The person's row is there from the
    start, not active."""

    __tablename__ = "staff_invitation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    nonce: Mapped[str]
    created_by: Mapped[str] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    #: For a colleague who sets up their sign-in anew.
    renews: Mapped[bool] = mapped_column(default=False, server_default=false())
    __table_args__ = (
        CheckConstraint("used_at IS NULL OR withdrawn_at IS NULL", name="used_or_withdrawn"),
        Index(
            "uq_staff_invitation_open",
            "staff_id",
            unique=True,
            sqlite_where=text("used_at IS NULL AND withdrawn_at IS NULL"),
            postgresql_where=text("used_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )
