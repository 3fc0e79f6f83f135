"""What a patient's browser talks to: the hosted page, the embed line and the chat's interface."""
