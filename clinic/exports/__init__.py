"""A patient's record on its way out of the system."""
