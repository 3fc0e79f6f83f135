"""Which patients of a caseload to show: what may be chosen, whether one fits, and saved choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clinic.console import wording
from clinic.console.inbox.cases import Case
from clinic.console.sign_in.access import Who
from clinic.console.wording import When
from clinic.people import NotPossibleError
from clinic.records.models import SavedFilter, StaffSession

#: A choice: name of a field and one of its options; what is not chosen is not in it.
Chosen = dict[str, str]

#: Label and options of each field; tags are the patients' own.
FIELDS: dict[str, tuple[str, Mapping[str, str]]] = {
    "level": (
        "Level",
        {"any": "Any alert", "emergency": "Emergency", "urgent": "Urgent"}
        | {"watch": "Watch, or standing without an alert"},
    ),
    "category": ("Alert about", wording.CATEGORIES),
    "stage": ("Stage", wording.STAGES),
    "within": (
        "Since the last infusion",
        {"1": "Up to 1 day", "3": "Up to 3 days", "7": "Up to 7 days", "14": "Up to 14 days"}
        | {"more": "More than 14 days", "none": "No infusion yet"},
    ),
    "score": ("A score", {"up": "Rose", "down": "Fell"}),
    "mood": ("Mood", {"low": "Below their own mean"}),
    "unread": ("Unread", {"yes": "Not read by me"}),
    "follow": ("Follow-up", {"due": "Mine, due by today"}),
    "since": ("News", {"visit": "Since my last visit"}),
}
_LONGEST_NAME = 40
_EVER = datetime.min.replace(tzinfo=UTC)
_MOST = 20


def read(asked: Mapping[str, str], tags: Collection[str]) -> Chosen:
    """What an address asks for. What there is no option for is not chosen."""
    chosen = {
        name: asked[name] for name, (_, options) in FIELDS.items() if asked.get(name) in options
    }
    return chosen | ({"tag": asked["tag"]} if asked.get("tag") in tags else {})


def query(chosen: Chosen) -> str:
    """As an address has it, in one order: the same choice is the same address."""
    return urlencode(sorted(chosen.items()))


def say(chosen: Chosen) -> str:
    """ "Alert: Urgent; Stage: Day 1"."""
    said = [
        f"{label}: {options[chosen[name]]}"
        for name, (label, options) in FIELDS.items()
        if name in chosen
    ]
    return "; ".join(said + ([f"Tag: {chosen['tag']}"] if "tag" in chosen else []))


def fits(case: Case, chosen: Chosen, visit: datetime | None) -> bool:
    """Whether a patient fits every choice. ``visit``: when this clinician was last here."""
    return all(_FITS[name](case, option, visit) for name, option in chosen.items())


def reach(asked: Mapping[str, str], visit: datetime | None) -> datetime | None:
    """How far back a score that changed may decide whether a patient fits; None: no further than
    the list itself looks."""
    without_end = asked.get("score") or (asked.get("since") and visit is None)
    return _EVER if without_end else visit


def news_at(case: Case) -> datetime | None:
    """When something last happened: they wrote, an alert opened, a score or mood moved enough."""
    facts = case.facts
    moments = [facts.last_at, facts.alert.opened_at if facts.alert else None]
    moments += [change.at for change in facts.changes if change.said != "same"]
    moments += [need.at for need in case.needs if need.kind == "mood"]
    return max((moment for moment in moments if moment), default=None)


def _level(case: Case, option: str, _visit: datetime | None) -> bool:
    if option == "watch":
        return any(need.kind == "watch" for need in case.needs)
    alert = case.facts.alert
    return alert is not None and option in ("any", alert.level)


def _category(case: Case, option: str, _visit: datetime | None) -> bool:
    return case.facts.alert is not None and option in case.facts.alert.categories


def _within(case: Case, option: str, _visit: datetime | None) -> bool:
    if option == "none" or case.hours is None:
        return option == "none" and case.hours is None
    days = case.hours / 24
    return days > 14 if option == "more" else days <= int(option)


def _since(case: Case, _option: str, visit: datetime | None) -> bool:
    news = news_at(case)
    return news is not None and (visit is None or news > visit)


def _stage(case: Case, option: str, _visit: datetime | None) -> bool:
    return case.stage == option


def _score(case: Case, option: str, _visit: datetime | None) -> bool:
    return any(one.said == option for one in case.facts.changes)


def _mood(case: Case, _option: str, _visit: datetime | None) -> bool:
    return any(need.kind == "mood" for need in case.needs)


def _unread(case: Case, _option: str, _visit: datetime | None) -> bool:
    return bool(case.facts.unread or case.facts.entries)


def _follow(case: Case, _option: str, _visit: datetime | None) -> bool:
    return bool(case.facts.follow_up)


def _tag(case: Case, option: str, _visit: datetime | None) -> bool:
    return option in case.tags


_FITS = {
    "level": _level,
    "category": _category,
    "stage": _stage,
    "within": _within,
    "score": _score,
    "mood": _mood,
    "unread": _unread,
    "follow": _follow,
    "since": _since,
    "tag": _tag,
}


def last_visit(session: Session, who: Who, when: When) -> datetime | None:
    """When this person was last here on an earlier day; None: this is the first. Not the sign-in
    before this one: idle minutes end a sign-in, and the morning's news would be gone by noon."""
    midnight = when.local(when.now).replace(hour=0, minute=0, second=0, microsecond=0)
    return session.scalar(
        select(func.max(StaffSession.seen_at)).where(
            StaffSession.staff_id == who.staff.id,
            StaffSession.half.is_(False),
            StaffSession.seen_at < midnight.astimezone(UTC),
        )
    )


# -- saved under a name, each person's own -------------------------------------------------------


def saved(session: Session, staff_id: str) -> list[SavedFilter]:
    rows = select(SavedFilter).where(SavedFilter.staff_id == staff_id).order_by(SavedFilter.name)
    return list(session.scalars(rows))


def save(session: Session, staff_id: str, name: str, chosen: Chosen, now: datetime) -> None:
    """Keep a choice; the same name replaces. Raises NotPossibleError in words for the page."""
    name = " ".join(name.split())[:_LONGEST_NAME]
    if not name:
        raise NotPossibleError("Give the filter a name.")
    if not chosen:
        raise NotPossibleError("Choose something to filter by first.")
    mine = {row.name: row for row in saved(session, staff_id)}
    if name in mine:
        mine[name].chosen = chosen
    elif len(mine) >= _MOST:
        raise NotPossibleError(f"You have {_MOST} filters. Remove one first.")
    else:
        session.add(SavedFilter(staff_id=staff_id, name=name, chosen=chosen, created_at=now))
