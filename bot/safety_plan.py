"""The parts of a safety plan, in the order they are asked (after Stanley and Brown; own wording).

What a patient writes belongs to them: it is kept word for word, one record an answer, so that every
earlier version stays. A plan is for the person; it is no promise and nothing is scored.
"""

PARTS = ("warning_signs", "coping", "places", "people", "professionals", "environment")
