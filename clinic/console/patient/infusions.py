"""A patient's infusions as staff keep them, and the touches that follow.

Planned, recorded, corrected, moved, cancelled; one by one, or from a table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from bot.variables import BY_STAFF, TRACKED
from clinic import details, importing, infusions
from clinic.console import relations, wording
from clinic.console.desk import HOME, Desk, back_to, zone
from clinic.console.patient import visits
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError
from clinic.records.models import Clinic, Infusion, Patient
from clinic.records.vault import Vault
from clinic.system import System

Text = Annotated[str, Form()]
SAID = {
    "record": "Recorded. The patient's days are planned from its end.",
    "correct": "Corrected. What was still to come has moved with it.",
    "plan": "Planned. The companion helps the patient to get ready.",
    "move": "Moved.",
    "cancel": "Cancelled. It stays on record.",
}
_COMING, _BEEN = 20, 12


@dataclass(frozen=True)
class Held:
    """One infusion as the page shows it."""

    id: str
    number: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    booster: bool
    minutes: int | None
    #: What was entered; None: it does not open.
    facts: tuple[tuple[str, str], ...] | None


Act = Callable[[System, Session, Patient], object]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/infusions")
    def all_of_them(
        patient_id: str,
        who: Annotated[Who, Depends(desk.signed_in)],
        said: str = "",
        correct: Annotated[str, Query(max_length=32)] = "",
    ) -> Response:
        return show(patient_id, who, done=SAID.get(said, ""), correcting=correct)

    @router.post("/console/patients/{patient_id}/infusions")
    def keep(
        patient_id: str,
        who: Annotated[Who, Depends(desk.acting)],
        form: Annotated[dict[str, Any], Depends(_fields)],
    ) -> Response:
        """Record one, or correct the one that the field ``infusion`` names."""
        correcting, actor = form["infusion"], f"staff:{who.staff.id}"

        def do(system: System, session: Session, patient: Patient) -> object:
            clocks = zone(session.get(Clinic, 1))
            start = importing.moment(form["started"], clocks)
            end = importing.moment(form["ended"], clocks)
            rest = bool(form.get("booster")), details.read(form), actor
            if correcting:
                return infusions.correct(system, session, patient, correcting, start, end, *rest)
            return infusions.record(system, session, patient, start, end, *rest)

        return act(patient_id, who, "correct" if correcting else "record", do, form)

    @router.post("/console/patients/{patient_id}/infusions/plan")
    def add_planned(
        patient_id: str, who: Annotated[Who, Depends(desk.acting)], starts: Text = ""
    ) -> Response:
        def do(system: System, session: Session, patient: Patient) -> object:
            start = importing.moment(starts, zone(session.get(Clinic, 1)))
            actor = f"staff:{who.staff.id}"
            return infusions.plan(system, session, patient, start, actor=actor)

        return act(patient_id, who, "plan", do, {"starts": starts})

    @router.post("/console/patients/{patient_id}/infusions/{number}/move")
    def move(
        patient_id: str,
        number: int,
        who: Annotated[Who, Depends(desk.acting)],
        starts: Text = "",
    ) -> Response:
        def do(system: System, session: Session, patient: Patient) -> object:
            start = importing.moment(starts, zone(session.get(Clinic, 1)))
            actor = f"staff:{who.staff.id}"
            return infusions.move(system, session, patient, number, start, actor)

        return act(patient_id, who, "move", do, {})

    @router.post("/console/patients/{patient_id}/infusions/{number}/cancel")
    def cancel(patient_id: str, number: int, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        def do(system: System, session: Session, patient: Patient) -> object:
            return infusions.cancel(system, session, patient, number, f"staff:{who.staff.id}")

        return act(patient_id, who, "cancel", do, {})

    @router.get("/console/import")
    def table(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        return _table(desk, who)

    @router.post("/console/import")
    def look_or_keep(
        who: Annotated[Who, Depends(desk.acting)],
        table: Text = "",
        confirmed: Text = "",
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        find = _readable(desk, who)
        try:
            text = table or (file.file.read().decode("utf-8-sig") if file else "")
            work = importing.keep if confirmed else importing.look
            found = work(system, text, find, f"staff:{who.staff.id}")
        except UnicodeDecodeError:
            return _table(desk, who, problem="That file is no text (UTF-8).")
        except NotPossibleError as error:
            return _table(desk, who, problem=str(error), text=table)
        return _table(desk, who, text=text, found=found, kept=bool(confirmed))

    def act(patient_id: str, who: Who, said: str, do: Act, form: Mapping[str, Any]) -> Response:
        try:
            with desk.reading(who, patient_id) as (session, _):
                do(system, session, session.get_one(Patient, patient_id))
        except NotPossibleError as error:
            problems = getattr(error, "problems", {_place(said, form): str(error)})
            return show(patient_id, who, status=422, problems=problems, form=form)
        return back_to(f"{HOME}/patients/{patient_id}/infusions?said={said}")

    def show(
        patient_id: str,
        who: Who,
        status: int = 200,
        done: str = "",
        correcting: str = "",
        problems: Mapping[str, str] | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> Response:
        with desk.reading(who, patient_id) as (session, _):
            patient = session.get_one(Patient, patient_id)
            vault, now = system.vault(session), system.clock.now()
            clocks = zone(session.get(Clinic, 1))
            rows = infusions.of(session, patient)
            chosen = next((one for one in rows if one.id == correcting and one.ended_at), None)
            values = {
                "name": vault.shown_name(patient),
                "held": [_held(vault, one, now) for one in reversed(rows)],
                "coming": visits.of(system, session, patient, ("pending", "open"))[:_COMING],
                "been": visits.of(system, session, patient, ("answered", "missed", "cancelled"))[
                    : -_BEEN - 1 : -1
                ],
                "zone": patient.timezone.replace("_", " "),
                "typed": form or (_typed(vault, chosen, clocks) if chosen else {}),
            }
        return desk.page(
            "infusions.html",
            who,
            status,
            here="patients",
            patient_id=patient_id,
            done=done,
            problems=problems or {},
            fields=[TRACKED[name] for name in BY_STAFF],
            **values,
        )


async def _fields(request: Request) -> dict[str, Any]:
    form = await request.form(max_files=0)
    found: dict[str, Any] = {"infusion": "", "started": "", "ended": "", "adjuncts": []}
    found |= {name: str(value) for name, value in form.items()}
    return found | {"adjuncts": [str(value) for value in form.getlist("adjuncts")]}


def _place(said: str, form: Mapping[str, Any]) -> str:
    """The field a refusal belongs to."""
    if said in ("record", "correct"):
        return "ended" if form.get("started") else "started"
    return "starts" if said == "plan" else "held"


def _held(vault: Vault, one: Infusion, now: datetime) -> Held:
    state = "recorded"
    if one.cancelled:
        state = "cancelled"
    elif one.started_at > now:
        state = "planned"
    elif one.ended_at is None:
        state = "running"
    entered = details.opened(vault, one)
    minutes = round((one.ended_at - one.started_at).total_seconds() / 60) if one.ended_at else None
    return Held(
        one.id,
        one.number,
        state,
        one.started_at,
        one.ended_at,
        one.booster,
        minutes,
        None if entered is None else tuple(facts(entered)),
    )


def facts(entered: Mapping[str, Any]) -> list[tuple[str, str]]:
    """("Dose", "42.5 mg") of everything that was entered."""
    return [
        (TRACKED[name].label, _said(name, entered[name])) for name in BY_STAFF if name in entered
    ]


def _said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(wording.ENTERED[code] for code in value)
    if isinstance(value, str):
        return wording.ENTERED[value]
    return f"{value:g} {TRACKED[name].unit}"


def _typed(vault: Vault, one: Infusion, clocks: ZoneInfo) -> dict[str, Any]:
    """A recorded infusion as the form's fields."""
    times = {"started": one.started_at, "ended": one.ended_at or one.started_at}
    return {
        "infusion": one.id,
        "number": one.number,
        "booster": one.booster,
        **{name: f"{at.astimezone(clocks):%Y-%m-%dT%H:%M}" for name, at in times.items()},
        **(details.opened(vault, one) or {}),
    }


def _readable(desk: Desk, who: Who) -> importing.Find:
    """Only one's own patients: another's looks like none."""
    with desk.system.database.read() as session:
        mine = set(relations.readable(session, who.staff, desk.system.clock.now()))

    def find(session: Session, named: str) -> Patient:
        if named not in mine:
            raise NotPossibleError("There is no such patient of yours.")
        return session.get_one(Patient, named)

    return find


def _table(
    desk: Desk,
    who: Who,
    problem: str = "",
    text: str = "",
    found: importing.Found | None = None,
    kept: bool = False,
) -> Response:
    names: dict[str, str] = {}
    with desk.system.database.read() as session:
        vault = desk.system.vault(session)
        for good in found.good if found else ():
            if good.patient_id not in names:
                names[good.patient_id] = vault.shown_name(session.get_one(Patient, good.patient_id))
    return desk.page(
        "import.html",
        who,
        422 if problem else 200,
        here="patients",
        problems={"file": problem} if problem else {},
        text=text,
        found=found,
        kept=kept,
        names=names,
        needed=importing.NEEDED,
        columns=importing.COLUMNS,
    )
