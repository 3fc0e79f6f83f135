"""Waking a patient: that something waits, never what. By mail, text message or push, as they chose.

A way counts once a code that was sent there came back (``contacts``). What goes out is a row of the
outbox like any other, and is looked at again at the claim and right before it is sent (``calls``).
"""
