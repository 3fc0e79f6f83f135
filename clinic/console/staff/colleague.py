"""For administrators: inviting a colleague, and one colleague's roles, relations and what was
changed of them. Patients are named by record number, but for those whose name the administrator may
see (relations.nameable): running a clinic is no reason to read them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import invitations
from clinic.console.desk import Desk, MissingError, back_to
from clinic.console.patient import newcomers, reads
from clinic.console.sign_in.access import Who
from clinic.console.staff import staffing
from clinic.console.staff.staffing import UnsureError
from clinic.console.staff.team import PAGE
from clinic.notify import AddressError, Channels
from clinic.people import NotPossibleError
from clinic.records.models import Audit, CareRelation, Staff, StaffInvitation

Text = Annotated[str, Form()]
Several = Annotated[list[str], Form()]
_MOST = 50
_CHANGES = {
    "staff.add": "Set up from the command line",
    "staff.invite": "Invited",
    "staff.uninvite": "Invitation withdrawn",
    "staff.join": "Set up their sign-in",
    "staff.roles": "Roles changed",
    "staff.leave": "Left",
    "staff.return": "Came back",
    "staff.reset_sign_in": "Sign-in reset",
    "staff.renewed": "Set up their sign-in anew",
    "sign_in.new_phone": "Another phone",
    "sign_in.new_key": "Another security key",
    "sign_in.key_gone": "Security key removed",
    "sign_in.account": "Tied to an account of the clinic",
    "recovery.renew": "New recovery codes",
    "relation.add": "Relation to a patient",
    "relation.end": "Relation ended",
}
_SAID = {
    "roles": "Roles changed. It holds from now on, on open pages too.",
    "related": "They can read the patient from now on.",
    "unrelated": "They can read the patient no longer.",
    "reset": "Their sign-in is reset, and a link to set it up anew is on its way to them.",
}


@dataclass(frozen=True)
class Change:
    at: datetime
    who: str
    what: str
    detail: str


@dataclass(frozen=True)
class Asked:
    """What was refused until somebody is sure: the form to send again."""

    action: str
    fields: list[tuple[str, str]]
    warnings: list[str]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system
    mail = Channels(system).get("email")

    def admin(who: Annotated[Who, Depends(desk.acting)]) -> Who:
        return leads(who)

    @router.post(f"{PAGE}/invitations")
    def invite(
        who: Annotated[Who, Depends(admin)],
        name: Text = "",
        title: Text = "",
        email: Text = "",
        roles: Several = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        typed = {"name": name, "title": title, "email": email, "roles": roles}
        problems = _problems(name, roles)
        try:
            address = mail.address(email)
        except AddressError as error:
            problems["email"] = str(error)
        if not problems:
            try:
                with system.database.write() as session:
                    by = session.get_one(Staff, who.staff.id)
                    clean = (name.strip(), title.strip())
                    invitations.invite(system, session, by, *clean, address, roles)
            except NotPossibleError as error:
                problems["email"] = str(error)
        if problems:
            return desk.page("invite.html", who, 422, here="team", form=typed, problems=problems)
        return back_to(f"{PAGE}?said=invited")

    @router.get(f"{PAGE}/invite")
    def ask(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        leads(who)
        form = {"name": "", "title": "", "email": "", "roles": ["therapist"]}
        return desk.page("invite.html", who, here="team", form=form, problems={})

    @router.post(f"{PAGE}/invitations/{{invitation_id}}/withdraw")
    def withdraw(invitation_id: str, who: Annotated[Who, Depends(admin)]) -> Response:
        with system.database.write() as session:
            row = _open(session, invitation_id)
            invitations.withdraw(system, session, session.get_one(Staff, who.staff.id), row)
        return back_to(f"{PAGE}?said=withdrawn")

    @router.post(f"{PAGE}/invitations/{{invitation_id}}/again")
    def again(invitation_id: str, who: Annotated[Who, Depends(admin)]) -> Response:
        with system.database.write() as session:
            row = _open(session, invitation_id)
            by = session.get_one(Staff, who.staff.id)
            invitations.again(system, session, by, session.get_one(Staff, row.staff_id))
        return back_to(f"{PAGE}?said=invited")

    @router.get(f"{PAGE}/{{staff_id}}")
    def colleague(
        staff_id: str, who: Annotated[Who, Depends(desk.signed_in)], said: str = ""
    ) -> Response:
        leads(who)
        return _page(who, staff_id, done=_SAID.get(said, ""))

    @router.post(f"{PAGE}/{{staff_id}}/roles")
    def set_roles(
        staff_id: str,
        who: Annotated[Who, Depends(admin)],
        roles: Several = [],  # noqa: B006 - FastAPI copies it
        sure: Text = "",
    ) -> Response:
        chosen = set(roles) & set(invitations.ROLES)

        def act(session: Session, person: Staff) -> None:
            actor = f"staff:{who.staff.id}"
            staffing.set_roles(system, session, person, chosen, actor, bool(sure))

        fields = [("roles", role) for role in sorted(chosen)]
        return _do(who, staff_id, "roles", fields, act)

    @router.post(f"{PAGE}/{{staff_id}}/relations")
    def relate(
        staff_id: str, who: Annotated[Who, Depends(admin)], patient: Text = "", kind: Text = ""
    ) -> Response:
        def act(session: Session, person: Staff) -> None:
            staffing.relate(system, session, person, patient, kind, f"staff:{who.staff.id}")

        return _do(who, staff_id, "relations", [("patient", patient), ("kind", kind)], act)

    @router.post(f"{PAGE}/{{staff_id}}/unrelate")
    def unrelate(
        staff_id: str,
        who: Annotated[Who, Depends(admin)],
        patient: Text = "",
        kind: Text = "",
        sure: Text = "",
    ) -> Response:
        def act(session: Session, person: Staff) -> None:
            actor = f"staff:{who.staff.id}"
            staffing.unrelate(system, session, person, patient, kind, actor, bool(sure))

        return _do(who, staff_id, "unrelate", [("patient", patient), ("kind", kind)], act)

    @router.post(f"{PAGE}/{{staff_id}}/leave")
    def leave(staff_id: str, who: Annotated[Who, Depends(admin)], sure: Text = "") -> Response:
        if staff_id == who.staff.id:
            raise MissingError

        def act(session: Session, person: Staff) -> None:
            staffing.let_go(system, session, person, f"staff:{who.staff.id}", bool(sure))

        return _do(who, staff_id, "leave", [], act)

    def _do(
        who: Who,
        staff_id: str,
        what: str,
        fields: list[tuple[str, str]],
        act: Callable[[Session, Staff], None],
    ) -> Response:
        try:
            with system.database.write() as session:
                act(session, somebody(session, staff_id, lock=True))
        except UnsureError as error:
            asked = Asked(f"{PAGE}/{staff_id}/{what}", fields, error.warnings)
            return _page(who, staff_id, 409, asked=asked)
        except NotPossibleError as error:
            return _page(who, staff_id, 409, {what: str(error)}, typed=dict(fields))
        if what == "leave":
            return back_to(f"{PAGE}?said=left")
        said = {"relations": "related", "unrelate": "unrelated"}.get(what, what)
        return back_to(f"{PAGE}/{staff_id}?said={said}")

    def _page(
        who: Who,
        staff_id: str,
        status: int = 200,
        problems: dict[str, str] | None = None,
        typed: dict[str, str] | None = None,
        asked: Asked | None = None,
        done: str = "",
    ) -> Response:
        with system.database.read() as session:
            person = somebody(session, staff_id)
            relations = session.scalars(
                select(CareRelation)
                .where(CareRelation.staff_id == staff_id)
                .order_by(CareRelation.since.desc(), CareRelation.patient_id)
            ).all()
            changes = _changes(session, staff_id)
            names = newcomers.names(system, session, who.staff)
        return desk.page(
            "colleague.html",
            who,
            status,
            here="team",
            person=person,
            roles=invitations.ROLES,
            relations=relations,
            names=names,
            changes=changes,
            problems=problems or {},
            typed={"patient": "", "kind": ""} | (typed or {}),
            asked=asked,
            done=done,
        )


def leads(who: Who) -> Who:
    """Whoever may change the team."""
    if "admin" not in who.staff.roles:
        raise MissingError
    return who


def somebody(session: Session, staff_id: str, *, lock: bool = False) -> Staff:
    """A colleague, one who has left too; nobody who was only invited."""
    person = session.get(Staff, staff_id, with_for_update=lock)
    if person is None or staff_id in invitations.waiting(session):
        raise MissingError
    return person


def _open(session: Session, invitation_id: str) -> StaffInvitation:
    row = session.get(StaffInvitation, invitation_id, with_for_update=True)
    if row is None or row.used_at or row.withdrawn_at or row.renews:
        raise MissingError
    return row


def _problems(name: str, roles: list[str]) -> dict[str, str]:
    problems = {}
    if not name.strip():
        problems["name"] = "Write the name as patients are to see it."
    if not roles or not set(roles) <= set(invitations.ROLES):
        problems["roles"] = "Choose one role or more."
    return problems


def _changes(session: Session, staff_id: str) -> list[Change]:
    rows = session.scalars(
        select(Audit)
        .where(Audit.subject == f"staff:{staff_id}", Audit.action.in_(_CHANGES))
        .order_by(Audit.seq.desc())
        .limit(_MOST)
    )
    return [
        Change(row.at, reads.actor(session, row.actor), _CHANGES[row.action], _detail(row))
        for row in rows
    ]


def _detail(row: Audit) -> str:
    if row.action == "staff.roles":
        parts = {"gained": row.detail["gained"], "lost": row.detail["lost"]}
        said = [f"{word} {roles}" for word, roles in parts.items() if roles]
        return "; ".join(said).replace("_", " ")
    if row.action.startswith("relation."):
        return f"{row.detail['kind']} of {row.patient_id}"
    return str(row.detail.get("roles", "")).replace("_", " ")
