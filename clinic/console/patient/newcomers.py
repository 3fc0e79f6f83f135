"""Patients who are new here: added, given a therapist, and handed a link into the chat.

Whoever runs the clinic knows a patient's name until its owner has come in, and no longer
(docs/adr/0031). The link is shown once, on a page that is made to be printed.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import people
from clinic.console import relations
from clinic.console.desk import HOME, Desk, MissingError, back_to
from clinic.console.sign_in.access import Who
from clinic.console.sign_in.sign_in import picture
from clinic.conversation import delivery, whereabouts
from clinic.patient import access
from clinic.patient.pages import day
from clinic.people import NotPossibleError
from clinic.records.models import CareRelation, Clinic, Invitation, Patient, Staff, new_id
from clinic.system import System

NEW = f"{HOME}/patients/new"
Text = Annotated[str, Form()]
#: What a form may bring as the id of somebody who is not there yet: one that new_id made.
_KEY = re.compile(r"[0-9a-f]{32}")
_WHY = {
    "name": "Write their name as the clinic has it.",
    "therapist": "Choose their therapist: somebody has to read what they write.",
}


@dataclass(frozen=True)
class Newcomer:
    """``until``: when the link that was handed out ends; None: none waits."""

    id: str
    name: str
    therapists: list[str]
    until: datetime | None


def may_add(staff: Staff) -> bool:
    """An administrator for everybody, a therapist for themselves."""
    return staff.active and bool({"admin", "therapist"} & set(staff.roles))


def names(system: System, session: Session, staff: Staff) -> dict[str, str]:
    """The patients this person may name, by id, in order of their names."""
    ids = relations.nameable(session, staff, system.clock.now())
    vault = system.vault(session)
    found = session.scalars(select(Patient).where(Patient.id.in_(ids)))
    named = {one.id: vault.shown_name(one) for one in found}
    return dict(sorted(named.items(), key=lambda pair: pair[1].casefold()))


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    def adds(who: Annotated[Who, Depends(desk.signed_in)]) -> Who:
        if not may_add(who.staff):
            raise MissingError
        return who

    def adding(who: Annotated[Who, Depends(desk.acting)]) -> Who:
        return adds(who)

    @router.get(NEW)
    def ask(who: Annotated[Who, Depends(adds)]) -> Response:
        with system.database.read() as session:
            clinic = session.get(Clinic, 1)
        typed = {"timezone": clinic.timezone if clinic else "", "key": new_id()}
        return show(who, typed)

    @router.post(NEW)
    def create(
        who: Annotated[Who, Depends(adding)],
        name: Text = "",
        timezone: Text = "",
        phone: Text = "",
        country: Text = "",
        therapist: Text = "",
        key: Text = "",
    ) -> Response:
        typed = {
            "name": " ".join(name.split()),
            "timezone": timezone.strip(),
            "phone": phone.strip(),
            "country": country.strip(),
            "therapist": therapist,
            "key": key if _KEY.fullmatch(key) else new_id(),
        }
        with system.database.write() as session:
            chosen = _therapists(session, who.staff).get(therapist)
            if "admin" not in who.staff.roles:
                chosen = session.get_one(Staff, who.staff.id)
            problems = _problems(typed, chosen)
            if not problems and chosen and session.get(Patient, typed["key"]) is None:
                _keep(session, who, typed, chosen)
        if problems:
            return show(who, typed, problems)
        return back_to(_place(typed["key"]))

    def _keep(session: Session, who: Who, typed: dict[str, str], therapist: Staff) -> None:
        actor = f"staff:{who.staff.id}"
        phone, country = typed["phone"] or None, typed["country"] or None
        patient = people.add_patient(
            system,
            session,
            typed["name"],
            typed["timezone"],
            phone,
            country,
            actor=actor,
            patient_id=typed["key"],
        )
        people.relate(system, session, patient, therapist, "therapist", actor)

    def show(who: Who, typed: dict[str, str], problems: dict[str, str] | None = None) -> Response:
        with system.database.read() as session:
            waiting = _waiting(system, session, who.staff)
            therapists = _therapists(session, who.staff)
        return desk.page(
            "new_patient.html",
            who,
            422 if problems else 200,
            here="patients",
            typed={"name": "", "phone": "", "country": "", "therapist": ""} | typed,
            problems=problems or {},
            waiting=waiting,
            therapists=therapists.values(),
            zones=sorted(available_timezones()),
        )

    @router.get(f"{HOME}/patients/{{patient_id}}/invitation")
    def way_in(patient_id: str, who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        with desk.inviting(who, patient_id) as session:
            values = sheet(session, who, patient_id)
        return desk.page("way_in.html", who, here="patients", **values)

    @router.post(f"{HOME}/patients/{{patient_id}}/invitation")
    def invite(patient_id: str, who: Annotated[Who, Depends(desk.acting)]) -> Response:
        with desk.inviting(who, patient_id) as session:
            token = access.invite(system, session, patient_id, f"staff:{who.staff.id}")
            values = sheet(session, who, patient_id, access.invitation_url(system, token))
        return desk.page("way_in.html", who, here="patients", **values)

    def sheet(session: Session, who: Who, patient_id: str, link: str = "") -> dict[str, Any]:
        """The page for the patient's hands; without ``link`` it offers to make one."""
        now, patient = system.clock.now(), session.get_one(Patient, patient_id)
        until = now + access.INVITATION_LIFE
        known = whereabouts.settings(session.get_one(Clinic, 1), patient)
        return {
            "patient_id": patient_id,
            "name": system.vault(session).shown_name(patient),
            "came": patient_id not in set(session.scalars(relations.newcomers())),
            "mine": relations.may_read(session, who.staff, patient_id, now) is not None,
            "waits": _until(session, patient_id, now),
            "link": link,
            "picture": picture(link) if link else "",
            "until": day(until.astimezone(ZoneInfo(patient.timezone))),
            "say": lambda item, **values: system.words.render(item, 0, values),
            "help": delivery.help_lines(system, known),
        }


def _place(patient_id: str) -> str:
    return f"{HOME}/patients/{patient_id}/invitation"


def _problems(typed: dict[str, str], therapist: Staff | None) -> dict[str, str]:
    given = {"name": typed["name"], "therapist": therapist}
    problems = {field: why for field, why in _WHY.items() if not given[field]}
    checks = {"timezone": people.zone_named, "country": people.country_named}
    for field, check in checks.items():
        try:
            if typed[field] or field == "timezone":
                check(typed[field])
        except NotPossibleError as error:
            problems[field] = str(error)
    return problems


def _therapists(session: Session, staff: Staff) -> dict[str, Staff]:
    """Whom an administrator can choose; a therapist adds their own patients and no others."""
    if "admin" not in staff.roles:
        return {}
    working = session.scalars(select(Staff).where(Staff.active).order_by(Staff.name))
    return {one.id: one for one in working if "therapist" in one.roles}


def _waiting(system: System, session: Session, staff: Staff) -> list[Newcomer]:
    """Who was added and has not come in, of those this person may name."""
    now = system.clock.now()
    new = set(session.scalars(relations.newcomers()))
    return [
        Newcomer(one, name, _treated_by(session, one), _until(session, one, now))
        for one, name in names(system, session, staff).items()
        if one in new
    ]


def _treated_by(session: Session, patient_id: str) -> list[str]:
    rows = select(Staff.name).join(CareRelation, CareRelation.staff_id == Staff.id)
    mine = (CareRelation.patient_id == patient_id) & (CareRelation.kind == "therapist")
    return list(session.scalars(rows.where(mine).order_by(Staff.name)))


def _until(session: Session, patient_id: str, now: datetime) -> datetime | None:
    return session.scalars(
        select(Invitation.expires_at).where(
            Invitation.patient_id == patient_id,
            Invitation.used_at.is_(None),
            Invitation.expires_at > now,
        )
    ).first()
