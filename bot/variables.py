"""What is tracked about an infusion (domain.md 1.2): names and allowed values, no words.

A check-in holds any of these. They are codes and numbers only: a patient's words about them belong
to a record with a choice about sharing. Ranges are the checklist's; none is a clinical cut-off.
"""

from __future__ import annotations

from typing import Any


def _scale(low: int, high: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


def _codes(*codes: str) -> dict[str, Any]:
    return {"enum": list(codes)}


_TEN = _scale(0, 10)
_YES = _codes("yes", "no")
_AMOUNT = _codes("low", "ok", "good")
_SETTING = _codes("good", "mixed", "poor")

#: name -> JSON schema of its value. The checklist's row stands behind it.
VARIABLES: dict[str, dict[str, Any]] = {
    "body": _codes("fine", "tired", "unwell", "foggy", "sick", "dizzy"),  # V32
    "tone": _codes("hard", "mixed", "peaceful", "nothing"),  # V29, V30
    "distress": _TEN,  # A12
    "mood": _scale(-4, 4),  # V01
    "worry": _TEN,  # V02
    "expecting": _codes("hope", "fear", "both", "neutral"),  # V03
    "openness": _TEN,  # V05
    "readiness": _TEN,  # V23
    "support": _SETTING,  # V06
    "light": _SETTING,
    "sound": _SETTING,
    "privacy": _SETTING,
    "music_helped": _TEN,  # V07
    "comfort": _codes("yes", "some", "no"),  # V08
    "eye_mask": _YES,  # V09
    "sleep_hours": _scale(0, 24),  # V10
    "sleep_quality": _TEN,
    "fasting": _codes("kept", "broken", "unsure"),  # V11
    "drinking": _AMOUNT,  # V12
    "eating": _AMOUNT,  # V13
    "medicines_changed": _YES,  # V14, V15
    "supplements": _YES,
    "cycle": _codes("bleeding", "before", "after", "other"),  # V16, opt-in
    "ill": _YES,  # V17
    "therapy": _YES,  # V23, P18
    "stress": _codes("low", "some", "high"),  # V24
    "reflected": _codes("none", "a_little", "some", "much"),  # V25
    "substances": _YES,  # V26
    "day_load": _codes("light", "ok", "heavy"),  # V27
    "intensity": _TEN,  # V29
    "insight": _TEN,
    "content": _codes("imagery", "memory", "emotion", "body", "insight", "nothing"),  # V30
    "allowing": _TEN,  # V31: 0 resisted, 10 let it be
    "fog": _scale(0, 3),  # V32: 0 none, 3 strong
    "dizzy": _scale(0, 3),
    "nausea": _scale(0, 3),
    "ride": _YES,  # P11, A07
    "therapist_booked": _YES,  # W07
    "step_done": _codes("done", "partly", "not_yet"),  # W06
}

#: Asked before an infusion, so they belong to the one that comes.
BEFORE = frozenset(
    {
        *("mood", "worry", "expecting", "openness", "readiness", "comfort", "ride", "day_load"),
        *("sleep_hours", "sleep_quality", "fasting", "drinking", "eating", "medicines_changed"),
        *("supplements", "cycle", "ill", "substances"),
    }
)
#: Numbers that are laid side by side when somebody asks why an infusion was different.
COMPARED = (
    *("sleep_hours", "sleep_quality", "worry", "mood", "openness", "readiness"),
    *("intensity", "insight", "allowing", "music_helped"),
)
