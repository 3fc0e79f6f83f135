"""A short tour of the desk for a clinician who is new: what stands where, one page after another.

It stands in the page above its content and covers nothing. Where somebody is in it is kept with
them (``staff.tour``), so it goes on in another window, and once it is over it does not come again.
In the demo clinic it offers itself; elsewhere it begins on the page of the team.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinic.records.models import Staff

#: In ``staff.tour``: seen, or not wanted.
OVER = -1
_CLINICIANS = {"therapist", "on_call", "supervisor"}


@dataclass(frozen=True)
class Step:
    """``path``: a page of the desk, ``{patient}`` being one of theirs."""

    title: str
    words: str
    path: str


STEPS = (
    Step(
        "What cannot wait",
        "Alerts stand here, gravest first, and on a good day none does. One calls you until "
        "somebody acknowledges it, and it stays until its outcome is written down.",
        "/console",
    ),
    Step(
        "Your patients",
        "Whoever needs something of you stands first, with the reason. Opening a patient is "
        "recorded, and the patient can see that you did.",
        "/console/patients",
    ),
    Step(
        "A week in one go",
        "Chat, journal, infusions and answers in one line of time; what was flagged says why. When "
        "you are through, mark it as read: the patient gets a receipt.",
        "/console/patients/{patient}/review",
    ),
    Step(
        "Over time",
        "Scores and mood with the infusions marked. A triangle is a change that means something; a "
        "dot is not.",
        "/console/patients/{patient}/pictures",
    ),
    Step(
        "Before a visit",
        "One page since the last infusion. Each line leads to where it comes from.",
        "/console/patients/{patient}/summary",
    ),
    Step(
        "Stepping into the chat",
        "The talk as it runs. While you hold it the companion is silent, and every message is "
        "still screened.",
        "/console/patients/{patient}",
    ),
    Step(
        "How you are reached",
        "An alert reaches you only by ways that were proved with a code. Prove one before you "
        "are on call for the first time.",
        "/console/reach",
    ),
)


@dataclass(frozen=True)
class Shown:
    """Where somebody is: the ``number`` of the step, from 1; 0 is the offer."""

    number: int
    step: Step | None
    last: bool


def shown(staff: Staff, demo: bool) -> Shown | None:
    """What of it stands on this person's pages; None before it began and once it is over."""
    if staff.tour is None:
        offered = demo and bool(_CLINICIANS & set(staff.roles))
        return Shown(0, None, False) if offered else None
    if not 0 <= staff.tour < len(STEPS):
        return None
    return Shown(staff.tour + 1, STEPS[staff.tour], staff.tour + 1 == len(STEPS))


def page(step: Step, patient_id: str | None) -> str:
    """The address of a step; without a patient to show, that of the list where they will stand."""
    if "{patient}" in step.path and patient_id is None:
        return "/console/patients"
    return step.path.format(patient=patient_id)
