"""The queue of notifications: claimed with a lease, delivered at least once, settled once."""
