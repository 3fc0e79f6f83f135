"""The way of one patient message: intake, turn, delivery, hand-off (docs/architecture)."""
