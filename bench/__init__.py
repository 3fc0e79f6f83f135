"""Speed and size of the whole system, as ratios and beside their goals: `python -m bench`."""
