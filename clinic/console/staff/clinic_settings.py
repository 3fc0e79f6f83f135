"""What the clinic has set, changed by an administrator: checked, kept as versions, never lost to a
colleague who was quicker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from clinic import clinic_settings, signatures
from clinic.clinic_settings import FIELDS, MovedOnError, Version, WrongError
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.sign_in.access import Who
from clinic.console.staff import setting_words
from clinic.records.models import Staff

Text = Annotated[str, Form()]
PAGE = f"{HOME}/settings"
_WHY = "Say why, in a few words: whoever reads this later was not there."
_LONGEST_WHY = 300
_LABELS = {name: label for _, rows in setting_words.GROUPS for name, label, _, _ in rows}
_SAID = {
    "saved": "Saved. It holds from now on, without a restart.",
    "same": "Nothing differs from what is set.",
}


@dataclass(frozen=True)
class Past:
    """One version as the page lists it: what it changed against the one before."""

    number: int
    at: datetime
    who: str
    why: str
    changed: dict[str, tuple[str, str]]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get(PAGE)
    def settings(who: Annotated[Who, Depends(desk.signed_in)], said: str = "") -> Response:
        _leads(who)
        return _page(who, done=_SAID.get(said, ""))

    @router.post(PAGE)
    def save(
        who: Annotated[Who, Depends(desk.acting)],
        typed: Annotated[dict[str, str], Depends(_typed)],
        why: Text = "",
        base: Text = "",
    ) -> Response:
        _leads(who)
        return _save(who, typed, why, base)

    @router.post(f"{PAGE}/back")
    def go_back(
        who: Annotated[Who, Depends(desk.acting)], to: Text = "", why: Text = "", base: Text = ""
    ) -> Response:
        """An earlier version again, as a new one."""
        _leads(who)
        with system.database.read() as session:
            found = {str(one.number): one for one in clinic_settings.versions(session)}.get(to)
        if found is None:
            return _page(who, 422, {"why": "Choose a version from the list."})
        return _save(who, found.document, why or f"Back to version {to}.", base)

    def _save(who: Who, typed: Mapping[str, str], why: str, base: str) -> Response:
        reason = " ".join(why.split())[:_LONGEST_WHY]
        problems = {} if reason else {"why": _WHY}
        try:
            clinic_settings.check(typed)
        except WrongError as error:
            problems = error.problems | problems
        number = int(base) if base.isdecimal() else -1
        try:
            with system.database.write() as session:
                if problems:
                    _same(session, number)
                    return _page(who, 422, problems, typed, why)
                kept = clinic_settings.save(system, session, typed, who.staff.id, reason, number)
        except MovedOnError as error:
            return _moved_on(who, typed, why, number, error.latest, problems)
        return back_to(f"{PAGE}?said={'saved' if kept else 'same'}")

    def _moved_on(
        who: Who,
        typed: Mapping[str, str],
        why: str,
        base: int,
        latest: Version,
        problems: dict[str, str],
    ) -> Response:
        """Both sets of changes in one form, and where both changed the same, theirs beside it."""
        with system.database.read() as session:
            known = {one.number: one for one in clinic_settings.versions(session)}
            name = _name(session, latest.by)
        # A form from before the first version: what was set then is version 1.
        before = known.get(base or 1, latest).document
        both, theirs = clinic_settings.merged(before, latest.document, typed)
        beside = {field: f"{name} has set: {value or 'nothing'}" for field, value in theirs.items()}
        return _page(who, 409, beside | problems, both, why, moved=name)

    def _words() -> str:
        """Where the sentences stand; a file of signatures that cannot be read is said, too."""
        try:
            standing = signatures.standing(signatures.shown(system), system.settings.home)
        except signatures.SignatureError as error:
            return f"The signatures cannot be read: {error}. Run: afterglow doctor"
        says, _ = signatures.summary(standing, system.clock.now().date())
        return f"{says[0].upper()}{says[1:]}."

    def _page(
        who: Who,
        status: int = 200,
        problems: dict[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
        why: str = "",
        moved: str = "",
        done: str = "",
    ) -> Response:
        with system.database.read() as session:
            latest = clinic_settings.current(session)
            past = _past(session)
        return desk.page(
            "settings.html",
            who,
            status,
            here="settings",
            groups=setting_words.GROUPS,
            labels=_LABELS,
            typed=dict.fromkeys(FIELDS, "") | dict(latest.document if typed is None else typed),
            why=why,
            base=latest.number,
            past=past,
            words=_words(),
            moved=moved,
            problems=problems or {},
            named={
                name: f"{_LABELS[name]}: {says}" if name in _LABELS else says
                for name, says in (problems or {}).items()
            },
            done=done,
        )


async def _typed(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: str(form.get(name, "")) for name in FIELDS}


def _leads(who: Who) -> None:
    if "admin" not in who.staff.roles:
        raise MissingError


def _same(session: Session, base: int) -> None:
    latest = clinic_settings.current(session)
    if latest.number != base:
        raise MovedOnError(latest)


def _past(session: Session) -> list[Past]:
    found = clinic_settings.versions(session)
    older = [one.document for one in found[1:]] + [{}]
    return [
        Past(
            one.number,
            one.at,
            _name(session, one.by),
            one.why,
            clinic_settings.differences(before, one.document),
        )
        for one, before in zip(found, older, strict=False)
        if one.at is not None
    ]


def _name(session: Session, staff_id: str | None) -> str:
    return session.get_one(Staff, staff_id).name if staff_id else "The command line"
