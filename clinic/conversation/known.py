"""What the record already holds, ready for the dialogue: asked once, not again (bot/contract.py).

Values are the patient's own words or numbers. They are quoted, never interpreted: two infusions
that differ in sleep are laid side by side, and no cause is claimed (domain.md 2.5 row 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.content import Registry
from bot.contract import TASKS
from bot.variables import BEFORE, COMPARED
from clinic import agreed
from clinic.records.models import TASK_DONE, Infusion, Record
from clinic.records.vault import Vault
from clinic.system import System

#: What is looked at. Entries are the most and the longest, and nothing here is in them.
_KINDS = (
    *("remembered", "small_step", "intention", "win", "parked_decision", "clinic_task"),
    *("check_in", "consent"),
)
_SETTLED = ("done", "dropped", "drop", "bring")
#: A step is asked about when its first touch comes (data/policy/touches.yml).
_A_DAY = timedelta(hours=18)
_QUOTED_WORDS = 12
_SHOWN = 5
#: What says how the last night was (data/variables.yml, V10).
_NIGHTS = {"sleep_hours", "sleep_quality", "sleep_after"}
#: How far apart two numbers of a scale are before they are named as different. [D], unsigned.
APART = 2


def known(
    session: Session,
    vault: Vault,
    words: Registry,
    patient_id: str,
    infusions: Sequence[Infusion],
    now: datetime,
    zone: tzinfo,
) -> dict[str, str]:
    """Names to texts; what is not known is not there. ``infusions``: the patient's, by start;
    ``zone``: where the patient is."""
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind.in_(_KINDS))
        .order_by(Record.updated_at)
    ).all()
    held = list(vault.documents(rows))
    found = {d["name"]: d["text"] for row, d in held if row.kind == "remembered"}
    found |= {
        kind: texts[-1] for kind in ("small_step", "intention") if (texts := _texts(held, kind))
    }
    step = _newest_step(held)
    if step is not None and step.state in _SETTLED:
        # Done, or let go: nobody asks about it any more.
        found.pop("small_step", None)
    wins = _texts(held, "win")
    parked = [
        data["text"]
        for row, data in held
        if row.kind == "parked_decision" and row.state not in _SETTLED
    ]
    infusions = [infusion for infusion in infusions if not infusion.cancelled]
    since = max((i.ended_at for i in infusions if i.ended_at and i.ended_at <= now), default=None)
    compared = cycles(held, infusions)
    allowed = agreed.given(held)
    found |= {
        "no_questions": "" if allowed.get(agreed.QUESTIONS, True) else "yes",
        "no_cycle": "" if allowed.get(agreed.CYCLE, True) else "yes",
        "intended": _intended(held, infusions, now),
        "wins": _list(_quote(text) for text in wins[-3:]),
        "parked": _list(_quote(text) for text in parked[-2:]),
        "step_due": found.get("small_step", "") if _due(step, now) else "",
        "requests": _requests(words, held),
        "under_age": "yes" if any(_says_under_age(row, data) for row, data in held) else "",
        "ride": "yes" if _ride(held, since) == "yes" else "",
        "slept": "yes" if _slept(held, now, zone) else "",
        "card": _list(
            _quote(found[n]) for n in ("intention", "let_go", "safe_place") if n in found
        ),
        "differences": _differences(words, compared),
        "last_time": _last_time(words, compared, found.get("music", "")),
    }
    return {name: text[:2000] for name, text in found.items() if text}


Held = Sequence[tuple[Record, dict[str, Any]]]


def _texts(held: Held, kind: str) -> list[str]:
    return [data["text"] for row, data in held if row.kind == kind]


def _intended(held: Held, infusions: Sequence[Infusion], now: datetime) -> str:
    """The intention that stood when the last infusion began; one set since is for the next."""
    begun = max((one.started_at for one in infusions if one.started_at <= now), default=None)
    stood = [
        (row.created_at, data["text"])
        for row, data in held
        if row.kind == "intention" and begun is not None and row.created_at <= begun
    ]
    return _quote(max(stood)[1]) if stood else ""


def _newest_step(held: Held) -> Record | None:
    steps = [row for row, _ in held if row.kind == "small_step"]
    return max(steps, key=lambda row: row.created_at, default=None)


def _due(step: Record | None, now: datetime) -> bool:
    """Whether it is a day old and nobody has said what became of it."""
    return step is not None and step.state is None and step.created_at <= now - _A_DAY


def _open(row: Record) -> bool:
    return row.kind == "clinic_task" and row.state != TASK_DONE


def _says_under_age(row: Record, data: dict[str, Any]) -> bool:
    """Until somebody of the clinic has dealt with it."""
    return _open(row) and data["task"] == "under_age"


def under_age(system: System, session: Session, patient_id: str) -> bool:
    """Whether the clinic still has to find out if this patient is an adult: until then the
    companion is closed to them."""
    rows = session.scalars(
        select(Record).where(Record.patient_id == patient_id, Record.kind == "clinic_task")
    )
    return any(_says_under_age(*one) for one in system.vault(session).documents(list(rows)))


def _requests(words: Registry, held: Held) -> str:
    """The newest of what the patient asked for and nobody has dealt with. What the clinic gave
    itself (a silence, a rise in a score) is for its own page."""
    asked = [_request(words, data) for row, data in held if _open(row) and data["task"] in TASKS]
    each = list(dict.fromkeys(asked))
    rest = len(each) - _SHOWN
    more = [words.render("task.more", 0, {"count": str(rest)})] if rest > 0 else []
    return "; ".join([*each[-_SHOWN:], *more])


def _request(words: Registry, data: dict[str, Any]) -> str:
    task: str = words.render(f"task.{data['task']}")
    return f"{task} ({_quote(data['text'])})" if data.get("text") else task


def ride_home(system: System, session: Session, patient_id: str, now: datetime) -> str | None:
    """The last answer about the ride home after the coming infusion: yes, no, or none yet."""
    since = session.scalar(
        select(func.max(Infusion.ended_at)).where(
            Infusion.patient_id == patient_id,
            Infusion.cancelled.is_(False),
            Infusion.ended_at <= now,
        )
    )
    rows = session.scalars(
        select(Record)
        .where(Record.patient_id == patient_id, Record.kind == "check_in")
        .order_by(Record.updated_at)
    )
    return _ride(list(system.vault(session).documents(rows)), since)


def _ride(held: Held, since: datetime | None) -> str | None:
    said = [
        str(data["ride"])
        for row, data in held
        if row.kind == "check_in" and "ride" in data and (since is None or row.created_at > since)
    ]
    return said[-1] if said else None


def _slept(held: Held, now: datetime, zone: tzinfo) -> bool:
    """Whether they have said today how the night was."""
    today = now.astimezone(zone).date()
    return any(
        row.kind == "check_in"
        and _NIGHTS & set(data)
        and row.created_at.astimezone(zone).date() == today
        for row, data in held
    )


def cycles(
    held: Held, infusions: Sequence[Infusion], names: Sequence[str] = COMPARED
) -> dict[int, dict[str, Any]]:
    """Infusion -> variable -> value. What is asked before an infusion belongs to the next one."""
    found: dict[int, dict[str, Any]] = {}
    for row, data in held:
        if row.kind != "check_in":
            continue
        for name in set(data) & set(names):
            if name in BEFORE:
                mine = next((i for i in infusions if i.started_at > row.created_at), None)
            else:
                ended = [i for i in infusions if i.ended_at and i.ended_at <= row.created_at]
                mine = ended[-1] if ended else None
            if mine is not None:
                found.setdefault(mine.number, {})[name] = data[name]
    return found


def _differences(words: Registry, cycles: dict[int, dict[str, int]]) -> str:
    """The last two infusions that anything is known of, side by side."""
    if len(cycles) < 2:
        return ""
    before, last = (cycles[number] for number in sorted(cycles)[-2:])
    return _list(
        words.render("variable.compared", 0, {"name": _name(words, n), **_both(last[n], before[n])})
        for n in COMPARED
        if n in last and n in before and abs(last[n] - before[n]) >= APART
    )


def _last_time(words: Registry, cycles: dict[int, dict[str, int]], music: str) -> str:
    """What was noted after the last infusion of which anything was; the next one has only what is
    asked before it."""
    after = [
        [f"{_name(words, n)} {found[n]}" for n in COMPARED if n in found and n not in BEFORE]
        for _, found in sorted(cycles.items())
    ]
    last = next((noted for noted in reversed(after) if noted), [])
    heard = [f"{words.render('variable.music')} {_quote(music)}"] if last and music else []
    return _list([*last, *heard])


def _name(words: Registry, variable: str) -> str:
    return words.render(f"variable.{variable}")


def _both(last: int, before: int) -> dict[str, str]:
    return {"last": str(last), "before": str(before)}


def _list(texts: Iterable[str]) -> str:
    return "; ".join(list(texts)[:_SHOWN])


def _quote(text: str) -> str:
    words = text.split()
    kept = " ".join(words[:_QUOTED_WORDS])
    return f"“{kept}…”" if len(words) > _QUOTED_WORDS else f"“{kept}”"
