"""The pages of judging the detector: one message's judgement, what waits, how far readers agree,
and the test sentences to take along."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from clinic.console import relations, wording
from clinic.console.desk import Desk, back_to, zone
from clinic.console.inbox import queue
from clinic.console.review import first_reads, judgements, margin, review
from clinic.console.sign_in import access, keys
from clinic.console.sign_in.access import Who
from clinic.people import NotPossibleError
from clinic.records.models import Clinic

Text = Annotated[str, Form()]


def add(router: APIRouter, desk: Desk) -> None:
    system = desk.system

    @router.get("/console/judging")
    def waiting(who: Annotated[Who, Depends(desk.signed_in)]) -> Response:
        return overview(desk, who)

    @router.post("/console/judging/export")
    def export(
        who: Annotated[Who, Depends(desk.acting)], code: Text = "", signed: Text = ""
    ) -> Response:
        """The confirmed sentences of one's patients, for tests/risk/reviewed."""
        if not access.again(system, who, code, signed):
            return overview(desk, who, 422, {"code": access.NOT_PROVED})
        now = system.clock.now()
        with system.database.write() as session:
            mine = relations.readable(session, who.staff, now)
            sentences = judgements.regression_set(system, session, mine)
            system.audit.add(
                session, now, f"staff:{who.staff.id}", "judgement.export", "judgements"
            )
        name = f"reviewed-{now:%Y-%m-%d}.yml"
        return Response(
            sentences,
            media_type="application/yaml",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @router.post("/console/patients/{patient_id}/judged/{seq}")
    def judge(
        patient_id: str,
        seq: int,
        who: Annotated[Who, Depends(desk.acting)],
        level: Text = "",
        category: Text = "",
        text: Text = "",
    ) -> Response:
        try:
            with desk.reading(who, patient_id) as (session, _):
                message = margin.message_at(session, patient_id, seq)
                judgements.judge(system, session, message, who.staff, level, category, text)
        except NotPossibleError as refused:
            return margin.show(desk, who, patient_id, seq, 422, {"judge": str(refused)}, text)
        return back_to(margin.url(patient_id, seq, "judged", "#judge-title"))

    @router.post("/console/patients/{patient_id}/judged/{seq}/sentence")
    def sentence(
        patient_id: str,
        seq: int,
        who: Annotated[Who, Depends(desk.acting)],
        text: Text = "",
        confirmed: Text = "",
    ) -> Response:
        try:
            with desk.reading(who, patient_id) as (session, _):
                message = margin.message_at(session, patient_id, seq)
                judgements.reword(system, session, message, who.staff, text, confirmed == "yes")
        except NotPossibleError as refused:
            return margin.show(desk, who, patient_id, seq, 422, {"sentence": str(refused)}, text)
        return back_to(margin.url(patient_id, seq, "kept", "#judge-title"))


def overview(
    desk: Desk, who: Who, status: int = 200, problems: dict[str, str] | None = None
) -> Response:
    """What waits for this person, what to begin with, and the figures."""
    system = desk.system
    with system.database.read() as session:
        mine = relations.readable(session, who.staff, system.clock.now())
        waiting = judgements.waiting(session, who.staff, mine)
        when = wording.When(system.clock.now(), zone(session.get(Clinic, 1)))
        begin = first_reads.of(system, session, review.own(session, who.staff.id), when)
        named = [*(one.patient_id for one in waiting), *(one.patient_id for one in begin)]
        letters = queue.initials(system, session, named)
        agreed, tally = judgements.agreed(session), judgements.tally(session)
    return desk.page(
        "judging.html",
        who,
        status,
        here="judging",
        waiting=waiting,
        begin=begin,
        days=first_reads.DAYS,
        letters=letters,
        agreed=agreed,
        tally=tally,
        keyed=keys.has(system, who.staff),
        problems=problems or {},
    )
