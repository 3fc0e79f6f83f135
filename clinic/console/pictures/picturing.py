"""The pages of pictures: one patient over time, and the clinic in figures."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from bot.variables import TRACKED
from clinic import pictures, pictures_by_step
from clinic.console import wording
from clinic.console.desk import Desk, MissingError, zone
from clinic.console.patient import person
from clinic.console.pictures import against, overview, response, room, trending
from clinic.console.pictures.trends import Course
from clinic.console.sign_in.access import Who
from clinic.records.models import Clinic, Patient


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/patients/{patient_id}/pictures")
    def patient(
        patient_id: str, who: Annotated[Who, Depends(desk.signed_in)], rating: str = ""
    ) -> Response:
        with desk.reading(who, patient_id) as (session, reason):
            when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
            name = system.vault(session).shown_name(session.get_one(Patient, patient_id))
            course = Course(system, session, patient_id, when)
            drawn = [
                *(pictures.line(one, when.short_day) for one in course.measures()),
                *(pictures.line(one, when.short_day) for one in course.tracked()),
            ]
            responded = response.response(course)
            effects, series = course.after_effects(), course.series()
            unreadable = person.unreadable(system, session, patient_id)
            laid = against.against(system, session, course.infusions, course.held, rating)
            system.audit.add(
                session,
                system.clock.now(),
                f"staff:{who.staff.id}",
                "measures.read",
                f"patient:{patient_id}",
                patient_id,
                reason=reason,
            )
        return desk.page(
            "pictures.html",
            who,
            here="review",
            patient_id=patient_id,
            name=name,
            initials=wording.initials(name),
            reason=wording.REASONS[reason],
            responded=pictures_by_step.series(responded),
            cut_offs=response.cut_offs(),
            drawn=drawn,
            effects=pictures.spans(effects),
            effects_said=effects.sentence,
            series=series,
            laid=laid,
            unreadable=unreadable,
            dots=[pictures.scatter(one) for one in laid.scatters],
            ratings=[TRACKED[name] for name in against.EXPERIENCED],
        )

    @router.get("/console/overview")
    def clinic(
        who: Annotated[Who, Depends(desk.signed_in)],
        days: int = 90,
    ) -> Response:
        if days not in overview.STRETCHES:
            raise MissingError
        with system.database.read() as session:
            when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
            figures = overview.figures(system, session, days, when)
            rated = room.rated(system, session, when)
        return desk.page(
            "overview.html",
            who,
            here="overview",
            figures=figures,
            stretches=overview.STRETCHES,
            trends=[pictures_by_step.columns(one) for one in trending.columns(figures)],
            shares=[pictures_by_step.shares(one) for one in trending.shares(rated)],
            fewest=room.fewest(),
        )

    @router.get("/console/overview/room")
    def note(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        """A page for the people of the infusion room, to print."""
        with system.database.read() as session:
            held = session.get_one(Clinic, 1)
            when = wording.When(system.clock.now(), zone(held))
            rated = room.rated(system, session, when)
        return desk.page(
            "room.html",
            who,
            here="overview",
            house=held.name,
            rated=rated,
            shares=[pictures_by_step.shares(one) for one in trending.shares(rated)],
            fewest=room.fewest(),
        )
