"""One patient over time, and the clinic in figures."""
