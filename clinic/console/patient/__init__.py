"""One patient: transcript, person, infusions, summary, who read it, and the ways out."""
