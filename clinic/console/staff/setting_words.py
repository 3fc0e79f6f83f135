"""What the page of the clinic's settings calls each of them."""

#: Heading -> (field, label, hint, kind of input).
GROUPS = (
    (
        "Reaching the clinic",
        (
            ("phone", "Phone", "Shown to patients and on the staff's sign-in page.", "tel"),
            ("hours", "Hours, in words", "Shown to patients. Not set: Weekdays 9 to 5.", "text"),
            (
                "opening",
                "Opening times, for the program",
                "Urgent alerts go to the team then, otherwise to whoever is on call. Such as "
                "mon-fri 09:00-17:00, sat 10:00-13:00. Not set: mon-fri 09:00-17:00.",
                "text",
            ),
            ("closed_on", "Closed on", "Days with spaces between: 2026-12-25 2027-01-01.", "text"),
            (
                "reads_within",
                "Messages are read within",
                "What patients are told. Not set: 2 working days.",
                "text",
            ),
            (
                "staff_help",
                "On call and locked out",
                "A sentence for the staff's sign-in page: whom to call.",
                "long",
            ),
        ),
    ),
    (
        "Numbers for an emergency",
        (
            (
                "country",
                "Country",
                "Two letters; decides the numbers to call. Not set: US.",
                "short",
            ),
            (
                "emergency_number",
                "Emergency number",
                "Only if it is not the country's. Dial it before you set it.",
                "short",
            ),
            (
                "crisis_line",
                "Crisis line",
                "Only if it is not the country's. Dial it before you set it.",
                "text",
            ),
            ("crisis_text", "The same line by text message", "Only if it takes texts.", "text"),
        ),
    ),
    (
        "What patients are told, in your words",
        (
            (
                "fasting",
                "Eating and drinking before an infusion",
                "Not set: nothing is claimed.",
                "long",
            ),
            ("music", "Music during an infusion", "Not set: nothing is claimed.", "long"),
            (
                "session_length",
                "How long an infusion takes",
                "Not set: nothing is claimed.",
                "long",
            ),
            (
                "integration",
                "Talking about it with somebody",
                "What your clinic offers to patients without a therapist.",
                "long",
            ),
            ("schedule", "How infusions are scheduled", "Not set: nothing is claimed.", "long"),
        ),
    ),
    (
        "The clock",
        (
            (
                "planned",
                "Infusions in a series",
                "4 to 8. After the last one the companion looks back on all. Not set: 6.",
                "number",
            ),
            (
                "window_hours",
                "Looking back is thought to help most for so many hours",
                "24 to 120. Only what patients are told who ask; it is said not to be proven, and "
                "the companion comes until day 5 whatever stands here. Not set: 72.",
                "number",
            ),
            (
                "driving_hours",
                "No driving for so many hours",
                "And never before the next morning. Not set: 24. Who writes of driving sooner "
                "alerts you; within 24 hours always.",
                "number",
            ),
            (
                "after_effects_hours",
                "Fog, dizziness or nausea alerts you after so many hours",
                "1 to 4: a clinic may be stricter, not laxer. In what patients write, in the six "
                "questions on the body, in the evening check. Not set: 4.",
                "number",
            ),
            (
                "morning",
                "The next morning begins at",
                "The hour, on the patient's clock. Not set: 6.",
                "number",
            ),
            (
                "day_of_hours",
                "The day of the infusion begins so many hours before",
                "Not set: 12.",
                "number",
            ),
            (
                "pre_next_hours",
                "Looking back begins so many hours before the next one",
                "Not set: 48.",
                "number",
            ),
            (
                "next_first_hours",
                "So close to the next one it comes first",
                "Hours. Not set: 24.",
                "number",
            ),
            (
                "usual_minutes",
                "An infusion usually takes so many minutes",
                "Counts where nobody recorded the end. Not set: 60.",
                "number",
            ),
            (
                "longest_hours",
                "It counts as over after so many hours",
                "Where nobody recorded the end. Not set: 4.",
                "number",
            ),
        ),
    ),
    (
        "When the companion comes by itself",
        (
            (
                "visit_hour",
                "On the days after an infusion it comes at",
                "The hour, on the patient's clock: 9 to 18. Patients can move each visit. Counts "
                "for visits planned from then on. Not set: 10.",
                "number",
            ),
            (
                "reminder_hour",
                "On the two days before one it comes at",
                "12 to 17. Sleep, water and food first, then the ride home. Not set: 16.",
                "number",
            ),
        ),
    ),
    (
        "The desk",
        (
            (
                "break_glass_hours",
                "An emergency opening lasts so many hours",
                "Not set: 4.",
                "number",
            ),
        ),
    ),
)
