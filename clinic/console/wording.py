"""The desk's words for codes and times. Plain and exact; times in the clinic's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.records import vault

LEVELS = {"none": "None flagged", "watch": "Watch", "urgent": "Urgent", "emergency": "Emergency"}

CATEGORIES = {
    "suicide": "Suicide",
    "self_harm": "Self-harm",
    "harm_to_others": "Harm to others",
    "abuse": "Abuse",
    "psychosis_mania": "Psychosis or mania",
    "substance": "Substance use",
    "medical": "Medical",
}

#: Where a patient is, said to a clinician (the patient's own words for it are in the registry).
PLACES = {
    "onboarding": "Before the first infusion",
    "preparation": "Preparing for the first infusion",
    "day_of": "Infusion today",
    "infusion": "Infusion {number} now",
    "recovery": "Recovery, infusion {number}",
    "evening": "Evening after infusion {number}",
    "day_1": "Day 1 after infusion {number}",
    "day_2": "Day 2 after infusion {number}",
    "day_3": "Day 3 after infusion {number}",
    "day_4_5": "Day 4 or 5 after infusion {number}",
    "between": "Between infusions, {number} done",
    "pre_next": "Next infusion soon, {number} done",
    "end_of_induction": "Series done, {number} infusions",
    "maintenance": "Maintenance",
    "ended": "Program ended",
}

#: The same in a word or two, for a row of one line.
STAGES = {
    "onboarding": "New",
    "preparation": "Preparing",
    "day_of": "Today",
    "infusion": "Infusion",
    "recovery": "Recovery",
    "evening": "Evening",
    "day_1": "Day 1",
    "day_2": "Day 2",
    "day_3": "Day 3",
    "day_4_5": "Day 4-5",
    "between": "Between",
    "pre_next": "Next soon",
    "end_of_induction": "Series done",
    "maintenance": "Maintenance",
    "ended": "Ended",
}

#: Whose words a message holds.
AUTHORS = {
    "patient": "The patient",
    "bot": "Companion",
    "staff": "The team",
    "system": "Afterglow",
}

#: What a person says of the detector's level (console/review/judgements.py).
VERDICTS = {"right": "Right", "false_alarm": "False alarm", "missed": "Missed"}

#: What staff put beside a message (records/review.py).
BESIDE = {"note": "Note", "tag": "Tag", "bookmark": "Bookmark", "quote": "Quote for the summary"}

#: In the place of words whose ciphertext does not open.
UNREADABLE = "This cannot be opened: its bytes were changed. Tell the person who runs Afterglow."

#: Why somebody may read a patient (relations.py), as the page says it.
REASONS = {
    "therapist": "Your patient",
    "supervisor": "You supervise",
    "on_call": "You are on call",
    "called": "An alert called you",
    "glass": "You opened this in an emergency",
}

#: Why a clinician opened a patient that is not theirs (clinic/glass.py).
GLASS = {
    "danger": "Somebody may be in danger now",
    "cover": "The patient's own clinician cannot be reached",
    "asked": "Emergency services or another hospital asks",
    "other": "Another reason",
}

TASKS = {
    "human_request": "A person",
    "medication": "About medication",
    "schedule": "About an appointment",
    "ride": "About a ride home",
    "forms": "About forms",
    "relapse_watch": "Look at the PHQ-9 within two days",
    "question": "A question",
    "illness": "Ill before an infusion",
    "fasting": "Food or drink before an infusion",
    "therapist": "Someone to talk to",
    "under_age": "Says they are under 18: the companion is closed to them until this is done",
    "pause": "Wants a pause: the companion no longer comes by itself",
    "summary": "A page for the visit is ready",
    "other": "Something else",
    "welfare": "Silent since an alert: look in on them",
    "welfare_touches": "Twice no answer after an infusion, earlier thoughts of suicide: look in",
}

TONES = {"hard": "Hard", "mixed": "Mixed", "peaceful": "Peaceful", "nothing": "Nothing happened"}

#: Role -> its name and what it means.
ROLES = {
    "therapist": ("Therapist", "reads the patients they treat"),
    "on_call": ("On call", "can be put on the rota; reads whom an alert is about"),
    "supervisor": ("Supervisor", "reads the patients they supervise; looks at emergency openings"),
    "admin": ("Administrator", "runs the clinic's side: people and settings; reads no patient"),
}

CHANNELS = {
    "email": "E-mail",
    "sms": "Text message",
    "push": "Browser notification",
    "pagerduty": "PagerDuty",
    "webhook": "Webhook",
    "apprise": "Team room",
}

#: What a person types to add one, and a word of help.
ADDRESSES = {
    "email": ("E-mail address", "Such as noor@clinic.example"),
    "sms": ("Phone number", "With its country code, such as +1 555 0142 000"),
    "pagerduty": ("Integration key", "Of a PagerDuty service with Events API v2"),
    "webhook": ("Address", "An https address on one of the clinic's own hosts"),
    "apprise": ("Name of the room", "As the person who runs Afterglow has named it"),
}

STEPS = {
    "on_call": "whoever is on call",
    "team": "the patient's team",
    "everyone": "every clinician",
    "fallback": "the fallback list",
}

#: What the auditor found, said to staff (escalation/auditor.py).
TROUBLE = {
    "engine_silent": "The alert engine is silent.",
    "overdue": "A call or a lease was overdue; it was made up for.",
    "stuck_notification": "A notification was stuck; it was freed.",
    "alert_without_notification": "An alert had called nobody; it calls now.",
    "alert_not_delivered": "An alert is open and no notification has gone out: watch the list.",
    "risk_without_alert": "A message showed risk without an alert; one was opened.",
    "message_unassessed": "A message was not screened; an alert was opened.",
    "nobody_on_call": "Nobody who can be reached is on call now.",
    "audit_chain_broken": "The log of who did what was changed from outside.",
    "auditor_silent": "The check beside the alert engine has stopped.",
}

SENT = {
    "queued": "waiting to be sent",
    "sending": "being sent",
    "sent": "sent",
    "failed": "could not be sent",
    "dropped": "no longer needed",
}

DELIVERED = "delivered"

#: What an audit row says happened. An action without a sentence shows its code.
ACTIONS = {
    "transcript.read": "Read the transcript",
    "transcript.reviewed": "Marked messages as read",
    "summary.read": "Read the page before a visit",
    "measures.read": "Looked at the pictures over time",
    "transcript.find": "Looked for words in the record",
    "annotation.add": "Wrote or kept something beside the transcript",
    "annotation.change": "Changed a note",
    "judgement.add": "Judged the detector",
    "judgement.reword": "Made a test sentence of a message",
    "judgement.export": "Took the test sentences along",
    "annotation.remove": "Took something off the transcript's margin",
    "access.denied": "Was refused: no relation",
    "message.receive": "Wrote a message",
    "escalation.open": "Opened an alert",
    "escalation.rise": "Raised an alert's level",
    "escalation.acknowledge": "Acknowledged an alert",
    "escalation.release": "Gave an alert back",
    "escalation.ack_lapsed": "Opened an alert again: no outcome in time",
    "escalation.nobody": "Found nobody to call at a step",
    "escalation.unanswered": "Told the patient that nobody has answered",
    "escalation.newcomer": "Called whoever came on call",
    "escalation.hand_over": "Asked a colleague to take an alert",
    "escalation.contact": "Noted an attempt to reach the patient",
    "escalation.holder_left": "Opened an alert again: its holder went silent",
    "conversation.hold_lapsed": "Went silent; the companion took the conversation back",
    "auditor.found": "The auditor found trouble",
    "welfare.silence": "Opened a task: the patient has been silent",
    "escalation.resolve": "Resolved an alert",
    "conversation.take": "Took over the conversation",
    "conversation.give_back": "Handed the conversation back",
    "conversation.write": "Wrote to the patient",
    "patient.add": "Added the patient",
    "patient.invite": "Invited the patient",
    "patient.indications": "Changed what the infusions are for",
    "patient.medical_history": "Noted the medical history",
    "patient.location": "Read where the patient was last",
    "patient.erased": "Erased the patient's record",
    "relation.add": "Added a care relation",
    "relation.end": "Took a care relation away",
    "hand_over.note": "Wrote a note for whoever takes the patient over",
    "follow_up.keep": "Kept something to follow up",
    "follow_up.done": "Followed something up",
    "staff.leave": "Ended somebody's access",
    "staff.return": "Gave somebody access again",
    "glass.open": "Opened the patient in an emergency",
    "glass.close": "Closed an emergency opening",
    "glass.seen": "Looked at an emergency opening",
    "infusion.record": "Recorded an infusion",
    "session.start": "Opened the chat with an invitation",
    "session.refused": "Was refused: invitation",
    "record.export": "Exported the record",
    "infusion.plan": "Planned an infusion",
    "infusion.begin": "Noted that an infusion began",
    "infusion.move": "Moved an infusion",
    "infusion.cancel": "Cancelled an infusion",
    "patient.travel": "Changed the patient's time zone",
    "patient.program": "Changed the patient's program",
    "touches.wanted": "Asked the companion to come by itself",
    "touches.stopped": "Asked the companion not to come by itself",
    "touch.move": "Moved a time of the companion",
    "touch.later": "Put off a time of the companion",
    "touch.skip": "Left out a time of the companion",
    "entry.shared": "Shared a journal entry",
    "entry.private": "Made a journal entry private",
    "entry.erased": "Erased a journal entry",
    "step.done": "Said that a small step is done",
    "step.partly": "Said that a small step is partly done",
    "step.not_yet": "Said that a small step is not done yet",
    "step.dropped": "Let a small step go",
    "step.keep": "Kept a decision for later",
    "step.drop": "Let a decision go",
    "step.bring": "Asked to talk a decision over",
    "step.practice": "Noted time spent looking back",
    "step.booked": "Said whether time with a therapist is booked",
    "wake.add": "Added a way to be woken",
    "wake.on": "Confirmed a way to be woken",
    "wake.off": "Removed a way to be woken",
    "wake.stopped": "Asked not to be woken",
    "wake.failed": "Could not be woken: delivery failed",
    "request.done": "Marked a request as done",
    "contact.add": "Added a way to be reached",
    "contact.code": "Was sent a code",
    "contact.verified": "Confirmed a way to be reached",
    "contact.refused": "Was refused: code",
    "contact.remove": "Removed a way to be reached",
    "notification.failed": "A notification could not be delivered",
    "callback.refused": "Refused an answer from outside",
}


#: What becomes of a touch, and why it did not come (clinic/touches).
TOUCHES = {
    "pending": "To come",
    "open": "Has come, not answered yet",
    "answered": "Answered",
    "missed": "Missed",
    "cancelled": "Not wanted any more",
}
TOUCH_CHOSEN = "To come, at the patient's own time"
TOUCH_REASONS = {
    "late": "its time was over",
    "recorded_late": "the infusion was recorded after its time",
    "no_room": "no room outside the quiet hours",
    "not_answered": "nobody wrote",
    "never_came": "the patient has not opened the chat yet",
    "under_age": "they said that they are under 18",
    "clinician": "a clinician had the conversation",
    "alert": "an alert or a worry was open",
    "quiet": "quiet hours",
    "infusion": "an infusion was near",
    "another": "another one waited for an answer",
    "talking": "the patient was writing",
    "next_infusion": "the next infusion came",
    "stopped": "the patient wants none",
    "program_ended": "the program ended",
    "skipped": "the patient skipped it",
    "another_step": "the patient has chosen another step",
    "settled": "the patient has settled it",
}

#: Codes that staff enter about an infusion (data/variables.yml).
ENTERED = {
    "iv": "Into a vein (IV)",
    "im": "Into a muscle (IM)",
    "sc": "Under the skin (SC)",
    "nasal": "Nose",
    "oral": "Mouth",
    "benzodiazepine": "Benzodiazepine",
    "anti_nausea": "Against nausea",
    "blood_pressure": "For blood pressure",
    "pain": "Against pain",
    "magnesium": "Magnesium",
    "other": "Something else",
}


@dataclass(frozen=True)
class When:
    """Says times as people do, seen from ``now`` in one zone."""

    now: datetime
    zone: ZoneInfo

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def day(self, moment: datetime) -> date:
        return self.local(moment).date()

    def begin(self, day: date) -> datetime:
        """The first moment of that day here."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def clock(self, moment: datetime) -> str:
        """ "9:04 pm"."""
        local = self.local(moment)
        return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"

    def date(self, moment: datetime) -> str:
        """ "Friday, November 20", with the year when it is another one."""
        local = self.local(moment)
        said = f"{local:%A}, {local:%B} {local.day}"
        return said if local.year == self.local(self.now).year else f"{said}, {local.year}"

    def heading(self, moment: datetime) -> str:
        """A day as a heading: "Today, Friday, November 20"."""
        gap = self.day(self.now) - self.day(moment)
        near = {timedelta(0): "Today, ", timedelta(days=1): "Yesterday, "}.get(gap, "")
        return near + self.date(moment)

    def soon(self, moment: datetime) -> str:
        """A moment ahead: "today, 2:00 pm", "tomorrow, 2:00 pm", "on Thursday, 2:00 pm"."""
        ahead = (self.day(moment) - self.day(self.now)).days
        day = {0: "today", 1: "tomorrow"}.get(ahead, f"on {self.local(moment):%A}")
        return f"{day}, {self.clock(moment)}"

    def short_day(self, moment: datetime) -> str:
        """ "Nov 19", with the year in another year."""
        local = self.local(moment)
        said = f"{local:%b} {local.day}"
        return said if local.year == self.local(self.now).year else f"{said} {local.year}"

    def short(self, moment: datetime) -> str:
        """ "9:04 pm" today, "Nov 19, 9:04 pm" on another day, with the year in another year."""
        local, today = self.local(moment), self.local(self.now)
        if local.date() == today.date():
            return self.clock(moment)
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local:%b} {local.day}{year}, {self.clock(moment)}"


def day_and_hour(local: datetime) -> str:
    """ "Thu, Mar 12, 10:00 am" of a time that is local already."""
    clock = f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"
    return f"{local:%a}, {local:%b} {local.day}, {clock}"


def signed(value: float, places: int = 0) -> str:
    """A number of a scale that has its zero in the middle: "-2", "0", "+1"."""
    said = f"{value:+.{places}f}"
    return said if float(said) else said[1:]


def unopened(count: int) -> str:
    """Said wherever a record is shown or taken along; empty when all of it opens."""
    if not count:
        return ""
    what = "1 row of this record" if count == 1 else f"{count} rows of this record"
    return f"{what} cannot be opened and {'is' if count == 1 else 'are'} not shown."


def initials(name: str) -> str:
    """ "Sam Doe" -> "SD"; one name gives one letter. Names are shown in full only beside them."""
    if name == vault.UNREADABLE:
        return "?"
    parts = [part for part in name.split() if part[0].isalnum()] or [name.strip() or "?"]
    letters = parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")
    return letters.upper()
