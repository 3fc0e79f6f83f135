"""Touches: the companion comes by itself in the days after an infusion, and never at night."""
