"""The pages of pictures: one patient over time, and the clinic in figures."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from bot.variables import TRACKED
from clinic import pictures, pictures_by_step
from clinic.console import wording
from clinic.console.desk import Desk, zone
from clinic.console.patient import person
from clinic.console.pictures import against, overview, response
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
        days: Annotated[int, Query(ge=1, le=366)] = 90,
    ) -> Response:
        with system.database.read() as session:
            figures = overview.figures(system, session, days)
        return desk.page("overview.html", who, here="overview", figures=figures)
