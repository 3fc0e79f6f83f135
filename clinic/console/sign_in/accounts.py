"""Signing in with an account of the clinic's own. It tells who somebody is; whether they work here,
and what they may do, is ours: nobody is made by it, and whoever left stays out.

The first time somebody comes, the e-mail address that the provider vouches for has to be a
colleague's; from then on the provider's own mark for them counts, whatever the address becomes.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Cookie, Request
from fastapi.responses import Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from clinic.console.desk import COOKIE, HOME, SIGN_IN, Desk, back_to, inside, problem
from clinic.console.sign_in import access, sign_in
from clinic.openid import Account, NotProvedError, Provider, ProviderError
from clinic.records.models import ProviderVisit, Staff, StaffAccount, new_id
from clinic.system import System

log = logging.getLogger("afterglow.console")

PAGE = f"{SIGN_IN}/account"
#: How long somebody may take at the provider.
LIFE = timedelta(minutes=10)
_VISIT = "afterglow_visit"
_DOWN = (
    "The clinic's account service does not answer as it should. Your password works as always; "
    "tell the person who runs Afterglow."
)


def add(router: APIRouter, desk: Desk) -> None:
    system, chosen = desk.system, desk.system.settings.openid
    provider = Provider(chosen, system.clock)
    back = f"{system.settings.public_url}{PAGE}/back"

    @router.get(PAGE)
    def go(next: str = HOME) -> Response:
        if not chosen.issuer:
            return back_to(SIGN_IN)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        try:
            there = provider.way_there(back, state, nonce, verifier)
        except ProviderError as error:
            log.warning("account provider: %s", error)
            return sign_in.door(desk, inside(next), refused=_DOWN, status=503)
        with system.database.write() as session:
            _leave(system, session, state, nonce, verifier, inside(next))
        answer = back_to(there)
        # Lax, not Strict: it has to come along on the way back from the provider's site.
        answer.set_cookie(
            _VISIT,
            state,
            path=PAGE,
            max_age=int(LIFE.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=system.settings.https,
        )
        return answer

    @router.get(f"{PAGE}/back")
    def come_back(
        request: Request,
        state: str = "",
        code: str = "",
        held: Annotated[str, Cookie(alias=_VISIT)] = "",
    ) -> Response:
        with system.database.write() as session:
            visit = _returned(system, session, state, held)
        if visit is None:
            return _refused("unasked", "This sign-in was not begun here, or took too long.")
        if not code:
            return _refused("declined", "The clinic's account service did not let you in.")
        try:
            account = provider.account(code, back, visit.nonce, visit.verifier)
        except ProviderError as error:
            log.warning("account provider: %s", error)
            return sign_in.door(desk, visit.next, refused=_DOWN, status=503)
        except NotProvedError as error:
            return _refused(str(error), "What came back from the account service is not valid.")
        return _let_in(request, account, visit.next)

    def _let_in(request: Request, account: Account, next: str) -> Response:
        with system.database.write() as session:
            person = _whose(system, session, chosen.issuer, account)
            if person is None or not person.active:
                reason = "inactive" if person else "unknown" if account.email else "no_email"
            else:
                reason = "" if person.totp_step is not None else "no_phone"
            if reason or person is None:
                subject, why = person.id if person else "unknown", f"account_{reason}"
                access.note(system, session, "anonymous", "sign_in.failed", subject, reason=why)
                return _not_ready() if reason == "no_phone" else _nobody_here()
            token, whole = _session(system, session, person, account)
        # Cookies of ours are SameSite=Strict and stay behind on the way in from another site: a
        # page of our own asks for the next one.
        path = next if whole else f"{SIGN_IN}/code?next={next}"
        answer = desk.page("arrive.html", path=path)
        answer.delete_cookie(_VISIT, path=PAGE)
        access.end(system, request.cookies.get(COOKIE, ""))
        return sign_in.give(desk, answer, token)

    def _refused(reason: str, says: str) -> Response:
        with system.database.write() as session:
            access.note(
                system,
                session,
                "anonymous",
                "sign_in.failed",
                "unknown",
                reason=f"account_{reason}",
            )
        return problem(403, "You are not signed in", f"{says} Start again.")


def _session(system: System, session: Session, person: Staff, account: Account) -> tuple[str, bool]:
    """(token, whether nothing more is asked for)."""
    asks = system.settings.openid.second_factor
    whole = asks == "never" or (asks == "unless" and account.strong)
    if whole:
        access.note(system, session, f"staff:{person.id}", "sign_in.by_account", person.id)
    return access.start(system, session, person.id, half=not whole), whole


def _whose(system: System, session: Session, issuer: str, account: Account) -> Staff | None:
    """The colleague, by the provider's mark; the first time by the address it vouches for."""
    now = system.clock.now()
    known = session.scalars(
        select(StaffAccount).where(
            StaffAccount.issuer == issuer, StaffAccount.subject == account.subject
        )
    ).first()
    if known is not None:
        known.used_at = now
        return session.get_one(Staff, known.staff_id, with_for_update=True)
    if not account.email:
        return None
    person = session.scalars(
        select(Staff).where(Staff.email == account.email).with_for_update()
    ).first()
    if person is None or not person.active:
        return person
    theirs = (StaffAccount.staff_id == person.id) & (StaffAccount.issuer == issuer)
    tied = session.scalars(select(StaffAccount).where(theirs)).first()
    if tied is not None:
        # The same account twice at once; or another one that took over their address, and then a
        # person has to say which is theirs.
        return person if tied.subject == account.subject else None
    session.add(
        StaffAccount(
            id=new_id(),
            staff_id=person.id,
            issuer=issuer,
            subject=account.subject,
            created_at=now,
            used_at=now,
        )
    )
    session.flush()
    access.note(system, session, f"staff:{person.id}", "sign_in.account", person.id)
    return person


def forget(session: Session, staff_id: str) -> None:
    """No account is theirs any more; the next one is tied by its address again."""
    session.execute(delete(StaffAccount).where(StaffAccount.staff_id == staff_id))


def _leave(
    system: System, session: Session, state: str, nonce: str, verifier: str, next: str
) -> None:
    now = system.clock.now()
    session.execute(delete(ProviderVisit).where(ProviderVisit.expires_at <= now))
    session.add(
        ProviderVisit(
            state_hash=system.hash(f"provider visit {state}"),
            nonce=nonce,
            verifier=verifier,
            next=next,
            expires_at=now + LIFE,
        )
    )
    session.flush()


def _returned(system: System, session: Session, state: str, held: str) -> ProviderVisit | None:
    """The visit that ends here, if this browser began it; it ends whether or not it comes to
    anything."""
    if not hmac.compare_digest(state.encode(), held.encode()):
        return None
    visit = session.get(ProviderVisit, system.hash(f"provider visit {state}"), with_for_update=True)
    if visit is None:
        return None
    session.delete(visit)
    session.flush()
    return visit if visit.expires_at > system.clock.now() else None


def _nobody_here() -> Response:
    """Never there, gone, or an account whose address the provider does not vouch for: one page."""
    return problem(
        403,
        "Nobody here goes by this account",
        "You signed in to the clinic's account service, but Afterglow has nobody for that account. "
        "If you work here, ask an administrator to invite you, with the e-mail address of that "
        "account. If you have a password here, you can sign in with it.",
    )


def _not_ready() -> Response:
    """An account alone sets up no phone: whoever has taken it over would be in for good."""
    return problem(
        403,
        "Set up your sign-in first",
        "Your account is known, but you have no phone set up here. Use the link that was mailed to "
        "you, or the first password you were given; after that this account works. Ask an "
        "administrator for a new link if you have neither.",
    )
