"""What both environments share: pure functions and data, no network, no database, no clock.

Nothing in here (outside ``bot/rasa``) imports Rasa or the clinic service; it runs on Python 3.10
and later. A test holds this.
"""
