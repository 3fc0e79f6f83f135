"""What a clinic sets for itself: one document, checked as a whole, every version kept.

The newest version lies on the clinic's row, where the edge and the engine read it at each turn and
tick, so a change holds without a restart. What decides about risk, measures and wording is not set
here: that is data which a clinician signs. Two hours that it reads are: a clinic may be stricter
than that data, never laxer (docs/adr/0030).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.stages import AFTER_EFFECTS_MOST
from clinic.escalation import hours
from clinic.records.models import Clinic, SettingsVersion
from clinic.system import System

_PHONE = re.compile(r"\+?[\d ()./-]{3,30}( ?(x|ext\.?) ?\d{1,6})?")
#: The reason of the row that holds what was set before versions were kept.
BEFORE = "What was set before versions were kept."


class WrongError(ValueError):
    """The document cannot be. ``problems`` is field -> what would do."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {says}" for name, says in problems.items()))
        self.problems = problems


class MovedOnError(Exception):
    """Somebody else has changed the settings since ``base`` was read."""

    def __init__(self, latest: Version) -> None:
        super().__init__(f"version {latest.number}")
        self.latest = latest


def _text(most: int) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        words = " ".join(str(value or "").split())
        if len(words) > most:
            raise ValueError(f"Write at most {most} characters; these are {len(words)}.")
        if not words.isprintable():
            raise ValueError("Write letters, digits and signs only.")
        return words or None

    return read


def _number(low: float, high: float, *, whole: bool = False) -> Callable[[object], float | None]:
    says = f"Write a {'whole ' if whole else ''}number from {low:g} to {high:g}."

    def read(value: object) -> float | None:
        if value is None or not str(value).strip():
            return None
        try:
            number = float(str(value))
        except ValueError:
            raise ValueError(says) from None
        if not low <= number <= high or (whole and number != int(number)):
            raise ValueError(says)
        return int(number) if number == int(number) else number

    return read


def _phone(value: object) -> str | None:
    words = _text(40)(value)
    if words and not _PHONE.fullmatch(words):
        raise ValueError("Write a phone number, such as +1 555 0100.")
    return words


def _country(value: object) -> str | None:
    code = str(value or "").strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise ValueError("Write two letters, such as US.")
    return code or None


def _line(name: str) -> Callable[[object], str | None]:
    """One of the lines that clinic/escalation/hours.py reads."""

    def read(value: object) -> str | None:
        line = " ".join(str(value or "").split())
        hours.check("UTC", {name: line})
        return line or None

    return read


Short = Annotated[str | None, BeforeValidator(_text(80))]
Words = Annotated[str | None, BeforeValidator(_text(400))]
Phone = Annotated[str | None, BeforeValidator(_phone)]
Hours = Annotated[float | None, BeforeValidator(_number(0.5, 168))]


class Document(BaseModel):
    """All a clinic may set; None: not set. Hours and minutes are what their names say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: Phone = None
    hours: Short = None
    opening: Annotated[str | None, BeforeValidator(_line("opening"))] = None
    closed_on: Annotated[str | None, BeforeValidator(_line("closed_on"))] = None
    reads_within: Short = None
    staff_help: Words = None
    country: Annotated[str | None, BeforeValidator(_country)] = None
    emergency_number: Short = None
    crisis_line: Short = None
    crisis_text: Short = None
    fasting: Words = None
    music: Words = None
    session_length: Words = None
    integration: Words = None
    schedule: Words = None
    #: Four to eight, and a window of one to five days, are what domain.md 1.9 found anywhere.
    planned: Annotated[float | None, BeforeValidator(_number(4, 8, whole=True))] = None
    window_hours: Annotated[float | None, BeforeValidator(_number(24, 120))] = None
    driving_hours: Hours = None
    after_effects_hours: Annotated[
        float | None, BeforeValidator(_number(1, AFTER_EFFECTS_MOST))
    ] = None
    day_of_hours: Hours = None
    pre_next_hours: Hours = None
    next_first_hours: Hours = None
    usual_minutes: Annotated[float | None, BeforeValidator(_number(5, 720))] = None
    longest_hours: Annotated[float | None, BeforeValidator(_number(1, 12))] = None
    morning: Annotated[float | None, BeforeValidator(_number(1, 12, whole=True))] = None
    #: Outside the quiet hours of data/policy/touches.yml; the ride is asked about with an evening
    #: left to find one.
    visit_hour: Annotated[float | None, BeforeValidator(_number(9, 18, whole=True))] = None
    reminder_hour: Annotated[float | None, BeforeValidator(_number(12, 17, whole=True))] = None
    break_glass_hours: Annotated[float | None, BeforeValidator(_number(1, 72))] = None

    @model_validator(mode="after")
    def _texts_need_a_line(self) -> Document:
        if self.crisis_text and not self.crisis_line:
            raise ValueError("crisis_text: Give the number to call too, or leave both empty.")
        return self


FIELDS = tuple(Document.model_fields)


@dataclass(frozen=True)
class Version:
    number: int
    at: datetime | None
    by: str | None
    why: str
    document: dict[str, str]


def check(typed: Mapping[str, object]) -> Document:
    """The document that was typed. Raises WrongError."""
    try:
        return Document.model_validate(dict(typed))
    except ValidationError as error:
        raise WrongError(dict(_problem(one) for one in error.errors())) from None


def current(session: Session) -> Version:
    """The newest version, or number 0: what was set before versions were kept."""
    row = session.scalars(
        select(SettingsVersion).order_by(SettingsVersion.number.desc()).limit(1)
    ).first()
    if row is not None:
        return _shown(row)
    clinic = session.get_one(Clinic, 1)
    return Version(0, None, None, BEFORE, _as_typed(clinic.settings))


def versions(session: Session) -> list[Version]:
    """Every version, the newest first."""
    rows = session.scalars(select(SettingsVersion).order_by(SettingsVersion.number.desc()))
    return [_shown(row) for row in rows]


def save(
    system: System,
    session: Session,
    typed: Mapping[str, object],
    by: str | None,
    why: str,
    base: int | None = None,
) -> int | None:
    """Keep it as a new version, from now on in force; returns its number, None if nothing differs.

    ``base`` is the version the typed document was made from. Raises WrongError, and MovedOnError
    when there is a newer one.
    """
    clinic = session.get_one(Clinic, 1, with_for_update=True)
    latest = current(session)
    if base is not None and base != latest.number:
        raise MovedOnError(latest)
    document = check(typed).model_dump(exclude_none=True)
    changed = differences(latest.document, _as_typed(document))
    if not changed:
        return None
    if latest.number == 0:
        latest = _keep(system, session, 1, None, BEFORE, _known(clinic.settings))
    kept = _keep(system, session, latest.number + 1, by, why, document)
    others = {name: value for name, value in clinic.settings.items() if name not in FIELDS}
    clinic.settings = others | document
    session.flush()
    system.audit.add(
        session,
        system.clock.now(),
        f"staff:{by}" if by else "system",
        "clinic.set",
        "clinic:1",
        None,
        version=kept.number,
        settings=" ".join(changed),
    )
    return kept.number


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Field -> (before, after), of those that differ."""
    pairs = {name: (old.get(name, ""), new.get(name, "")) for name in FIELDS}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def merged(
    base: Mapping[str, str], theirs: Mapping[str, str], mine: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed on top of what somebody else has saved meanwhile: (the document, theirs for
    every field that both have changed)."""
    changed, meanwhile = differences(base, mine), differences(base, theirs)
    document = {
        name: mine.get(name, "") if name in changed else theirs.get(name, "") for name in FIELDS
    }
    both = {
        name: theirs.get(name, "")
        for name in changed
        if name in meanwhile and theirs.get(name, "") != mine.get(name, "")
    }
    return document, both


def _keep(
    system: System,
    session: Session,
    number: int,
    by: str | None,
    why: str,
    document: dict[str, Any],
) -> Version:
    row = SettingsVersion(number=number, at=system.clock.now(), by=by, why=why, document=document)
    session.add(row)
    session.flush()
    return _shown(row)


def _shown(row: SettingsVersion) -> Version:
    return Version(row.number, row.at, row.by, row.why, _as_typed(row.document))


def _known(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in FIELDS if name in settings}


def _as_typed(settings: Mapping[str, Any]) -> dict[str, str]:
    """As a form holds it; numbers without a needless point."""
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in _known(settings).items()
        if value not in (None, "")
    }


def _problem(error: Any) -> tuple[str, str]:
    says = str(error.get("ctx", {}).get("error", error["msg"]))
    if error["loc"]:
        name = str(error["loc"][0])
        return name, says.removeprefix(f"{name}: ")
    name, _, says = says.partition(": ")
    return name, says
